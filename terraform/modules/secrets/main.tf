# Secrets are made or brought by the operator, and none of them enters the Terraform state: Redis
# passwords are written write-only, and the CDN's private keys are put in by scripts/new-cdn-key.sh.

resource "aws_secretsmanager_secret" "redis" {
  #checkov:skip=CKV2_AWS_57:rotated by raising redis_password_version, together with the cache's users; README.md says how
  for_each = toset(var.redis_users)

  name                    = "${var.fleet}/redis/${each.key}"
  description             = "Password of the Redis user ${var.fleet}-${each.key}"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = var.recovery_days
}

# Made by Secrets Manager itself. Letters and digits only, since clients put it in a rediss:// URL.
ephemeral "aws_secretsmanager_random_password" "redis" {
  for_each = toset(var.redis_users)

  password_length     = 64
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret_version" "redis" {
  for_each = aws_secretsmanager_secret.redis

  secret_id                = each.value.id
  secret_string_wo         = ephemeral.aws_secretsmanager_random_password.redis[each.key].random_password
  secret_string_wo_version = var.redis_password_version
}

# One a key: switching the signing key switches id and private half together.
resource "aws_secretsmanager_secret" "cdn" {
  #checkov:skip=CKV2_AWS_57:rotated by adding a second key to the trusted group and switching over; README.md says how
  for_each = toset(var.cdn_key_names)

  name                    = "${var.fleet}/cdn/${each.key}"
  description             = "PEM private key that signs download URLs, the pair of the public key ${each.key}"
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = var.recovery_days
}
