# One page: work coming in, machines answering it, and what goes wrong.

locals {
  widgets = [
    {
      title = "Work queued (seconds) and idle polls"
      metrics = [
        [var.metrics_namespace, "WorkQueuedSeconds", "Fleet", var.fleet, { stat = "Sum" }],
        [var.metrics_namespace, "IdlePolls", "Fleet", var.fleet, { stat = "Sum", yAxis = "right" }],
      ]
    },
    {
      title = "Tasks: waiting, in work"
      metrics = [
        ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queue_names.tasks],
        ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "QueueName", var.queue_names.tasks],
      ]
    },
    {
      title = "Machines"
      metrics = [
        for metric in ["GroupDesiredCapacity", "GroupInServiceInstances", "GroupTerminatingInstances"] :
        ["AWS/AutoScaling", metric, "AutoScalingGroupName", var.group_name]
      ]
    },
    {
      title = "Oldest task (seconds)"
      metrics = [
        ["AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName", var.queue_names.tasks, { stat = "Maximum" }],
      ]
    },
    {
      title = "API: requests, errors"
      metrics = [
        for metric in ["Count", "4XXError", "5XXError"] :
        ["AWS/ApiGateway", metric, "ApiName", var.api.name, "Stage", var.api.stage, { stat = "Sum" }]
      ]
    },
    {
      title = "Functions: p99 duration (ms)"
      metrics = [
        for name in values(var.functions) : ["AWS/Lambda", "Duration", "FunctionName", name, { stat = "p99" }]
      ]
    },
    {
      title   = "Agents that crashed"
      metrics = [[var.metrics_namespace, "AgentCrashes", "Fleet", var.fleet, { stat = "Sum" }]]
    },
    {
      title = "Redis: memory (%) and engine CPU (%)"
      metrics = flatten([
        for id in var.cache_cluster_ids : [
          for metric in ["DatabaseMemoryUsagePercentage", "EngineCPUUtilization"] :
          jsonencode(["AWS/ElastiCache", metric, "CacheClusterId", id])
        ]
      ])
    },
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.fleet

  dashboard_body = jsonencode({
    widgets = [
      for index, widget in local.widgets : {
        type   = "metric"
        x      = (index % 2) * 12
        y      = floor(index / 2) * 6
        width  = 12
        height = 6
        properties = {
          title   = widget.title
          region  = var.region
          view    = "timeSeries"
          period  = 60
          metrics = [for metric in widget.metrics : try(jsondecode(metric), metric)]
        }
      }
    ]
  })
}
