output "api_url" {
  description = "Where the API answers; paths begin with /api."
  value       = module.upload_api.url
}

output "get_a_key" {
  description = "How to get an API key, in this folder and with a name of yours for NAME."
  value       = "scripts/api-key.sh create ${var.fleet} NAME ${sort(keys(var.usage_plans))[0]} --region ${var.region}"
}

output "api_key_ids" {
  description = "Keys that Terraform made (their ids are the tenants). Show one with: aws apigateway get-api-key --include-value --query value --output text --api-key ID"
  value       = module.upload_api.api_key_ids
}

output "cdn_domain" {
  description = "Where downloads come from."
  value       = module.cdn.domain_name
}

output "put_the_cdn_key" {
  description = "How to hand over the private half of the signing key, once after the first apply."
  value       = "aws secretsmanager put-secret-value --region ${var.region} --secret-id ${module.secrets.cdn_secret_names[var.cdn_signing_key]} --secret-string file://cdn-${var.cdn_signing_key}.key.pem"
}

output "fleet_group" {
  description = "The Auto Scaling group."
  value       = module.fleet.group_name
}

output "alarm_topic" {
  description = "Subscribe here for alarms."
  value       = module.observability.topic_arn
}

output "dashboard" {
  description = "The CloudWatch dashboard."
  value       = "https://${var.region}.console.aws.amazon.com/cloudwatch/home?region=${var.region}#dashboards/dashboard/${var.fleet}"
}

output "iam_policies" {
  description = "What each program's code may do."
  value = {
    agent          = module.fleet.policy
    upload-handler = module.upload_api.policies.handler
    ingest         = module.upload_api.policies.ingest
    scale-in-guard = module.scale_in_guard.policy
  }
}

output "optional_settings" {
  description = "What var.settings may set, by component."
  value       = local.optional_settings
}
