# Small and cheap, and gone without a trace after `terraform destroy`.
fleet  = "framefleet-test"
region = "eu-central-1"

zones               = ["eu-central-1a", "eu-central-1b"]
endpoint_zone_count = 1

cache_node_type = "cache.t4g.micro"
cache_multi_az  = false

instance_types = {
  x86_64 = ["c7a.large", "c7i.large", "c6a.large", "c6i.large", "m6a.large", "m6i.large"]
}

fleet_max_size = 4

function_concurrency = { handler = 10, ingest = 2, guard = 2 }

cors_origins = ["http://localhost:8080"]
api_keys     = { demo = "standard" }

retention_days     = { uploads = 1, fragments = 2, results = 3, logs = 7 }
log_retention_days = 7
session_manager    = true
protect_data       = false
