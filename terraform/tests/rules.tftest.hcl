# What must hold of every plan, whatever the operator chose.

variables {
  fleet           = "rules"
  region          = "eu-central-1"
  zones           = ["eu-central-1a", "eu-central-1b"]
  instance_types  = { x86_64 = ["c7a.large", "c6i.large"], arm64 = ["c7g.large"] }
  cors_origins    = ["https://app.example.com"]
  session_manager = true
  ship_logs       = true
}

run "storage" {
  command = plan

  module {
    source = "./modules/storage"
  }

  variables {
    names                = { uploads = "u", results = "r", logs = "l" }
    arns                 = { uploads = "arn:aws:s3:::u", results = "arn:aws:s3:::r", logs = "arn:aws:s3:::l" }
    events_queue_arn     = "arn:aws:sqs:eu-central-1:123456789012:e"
    cdn_distribution_arn = "arn:aws:cloudfront::123456789012:distribution/D"
    retention_days       = { uploads = 7, fragments = 8, results = 30, logs = 30 }
    destroy_data         = false
  }

  assert {
    condition = alltrue([
      for block in values(aws_s3_bucket_public_access_block.this) :
      block.block_public_acls && block.block_public_policy && block.ignore_public_acls && block.restrict_public_buckets
    ]) && length(aws_s3_bucket_public_access_block.this) == length(aws_s3_bucket.this)
    error_message = "A bucket can be made public."
  }

  assert {
    condition     = length(aws_s3_bucket_server_side_encryption_configuration.this) == length(aws_s3_bucket.this)
    error_message = "A bucket is not encrypted by default."
  }

  assert {
    condition = alltrue([
      for document in values(data.aws_iam_policy_document.bucket) : anytrue([
        for statement in jsondecode(document.json).Statement :
        statement.Effect == "Deny" && try(statement.Condition.Bool["aws:SecureTransport"], "") == "false"
      ])
    ])
    error_message = "A bucket answers without TLS."
  }

  assert {
    condition = alltrue(flatten([
      for document in values(data.aws_iam_policy_document.bucket) : [
        for statement in jsondecode(document.json).Statement :
        statement.Effect == "Deny" || try(statement.Principal.Service, null) != null
      ]
    ]))
    error_message = "A bucket policy lets in somebody who is not an AWS service."
  }

  assert {
    condition = alltrue([
      for lifecycle in [
        aws_s3_bucket_lifecycle_configuration.uploads,
        aws_s3_bucket_lifecycle_configuration.results,
        aws_s3_bucket_lifecycle_configuration.logs,
        ] : anytrue([
          for rule in lifecycle.rule : length(rule.abort_incomplete_multipart_upload) == 1
      ]) && anytrue([for rule in lifecycle.rule : length(rule.expiration) == 1])
    ])
    error_message = "A bucket keeps objects, or parts of unfinished uploads, for ever."
  }

  assert {
    condition     = one(aws_s3_bucket_cors_configuration.uploads[0].cors_rule).allowed_methods == toset(["PUT"])
    error_message = "Browsers may do more than upload."
  }
}

run "queues" {
  command = plan

  module {
    source = "./modules/queue"
  }

  variables {
    names                  = { tasks = "t.fifo", tasks_dead = "td.fifo", events = "e", events_dead = "ed" }
    arns                   = { tasks = "arn:aws:sqs:r:1:t.fifo", tasks_dead = "arn:aws:sqs:r:1:td.fifo", events = "arn:aws:sqs:r:1:e", events_dead = "arn:aws:sqs:r:1:ed" }
    bucket_arns            = ["arn:aws:s3:::u", "arn:aws:s3:::r"]
    ingest_timeout_seconds = 30
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.tasks.redrive_policy).deadLetterTargetArn == "arn:aws:sqs:r:1:td.fifo"
    error_message = "The tasks queue has no dead-letter queue."
  }

  assert {
    condition     = jsondecode(aws_sqs_queue.events.redrive_policy).deadLetterTargetArn == "arn:aws:sqs:r:1:ed"
    error_message = "The events queue has no dead-letter queue."
  }

  assert {
    condition     = aws_sqs_queue.tasks.fifo_queue && aws_sqs_queue.tasks.deduplication_scope == "messageGroup" && aws_sqs_queue.tasks.fifo_throughput_limit == "perMessageGroupId"
    error_message = "The tasks queue is not a high-throughput FIFO queue."
  }

  assert {
    condition     = aws_sqs_queue.events.visibility_timeout_seconds >= 6 * 30
    error_message = "An event could come back while the ingest function still works on it."
  }

  assert {
    condition = alltrue([
      for queue in [aws_sqs_queue.tasks, aws_sqs_queue.tasks_dead, aws_sqs_queue.events, aws_sqs_queue.events_dead] :
      queue.sqs_managed_sse_enabled
    ])
    error_message = "A queue is not encrypted."
  }
}

run "group" {
  command = plan

  module {
    source = "./modules/fleet"
  }

  variables {
    ami_parameter_prefix    = "/framefleet/ami"
    min_size                = null
    max_size                = null
    on_demand_base          = 0
    on_demand_percentage    = 0
    warm_pool               = null
    root_volume_gb          = 10
    root_device_name        = "/dev/sda1"
    force_delete            = false
    subnet_ids              = ["subnet-1", "subnet-2"]
    security_group_id       = "sg-1"
    guard_alias_arn         = "arn:aws:lambda:eu-central-1:123456789012:function:guard:live"
    service_linked_role_arn = "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling_rules"
    scaling_file            = "scaling.json"
    dimensions              = { fleet = "rules", task_queue = "t.fifo" }
    environment             = { FRAMEFLEET_FLEET = "rules" }
    arns                    = { tasks = "arn:aws:sqs:r:1:t", uploads = "arn:aws:s3:::u", results = "arn:aws:s3:::r", table = "arn:aws:dynamodb:r:1:table/t", secret = "arn:aws:secretsmanager:r:1:secret:s", kms_key = "arn:aws:kms:r:1:key/*" }
    metrics_namespace       = "Framefleet"
    log_group               = null
  }

  override_data {
    target = data.aws_ssm_parameter.ami
    values = { insecure_value = "ami-0123456789abcdef0" }
  }

  assert {
    condition     = aws_autoscaling_group.agents.min_size >= 0 && aws_autoscaling_group.agents.max_size >= 1
    error_message = "The group's size is out of range."
  }

  assert {
    condition     = aws_autoscaling_group.agents.termination_policies[0] == "arn:aws:lambda:eu-central-1:123456789012:function:guard:live"
    error_message = "The guard is not asked first."
  }

  assert {
    condition     = !aws_autoscaling_group.agents.capacity_rebalance
    error_message = "Capacity rebalancing ends machines without asking the guard."
  }

  assert {
    condition     = alltrue([for hook in aws_autoscaling_group.agents.initial_lifecycle_hook : hook.lifecycle_transition == "autoscaling:EC2_INSTANCE_TERMINATING"]) && length(aws_autoscaling_group.agents.initial_lifecycle_hook) == 1
    error_message = "A machine would end without draining."
  }

  assert {
    condition     = aws_ssm_parameter.agent["FRAMEFLEET_GROUP_NAME"].value == aws_autoscaling_group.agents.name && alltrue([for hook in aws_autoscaling_group.agents.initial_lifecycle_hook : hook.name == aws_ssm_parameter.agent["FRAMEFLEET_HOOK_NAME"].value])
    error_message = "The agents are told of another group or hook than theirs, and could not complete it."
  }

  assert {
    condition = alltrue([
      for template in values(aws_launch_template.agent) :
      one(template.metadata_options).http_tokens == "required" && one(template.metadata_options).http_put_response_hop_limit == 1
    ]) && length(aws_launch_template.agent) == 2
    error_message = "A machine answers to IMDSv1, or to others than itself."
  }

  assert {
    condition = alltrue([
      for template in values(aws_launch_template.agent) : one(one(template.block_device_mappings).ebs).encrypted == "true"
    ])
    error_message = "A machine's root volume is not encrypted."
  }

  assert {
    condition     = toset(keys(aws_cloudwatch_metric_alarm.scaling)) == toset(keys(jsondecode(file("scaling.json")).alarms))
    error_message = "The alarms are not those of scaling.json."
  }

  assert {
    condition     = alltrue([for alarm in values(jsondecode(file("scaling.json")).alarms) : contains(keys(aws_autoscaling_policy.step), alarm.policy)])
    error_message = "An alarm of scaling.json has no policy."
  }

  assert {
    condition     = alltrue([for alarm in values(aws_cloudwatch_metric_alarm.scaling) : alarm.dimensions != null && length(alarm.dimensions) >= 1])
    error_message = "A scaling alarm watches no particular fleet."
  }
}

run "a_group_without_a_guard_is_refused" {
  command = plan

  module {
    source = "./modules/fleet"
  }

  variables {
    ami_parameter_prefix    = "/framefleet/ami"
    min_size                = -1
    max_size                = 0
    on_demand_base          = 0
    on_demand_percentage    = 101
    warm_pool               = null
    root_volume_gb          = 10
    root_device_name        = "/dev/sda1"
    force_delete            = false
    subnet_ids              = ["subnet-1"]
    security_group_id       = "sg-1"
    guard_alias_arn         = "arn:aws:lambda:eu-central-1:123456789012:function:guard"
    service_linked_role_arn = "arn:aws:iam::123456789012:role/x"
    scaling_file            = "scaling.json"
    dimensions              = { fleet = "rules", task_queue = "t.fifo" }
    environment             = {}
    arns                    = { tasks = "a", uploads = "a", results = "a", table = "a", secret = "a", kms_key = "a" }
    metrics_namespace       = "Framefleet"
    log_group               = null
  }

  override_data {
    target = data.aws_ssm_parameter.ami
    values = { insecure_value = "ami-0123456789abcdef0" }
  }

  expect_failures = [
    var.guard_alias_arn,
    var.min_size,
    var.max_size,
    var.on_demand_percentage,
  ]
}

run "guard" {
  command = plan

  module {
    source = "./modules/scale_in_guard"
  }

  variables {
    package              = "tests/packages/scale-in-guard.zip"
    architecture         = "x86_64"
    subnet_ids           = ["subnet-1", "subnet-2"]
    security_group_id    = "sg-1"
    log_group            = { name = "/rules/scale-in-guard", arn = "arn:aws:logs:r:1:log-group:/rules/scale-in-guard" }
    environment          = {}
    secret               = { arn_pattern = "arn:aws:secretsmanager:r:1:secret:s", kms_key_arn = "arn:aws:kms:r:1:key/*" }
    metrics_namespace    = "Framefleet"
    reserved_concurrency = 2
    keep_warm            = false
  }

  override_resource {
    target          = aws_iam_service_linked_role.autoscaling
    override_during = plan
    values          = { arn = "arn:aws:iam::123456789012:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling_rules" }
  }

  assert {
    condition     = aws_lambda_permission.autoscaling.qualifier == "live" && endswith(aws_lambda_permission.autoscaling.principal, "/AWSServiceRoleForAutoScaling_rules")
    error_message = "The guard can be called by another than this group's service-linked role, or not on its alias."
  }

  assert {
    condition     = aws_lambda_function.guard.timeout <= 2 && aws_lambda_function.guard.reserved_concurrent_executions >= 1
    error_message = "The guard answers too late, or not at all."
  }

  assert {
    condition     = length(aws_cloudwatch_event_rule.warm) == 0
    error_message = "Keeping warm is an option that is off."
  }
}

run "a_guard_without_its_package_or_concurrency_is_refused" {
  command = plan

  module {
    source = "./modules/scale_in_guard"
  }

  variables {
    package              = "tests/packages/none.zip"
    architecture         = "x86_64"
    subnet_ids           = ["subnet-1"]
    security_group_id    = "sg-1"
    log_group            = { name = "g", arn = "arn:aws:logs:r:1:log-group:g" }
    environment          = {}
    secret               = { arn_pattern = "arn:aws:secretsmanager:r:1:secret:s", kms_key_arn = "arn:aws:kms:r:1:key/*" }
    metrics_namespace    = "Framefleet"
    reserved_concurrency = 0
    keep_warm            = true
  }

  expect_failures = [
    var.reserved_concurrency,
  ]
}

run "observability" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    log_group_arns         = "arn:aws:logs:r:1:log-group"
    kms_key_arn            = "arn:aws:kms:r:1:key/k"
    retention_days         = 30
    emails                 = ["someone@example.com"]
    metrics_namespace      = "Framefleet"
    queue_names            = { tasks = "t", tasks_dead = "td", events = "e", events_dead = "ed" }
    functions              = { handler = "h", ingest = "i", guard = "g" }
    group_name             = "agents"
    cache_cluster_ids      = ["rules-001"]
    api                    = { name = "rules", stage = "live" }
    oldest_message_seconds = 600
  }

  override_resource {
    target          = aws_sns_topic.alarms
    override_during = plan
    values          = { arn = "arn:aws:sns:r:1:alarms" }
  }

  assert {
    condition     = alltrue([for group in values(aws_cloudwatch_log_group.this) : group.retention_in_days == 30 && group.kms_key_id == "arn:aws:kms:r:1:key/k"])
    error_message = "A log group keeps its lines for ever, or in the clear."
  }

  assert {
    condition     = alltrue([for alarm in values(aws_cloudwatch_metric_alarm.people) : contains(alarm.alarm_actions, "arn:aws:sns:r:1:alarms")])
    error_message = "An alarm tells nobody."
  }

  assert {
    condition = alltrue([
      for name in ["tasks-dead-not-empty", "events-dead-not-empty", "tasks-wait", "guard-errors", "guard-faults", "agents-crash"] :
      contains(keys(aws_cloudwatch_metric_alarm.people), name)
    ])
    error_message = "An alarm that people should get is missing."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) >= 6
    error_message = "The dashboard is empty."
  }
}

run "a_retention_that_cloudwatch_does_not_know_is_refused" {
  command = plan

  module {
    source = "./modules/observability"
  }

  variables {
    log_group_arns         = "arn:aws:logs:r:1:log-group"
    kms_key_arn            = "arn:aws:kms:r:1:key/k"
    retention_days         = 0
    emails                 = []
    metrics_namespace      = "Framefleet"
    queue_names            = { tasks = "t", tasks_dead = "td", events = "e", events_dead = "ed" }
    functions              = { handler = "h", ingest = "i", guard = "g" }
    group_name             = "agents"
    cache_cluster_ids      = []
    api                    = { name = "rules", stage = "live" }
    oldest_message_seconds = 600
  }

  expect_failures = [var.retention_days]
}

run "redis_in_two_zones" {
  command = plan

  module {
    source = "./modules/cache"
  }

  variables {
    node_type         = "cache.m7g.large"
    multi_az          = true
    subnet_ids        = ["subnet-1", "subnet-2"]
    security_group_id = "sg-1"
    secret_ids        = { agent = "s", guard = "s", handler = "s" }
    password_version  = 1
  }

  assert {
    condition = (
      aws_elasticache_replication_group.this.multi_az_enabled &&
      aws_elasticache_replication_group.this.automatic_failover_enabled &&
      aws_elasticache_replication_group.this.num_cache_clusters == 2
    )
    error_message = "Redis does not survive a zone."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_enabled && aws_elasticache_replication_group.this.at_rest_encryption_enabled == "true"
    error_message = "Redis is not encrypted."
  }

  assert {
    condition = alltrue([
      for user in values(aws_elasticache_user.this) :
      strcontains(user.access_string, " -@all ") && strcontains(user.access_string, " ~framefleet:* ") && !strcontains(user.access_string, "+@all")
    ])
    error_message = "A Redis user may do more than its scripts."
  }
}

run "network" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    cidr                = "10.64.0.0/16"
    endpoint_zone_count = 1
    private_actions     = ["sqs:ReceiveMessage", "s3:GetObject", "dynamodb:GetItem", "kms:Decrypt"]
    buckets             = { uploads = "arn:aws:s3:::u" }
    table_arn           = "arn:aws:dynamodb:r:1:table/t"
    monitoring_cidrs    = []
    flow_log_group_arn  = "arn:aws:logs:r:1:log-group:g"
  }

  assert {
    condition     = length(aws_vpc_security_group_ingress_rule.scrape) == 0
    error_message = "Somebody may scrape agents although nobody was named."
  }

  assert {
    condition     = alltrue([for rule in values(aws_vpc_security_group_ingress_rule.flow) : rule.cidr_ipv4 == null])
    error_message = "A role is reached by address rather than by group."
  }

  assert {
    condition     = alltrue([for subnet in values(aws_subnet.private) : subnet.map_public_ip_on_launch != true]) && length(aws_subnet.private) == 2
    error_message = "A subnet gives out public addresses."
  }

  assert {
    condition = alltrue([
      for document in concat(values(data.aws_iam_policy_document.gateway), values(data.aws_iam_policy_document.interface)) :
      alltrue([for statement in jsondecode(document.json).Statement : statement.Condition.StringEquals["aws:PrincipalAccount"] != ""])
    ])
    error_message = "An endpoint serves principals of other accounts."
  }
}

run "an_action_that_no_endpoint_serves_is_refused" {
  command = plan

  module {
    source = "./modules/network"
  }

  variables {
    cidr                = "10.64.0.0/16"
    endpoint_zone_count = 1
    private_actions     = ["cloudfront:CreateInvalidation"]
    buckets             = { uploads = "arn:aws:s3:::u" }
    table_arn           = "arn:aws:dynamodb:r:1:table/t"
    monitoring_cidrs    = []
    flow_log_group_arn  = "arn:aws:logs:r:1:log-group:g"
  }

  expect_failures = [aws_vpc_endpoint.gateway]
}

run "cdn" {
  command = plan

  module {
    source = "./modules/cdn"
  }

  variables {
    origin_domain_name = "r.s3.eu-central-1.amazonaws.com"
    public_keys        = { old = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n", new = "-----BEGIN PUBLIC KEY-----\nMIIC\n-----END PUBLIC KEY-----" }
    signing_key        = "new"
    price_class        = "PriceClass_100"
    domain_name        = null
    certificate_arn    = null
  }

  assert {
    condition     = one(aws_cloudfront_distribution.results.default_cache_behavior).viewer_protocol_policy == "https-only"
    error_message = "Downloads go out without TLS."
  }

  assert {
    condition     = length(aws_cloudfront_public_key.this) == 2
    error_message = "Two keys cannot be trusted at once, so a rotation would break URLs."
  }

  assert {
    condition     = aws_cloudfront_origin_access_control.results.signing_behavior == "always"
    error_message = "The origin would have to be public."
  }
}

run "a_private_key_is_refused_as_a_public_one" {
  command = plan

  module {
    source = "./modules/cdn"
  }

  variables {
    origin_domain_name = "r.s3.eu-central-1.amazonaws.com"
    public_keys        = { a = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n" }
    signing_key        = "a"
    price_class        = "PriceClass_100"
    domain_name        = "cdn.example.com"
    certificate_arn    = null
  }

  expect_failures = [var.public_keys, var.certificate_arn]
}

run "a_signing_key_that_nobody_trusts_is_refused" {
  command = plan

  module {
    source = "./modules/cdn"
  }

  variables {
    origin_domain_name = "r.s3.eu-central-1.amazonaws.com"
    public_keys        = { a = "-----BEGIN PUBLIC KEY-----\nMIIB\n-----END PUBLIC KEY-----\n" }
    signing_key        = "b"
    price_class        = "PriceClass_100"
    domain_name        = null
    certificate_arn    = null
  }

  expect_failures = [var.signing_key]
}

run "api" {
  command = plan

  module {
    source = "./modules/upload_api"
  }

  variables {
    openapi_file           = "../openapi.yaml"
    packages               = { handler = "tests/packages/upload-handler.zip", ingest = "tests/packages/ingest.zip" }
    architecture           = "x86_64"
    environment            = { handler = {}, ingest = {} }
    subnet_ids             = ["subnet-1"]
    security_group_id      = "sg-1"
    arns                   = { tasks = "arn:aws:sqs:r:1:t", events = "arn:aws:sqs:r:1:e", uploads = "arn:aws:s3:::u", results = "arn:aws:s3:::r", table = "arn:aws:dynamodb:r:1:table/t", cdn_secret = "arn:aws:secretsmanager:r:1:secret:c", redis_secret = "arn:aws:secretsmanager:r:1:secret:s", kms_key = "arn:aws:kms:r:1:key/*" }
    events_queue_arn       = "arn:aws:sqs:r:1:e"
    distribution_arn       = "arn:aws:cloudfront::123456789012:distribution/D"
    metrics_namespace      = "Framefleet"
    log_groups             = { for writer in ["upload-handler", "ingest", "api-access"] : writer => { name = writer, arn = "arn:aws:logs:r:1:log-group:${writer}" } }
    timeouts               = { handler = 29, ingest = 30 }
    reserved_concurrency   = { handler = 2, ingest = 2 }
    throttle               = { rate = 10, burst = 20 }
    usage_plans            = { standard = { rate = 1, burst = 2, quota = 3, period = "DAY" } }
    api_keys               = { demo = "standard" }
    manage_account_logging = true
  }

  override_resource {
    target          = aws_lambda_alias.handler
    override_during = plan
    values          = { invoke_arn = "arn:aws:apigateway:r:lambda:path/handler:live" }
  }

  assert {
    condition = alltrue(flatten([
      for path, item in jsondecode(aws_api_gateway_rest_api.this.body).paths : [
        for method, operation in item :
        operation["x-amazon-apigateway-integration"].uri == "arn:aws:apigateway:r:lambda:path/handler:live"
      ]
    ]))
    error_message = "An operation of the contract leads nowhere."
  }

  assert {
    condition     = toset(keys(jsondecode(aws_api_gateway_rest_api.this.body).paths)) == toset(keys(yamldecode(file("../openapi.yaml")).paths))
    error_message = "The API's paths are not the contract's."
  }

  assert {
    condition = alltrue(flatten([
      for path, item in jsondecode(aws_api_gateway_rest_api.this.body).paths : [
        for method, operation in item : length(operation.security) == 1 if startswith(path, "/api/")
      ]
    ]))
    error_message = "A path under /api can be called without a key."
  }

  assert {
    condition     = alltrue([for plan in values(aws_api_gateway_usage_plan.this) : length(plan.throttle_settings) == 1 && length(plan.quota_settings) == 1])
    error_message = "A plan has no rate or no quota."
  }

  assert {
    condition     = contains(aws_lambda_event_source_mapping.events.function_response_types, "ReportBatchItemFailures")
    error_message = "One bad event would bring its whole batch back."
  }
}
