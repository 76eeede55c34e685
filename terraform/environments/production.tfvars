# Survives the loss of a zone, and refuses to be destroyed in passing.
fleet  = "framefleet"
region = "eu-central-1"

zones               = ["eu-central-1a", "eu-central-1b", "eu-central-1c"]
endpoint_zone_count = 2

cache_node_type = "cache.m7g.large"
cache_multi_az  = true

# Both architectures and several generations: the more pools Spot can choose from, the rarer an
# interruption. All have two cores and 2 GiB a core or more.
instance_types = {
  x86_64 = ["c7a.large", "c7i.large", "c6a.large", "c6i.large", "c5a.large", "m7a.large", "m6a.large", "m6i.large"]
  arm64  = ["c8g.large", "c7g.large", "c6g.large", "m7g.large", "m6g.large"]
}

cors_origins = ["https://app.example.com"]
alarm_emails = ["fleet-alarms@example.com"]

log_retention_days = 90
ship_agent_logs    = true
protect_data       = true
