output "tasks_url" {
  value = aws_sqs_queue.tasks.url
}

# Known only when the policy is in place: S3 tests that it may send before it accepts the queue.
output "events_arn" {
  value      = aws_sqs_queue.events.arn
  depends_on = [aws_sqs_queue_policy.events]
}
