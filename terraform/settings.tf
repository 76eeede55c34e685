# What each program is told by its environment. Both lists are compared with the sources by
# consistency/: a name that no program reads, or that is read and not here, fails the check.

locals {
  # Always set.
  environment = {
    agent = {
      FRAMEFLEET_FLEET             = var.fleet
      FRAMEFLEET_TABLE             = module.records.table_name
      FRAMEFLEET_UPLOADS_BUCKET    = module.storage.bucket_names.uploads
      FRAMEFLEET_RESULTS_BUCKET    = module.storage.bucket_names.results
      FRAMEFLEET_TASKS_QUEUE_URL   = module.queue.tasks_url
      FRAMEFLEET_REDIS_URL         = module.cache.urls.agent
      FRAMEFLEET_REDIS_SECRET_ID   = module.secrets.redis_secret_ids.agent
      FRAMEFLEET_METRICS_NAMESPACE = local.metrics_namespace
      # Only monitoring_cidrs get there; see modules/network/security_groups.tf.
      FRAMEFLEET_PROMETHEUS_LISTEN = "0.0.0.0:9464"
    }

    upload-handler = {
      FRAMEFLEET_TABLE             = module.records.table_name
      FRAMEFLEET_UPLOADS_BUCKET    = module.storage.bucket_names.uploads
      FRAMEFLEET_RESULTS_BUCKET    = module.storage.bucket_names.results
      FRAMEFLEET_REDIS_URL         = module.cache.urls.handler
      FRAMEFLEET_REDIS_SECRET_ID   = module.secrets.redis_secret_ids.handler
      FRAMEFLEET_CDN_URL           = "https://${module.cdn.domain_name}"
      FRAMEFLEET_CDN_KEY_PAIR_ID   = module.cdn.signing_key_id
      FRAMEFLEET_CDN_KEY_SECRET_ID = module.secrets.cdn_secret_names[var.cdn_signing_key]
    }

    ingest = {
      FRAMEFLEET_FLEET               = var.fleet
      FRAMEFLEET_TABLE               = module.records.table_name
      FRAMEFLEET_UPLOADS_BUCKET      = module.storage.bucket_names.uploads
      FRAMEFLEET_RESULTS_BUCKET      = module.storage.bucket_names.results
      FRAMEFLEET_TASKS_QUEUE_URL     = module.queue.tasks_url
      FRAMEFLEET_METRICS_NAMESPACE   = local.metrics_namespace
      FRAMEFLEET_CDN_DISTRIBUTION_ID = module.cdn.distribution_id
    }

    scale-in-guard = {
      FRAMEFLEET_FLEET           = var.fleet
      FRAMEFLEET_REDIS_URL       = module.cache.urls.guard
      FRAMEFLEET_REDIS_SECRET_ID = module.secrets.redis_secret_ids.guard
    }
  }

  clients = [
    "FRAMEFLEET_AWS_ATTEMPTS",
    "FRAMEFLEET_AWS_CONNECT_SECONDS",
    "FRAMEFLEET_AWS_OPERATION_SECONDS",
    "FRAMEFLEET_AWS_READ_SECONDS",
  ]

  limits = [
    "FRAMEFLEET_LIMIT_BODY_BYTES",
    "FRAMEFLEET_LIMIT_DURATION_SECONDS",
    "FRAMEFLEET_LIMIT_FILENAME_BYTES",
    "FRAMEFLEET_LIMIT_FRAME_PIXELS",
    "FRAMEFLEET_LIMIT_IMAGES",
    "FRAMEFLEET_LIMIT_SIDE_PIXELS",
    "FRAMEFLEET_LIMIT_TIMESTAMPS",
    "FRAMEFLEET_LIMIT_UPLOAD_SECONDS",
    "FRAMEFLEET_LIMIT_UPLOAD_URLS",
    "FRAMEFLEET_LIMIT_VIDEO_BYTES",
  ]

  decoder_limits = [
    "FRAMEFLEET_LIMIT_DECODER_CPU_SECONDS",
    "FRAMEFLEET_LIMIT_DECODER_IMAGE_BYTES",
    "FRAMEFLEET_LIMIT_DECODER_MEMORY_BYTES",
    "FRAMEFLEET_LIMIT_DECODER_OUTPUT_BYTES",
    "FRAMEFLEET_LIMIT_DECODER_REREADS",
    "FRAMEFLEET_LIMIT_DECODER_STALL_SECONDS",
    "FRAMEFLEET_LIMIT_DECODER_WALL_SECONDS",
  ]

  logs = ["FRAMEFLEET_LOG", "FRAMEFLEET_LOG_FORMAT"]

  # Have a default in the program; var.settings may set them.
  optional_settings = {
    agent = concat(local.clients, local.limits, local.decoder_limits, local.logs, [
      "FRAMEFLEET_ATTEMPTS",
      "FRAMEFLEET_CACHE_BYTES",
      "FRAMEFLEET_CONCURRENCY",
      "FRAMEFLEET_DRAIN_SECONDS",
      "FRAMEFLEET_FINALIZER_LEASE_SECONDS",
      "FRAMEFLEET_HOOK_HEARTBEAT_SECONDS",
      "FRAMEFLEET_INTERRUPTION_MARGIN_SECONDS",
      "FRAMEFLEET_JOB_TTL_SECONDS",
      "FRAMEFLEET_LEASE_SECONDS",
      "FRAMEFLEET_MAX_SEGMENTS",
      "FRAMEFLEET_METADATA_POLL_SECONDS",
      "FRAMEFLEET_POLL_SECONDS",
      "FRAMEFLEET_REPRIEVE_SECONDS",
      "FRAMEFLEET_SEGMENT_PIXELS",
      "FRAMEFLEET_TERMINATION_SECONDS",
    ])
    upload-handler = concat(local.clients, local.limits, local.logs, [
      "FRAMEFLEET_DOWNLOAD_EXPIRY_SECONDS",
      "FRAMEFLEET_UPLOAD_EXPIRY_SECONDS",
    ])
    ingest         = concat(local.clients, local.logs, ["FRAMEFLEET_BYTES_PER_WORK_SECOND"])
    scale-in-guard = local.logs
  }
}
