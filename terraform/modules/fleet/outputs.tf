output "group_name" {
  value = aws_autoscaling_group.agents.name
}

output "actions" {
  description = "What an agent may do, for the endpoints' policies."
  value = setunion(
    toset(flatten([for statement in data.aws_iam_policy_document.agent.statement : statement.actions])),
    toset(flatten([for document in data.aws_iam_policy_document.options : [for statement in document.statement : statement.actions]])),
  )
}

output "policy" {
  value = data.aws_iam_policy_document.agent.json
}

output "scaling_alarm_arns" {
  value = { for name, alarm in aws_cloudwatch_metric_alarm.scaling : name => alarm.arn }
}
