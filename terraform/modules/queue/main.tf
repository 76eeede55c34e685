# The tasks queue feeds the agents; the events queue, which S3 writes to, feeds the ingest function. Each has a
# dead-letter queue, and only it may send there.

locals {
  # A hand-back is not a failure: condemned agents give messages back, and attempts are counted in
  # Redis. So this is only a net under that count, as wide as SQS allows.
  tasks_receives = 1000

  # S3 events have no other count.
  events_receives = 5

  two_weeks = 14 * 24 * 60 * 60
}

resource "aws_sqs_queue" "tasks" {
  name       = var.names.tasks
  fifo_queue = true

  # High throughput: order and deduplication are per message group, and a group is one segment.
  deduplication_scope         = "messageGroup"
  fifo_throughput_limit       = "perMessageGroupId"
  content_based_deduplication = false

  # The agents renew their lease on a message long before this ends.
  visibility_timeout_seconds = 60
  receive_wait_time_seconds  = 20
  message_retention_seconds  = local.two_weeks
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = var.arns.tasks_dead
    maxReceiveCount     = local.tasks_receives
  })

  depends_on = [aws_sqs_queue.tasks_dead]
}

resource "aws_sqs_queue" "tasks_dead" {
  name                      = var.names.tasks_dead
  fifo_queue                = true
  message_retention_seconds = local.two_weeks
  sqs_managed_sse_enabled   = true

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [var.arns.tasks]
  })
}

resource "aws_sqs_queue" "events" {
  name                       = var.names.events
  visibility_timeout_seconds = 6 * var.ingest_timeout_seconds
  receive_wait_time_seconds  = 20
  message_retention_seconds  = local.two_weeks
  sqs_managed_sse_enabled    = true

  redrive_policy = jsonencode({
    deadLetterTargetArn = var.arns.events_dead
    maxReceiveCount     = local.events_receives
  })

  depends_on = [aws_sqs_queue.events_dead]
}

resource "aws_sqs_queue" "events_dead" {
  name                      = var.names.events_dead
  message_retention_seconds = local.two_weeks
  sqs_managed_sse_enabled   = true

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [var.arns.events]
  })
}
