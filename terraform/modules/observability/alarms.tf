# What a person should know, and nothing that mends itself. Each says what to look at first.

resource "aws_sns_topic" "alarms" {
  name              = "${var.fleet}-alarms"
  display_name      = "${var.fleet} alarms"
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_subscription" "email" {
  for_each = var.emails

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

data "aws_caller_identity" "this" {}

data "aws_iam_policy_document" "topic" {
  statement {
    sid       = "AlarmsOfThisAccount"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.topic.json
}

locals {
  alarms = merge(
    {
      for role in ["tasks_dead", "events_dead"] : "${replace(role, "_", "-")}-not-empty" => {
        about      = "A message failed every attempt. Read it in the queue ${var.queue_names[role]}, mend the cause, then start a redrive."
        namespace  = "AWS/SQS"
        metric     = "ApproximateNumberOfMessagesVisible"
        dimensions = { QueueName = var.queue_names[role] }
        statistic  = "Maximum"
        period     = 60
        periods    = 1
        threshold  = 0
      }
    },
    {
      tasks-wait = {
        about      = "A task has waited for ${var.oldest_message_seconds} s. Look at the group's activity (Spot capacity, quotas) and at the agents' log."
        namespace  = "AWS/SQS"
        metric     = "ApproximateAgeOfOldestMessage"
        dimensions = { QueueName = var.queue_names.tasks }
        statistic  = "Maximum"
        period     = 60
        periods    = 5
        threshold  = var.oldest_message_seconds
      }
      events-wait = {
        about      = "An upload has waited 5 minutes for the ingest function. Look at its log."
        namespace  = "AWS/SQS"
        metric     = "ApproximateAgeOfOldestMessage"
        dimensions = { QueueName = var.queue_names.events }
        statistic  = "Maximum"
        period     = 60
        periods    = 3
        threshold  = 300
      }
      agents-crash = {
        about      = "Agents end unexpectedly, again and again. Look at the agents' log for the last line before each start."
        namespace  = var.metrics_namespace
        metric     = "AgentCrashes"
        dimensions = { Fleet = var.fleet }
        statistic  = "Sum"
        period     = 300
        periods    = 2
        threshold  = 4
      }
      # The guard answers "nobody" rather than fail, so its faults are a metric of its own.
      guard-faults = {
        about      = "The guard cannot decide (Redis away, or an event it does not know), so the group cannot shrink. Nothing is lost, but machines cost. Look at its log."
        namespace  = var.metrics_namespace
        metric     = "GuardErrors"
        dimensions = { Fleet = var.fleet }
        statistic  = "Sum"
        period     = 60
        periods    = 3
        threshold  = 0
      }
      api-errors = {
        about      = "The API answers 5xx. Look at the upload handler's log."
        namespace  = "AWS/ApiGateway"
        metric     = "5XXError"
        dimensions = { ApiName = var.api.name, Stage = var.api.stage }
        statistic  = "Sum"
        period     = 60
        periods    = 3
        threshold  = 5
      }
    },
    {
      for role in ["handler", "ingest", "guard"] : "${role}-errors" => {
        about      = "The function ${var.functions[role]} fails. Look at its log.${role == "guard" ? " Until it works the group cannot shrink; nothing is lost, but machines cost." : ""}"
        namespace  = "AWS/Lambda"
        metric     = "Errors"
        dimensions = { FunctionName = var.functions[role] }
        statistic  = "Sum"
        period     = 60
        periods    = 3
        threshold  = 0
      }
    },
    {
      for role in ["handler", "ingest", "guard"] : "${role}-throttled" => {
        about      = "The function ${var.functions[role]} runs as often at once as it may. Raise its reserved concurrency."
        namespace  = "AWS/Lambda"
        metric     = "Throttles"
        dimensions = { FunctionName = var.functions[role] }
        statistic  = "Sum"
        period     = 60
        periods    = 3
        threshold  = 0
      }
    },
    {
      for id in var.cache_cluster_ids : "redis-memory-${id}" => {
        about      = "Redis is nearly full, and it never evicts: writes will fail. Take a larger node type."
        namespace  = "AWS/ElastiCache"
        metric     = "DatabaseMemoryUsagePercentage"
        dimensions = { CacheClusterId = id }
        statistic  = "Maximum"
        period     = 60
        periods    = 5
        threshold  = 80
      }
    },
  )
}

resource "aws_cloudwatch_metric_alarm" "people" {
  for_each = local.alarms

  alarm_name          = "${var.fleet}-${each.key}"
  alarm_description   = each.value.about
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.dimensions
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.periods
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

output "topic_arn" {
  value = aws_sns_topic.alarms.arn
}
