# The whole system, one module a concern. locals.tf has the names, settings.tf what each program is
# told, README.md how to bring it up.

module "observability" {
  source = "./modules/observability"

  fleet                  = var.fleet
  region                 = var.region
  kms_key_arn            = module.secrets.kms_key_arn
  retention_days         = var.log_retention_days
  log_group_arns         = local.arns.logs
  emails                 = var.alarm_emails
  metrics_namespace      = local.metrics_namespace
  queue_names            = local.names.queues
  group_name             = module.fleet.group_name
  cache_cluster_ids      = module.cache.cluster_ids
  oldest_message_seconds = var.oldest_task_seconds

  functions = {
    handler = module.upload_api.function_names.handler
    ingest  = module.upload_api.function_names.ingest
    guard   = module.scale_in_guard.function_name
  }

  api = {
    name  = module.upload_api.api_name
    stage = module.upload_api.stage_name
  }
}

module "secrets" {
  source = "./modules/secrets"

  fleet                  = var.fleet
  redis_users            = local.redis_users
  redis_password_version = var.redis_password_version
  cdn_key_names          = keys(var.cdn_public_keys)
  recovery_days          = var.protect_data ? 7 : 0
}

module "network" {
  source = "./modules/network"

  fleet               = var.fleet
  region              = var.region
  cidr                = var.vpc_cidr
  zones               = var.zones
  endpoint_zone_count = var.endpoint_zone_count
  table_arn           = local.arns.table
  monitoring_cidrs    = var.monitoring_cidrs
  session_manager     = var.session_manager
  ship_logs           = var.ship_agent_logs
  flow_log_group_arn  = module.observability.log_groups["vpc-refused"].arn

  buckets = {
    uploads = local.arns.buckets.uploads
    results = local.arns.buckets.results
  }

  private_actions = setunion(
    module.fleet.actions,
    module.scale_in_guard.actions,
    module.upload_api.actions,
  )
}

module "storage" {
  source = "./modules/storage"

  names                = local.names.buckets
  arns                 = local.arns.buckets
  events_queue_arn     = module.queue.events_arn
  cdn_distribution_arn = module.cdn.distribution_arn
  cors_origins         = var.cors_origins
  retention_days       = var.retention_days
  destroy_data         = !var.protect_data
}

module "queue" {
  source = "./modules/queue"

  names                  = local.names.queues
  arns                   = local.arns.queues
  bucket_arns            = [local.arns.buckets.uploads, local.arns.buckets.results]
  ingest_timeout_seconds = local.timeouts.ingest
}

module "records" {
  source = "./modules/records"

  name                = local.names.table
  deletion_protection = var.protect_data
}

module "cache" {
  source = "./modules/cache"

  fleet             = var.fleet
  node_type         = var.cache_node_type
  multi_az          = var.cache_multi_az
  subnet_ids        = module.network.subnet_ids
  security_group_id = module.network.security_group_ids["cache"]
  secret_ids        = module.secrets.redis_secret_ids
  password_version  = var.redis_password_version
}

module "cdn" {
  source = "./modules/cdn"

  fleet              = var.fleet
  origin_domain_name = module.storage.results_domain_name
  public_keys        = var.cdn_public_keys
  signing_key        = var.cdn_signing_key
  price_class        = var.cdn_price_class
  domain_name        = var.cdn_domain_name
  certificate_arn    = var.cdn_certificate_arn
}

module "scale_in_guard" {
  source = "./modules/scale_in_guard"

  fleet                = var.fleet
  package              = "${var.packages_dir}/scale-in-guard${local.package_suffix}.zip"
  architecture         = var.lambda_architecture
  subnet_ids           = module.network.subnet_ids
  security_group_id    = module.network.security_group_ids["guard"]
  log_group            = module.observability.log_groups["scale-in-guard"]
  metrics_namespace    = local.metrics_namespace
  reserved_concurrency = var.function_concurrency.guard
  keep_warm            = var.keep_guard_warm
  environment          = merge(local.environment["scale-in-guard"], var.settings["scale-in-guard"])

  secret = {
    arn_pattern = local.arns.redis_secrets.guard
    kms_key_arn = local.arns.kms_keys
  }
}

module "fleet" {
  source = "./modules/fleet"

  fleet                   = var.fleet
  instance_types          = var.instance_types
  ami_parameter_prefix    = var.ami_parameter_prefix
  root_device_name        = var.root_device_name
  root_volume_gb          = var.root_volume_gb
  min_size                = var.fleet_min_size
  max_size                = var.fleet_max_size
  on_demand_base          = var.on_demand_base
  on_demand_percentage    = var.on_demand_percentage
  warm_pool               = var.warm_pool
  force_delete            = !var.protect_data
  subnet_ids              = module.network.subnet_ids
  security_group_id       = module.network.security_group_ids["agents"]
  guard_alias_arn         = module.scale_in_guard.alias_arn
  service_linked_role_arn = module.scale_in_guard.service_linked_role_arn
  scaling_file            = "${path.module}/scaling.json"
  metrics_namespace       = local.metrics_namespace
  log_group               = var.ship_agent_logs ? module.observability.log_groups["agents"] : null
  session_manager         = var.session_manager
  environment             = merge(local.environment.agent, var.settings.agent)

  dimensions = {
    fleet      = var.fleet
    task_queue = local.names.queues.tasks
  }

  arns = {
    tasks   = local.arns.queues.tasks
    uploads = local.arns.buckets.uploads
    results = local.arns.buckets.results
    table   = local.arns.table
    secret  = local.arns.redis_secrets.agent
    kms_key = local.arns.kms_keys
  }
}

module "upload_api" {
  source = "./modules/upload_api"

  fleet                  = var.fleet
  openapi_file           = var.openapi_file
  architecture           = var.lambda_architecture
  subnet_ids             = module.network.subnet_ids
  security_group_id      = module.network.security_group_ids["handler"]
  events_queue_arn       = module.queue.events_arn
  distribution_arn       = module.cdn.distribution_arn
  metrics_namespace      = local.metrics_namespace
  log_groups             = module.observability.log_groups
  timeouts               = local.timeouts
  reserved_concurrency   = { handler = var.function_concurrency.handler, ingest = var.function_concurrency.ingest }
  throttle               = var.api_throttle
  usage_plans            = var.usage_plans
  api_keys               = var.api_keys
  manage_account_logging = var.manage_api_gateway_account

  packages = {
    handler = "${var.packages_dir}/upload-handler${local.package_suffix}.zip"
    ingest  = "${var.packages_dir}/ingest${local.package_suffix}.zip"
  }

  environment = {
    handler = merge(local.environment["upload-handler"], var.settings["upload-handler"])
    ingest  = merge(local.environment.ingest, var.settings.ingest)
  }

  arns = {
    tasks        = local.arns.queues.tasks
    events       = local.arns.queues.events
    uploads      = local.arns.buckets.uploads
    results      = local.arns.buckets.results
    table        = local.arns.table
    cdn_secret   = local.arns.cdn_secret
    redis_secret = local.arns.redis_secrets.handler
    kms_key      = local.arns.kms_keys
  }
}

locals {
  timeouts = { handler = 29, ingest = 20 }
}
