# Known only when Auto Scaling may call it: a group that cannot call its guard would never shrink.
output "alias_arn" {
  value      = aws_lambda_alias.live.arn
  depends_on = [aws_lambda_permission.autoscaling]
}

output "service_linked_role_arn" {
  value = aws_iam_service_linked_role.autoscaling.arn
}

output "function_name" {
  value = aws_lambda_function.guard.function_name
}

output "actions" {
  description = "What its code may do, for the endpoints' policies."
  value       = toset(flatten([for statement in data.aws_iam_policy_document.guard.statement : statement.actions]))
}

output "policy" {
  value = data.aws_iam_policy_document.guard.json
}
