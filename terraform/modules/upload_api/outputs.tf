output "url" {
  value = aws_api_gateway_stage.live.invoke_url
}

output "api_name" {
  value = aws_api_gateway_rest_api.this.name
}

output "stage_name" {
  value = aws_api_gateway_stage.live.stage_name
}

output "usage_plan_ids" {
  value = { for name, plan in aws_api_gateway_usage_plan.this : name => plan.id }
}

output "api_key_ids" {
  description = "Ids of the keys that Terraform made; a key's id is its tenant."
  value       = { for name, key in aws_api_gateway_api_key.this : name => key.id }
}

output "function_names" {
  value = {
    handler = aws_lambda_function.handler.function_name
    ingest  = aws_lambda_function.ingest.function_name
  }
}

output "actions" {
  description = "What the handler's code may do from inside the VPC, for the endpoints' policies."
  value       = toset(flatten([for statement in data.aws_iam_policy_document.handler.statement : statement.actions]))
}

output "policies" {
  value = {
    handler = data.aws_iam_policy_document.handler.json
    ingest  = data.aws_iam_policy_document.ingest.json
  }
}
