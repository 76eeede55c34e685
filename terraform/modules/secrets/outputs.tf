output "kms_key_arn" {
  value = aws_kms_key.this.arn
}

# From the version, not the secret: who reads it waits until there is something to read.
output "redis_secret_ids" {
  description = "By user."
  value       = { for user, version in aws_secretsmanager_secret_version.redis : user => version.secret_id }
}

output "cdn_secret_names" {
  description = "By key name."
  value       = { for name, secret in aws_secretsmanager_secret.cdn : name => secret.name }
}
