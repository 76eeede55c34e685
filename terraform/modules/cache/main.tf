# Redis (Valkey 7): where the fleet agrees. It is not the record, so nothing is saved to disk; losing
# all of it costs time, never a video.

locals {
  port = 6379
}

resource "aws_elasticache_subnet_group" "this" {
  name        = var.fleet
  description = "${var.fleet}: private subnets"
  subnet_ids  = var.subnet_ids
}

# Every key has a TTL, so the default policy would evict jobs under memory pressure. An error is
# better than a forgotten countdown.
resource "aws_elasticache_parameter_group" "this" {
  name        = "${var.fleet}-valkey7"
  family      = "valkey7"
  description = "${var.fleet}: never evict"

  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV_AWS_31:signs in by users with passwords and command lists (users.tf), which is stricter than one shared token
  #checkov:skip=CKV_AWS_191:encrypted by ElastiCache's own key; what it holds are counters and ids
  #checkov:skip=CKV2_AWS_50:Multi-AZ with failover is a variable: on in production.tfvars, off in test.tfvars
  replication_group_id = var.fleet
  description          = "${var.fleet}: coordination"

  engine               = "valkey"
  engine_version       = "7.2"
  parameter_group_name = aws_elasticache_parameter_group.this.name
  port                 = local.port

  node_type                  = var.node_type
  num_cache_clusters         = var.multi_az ? 2 : 1
  multi_az_enabled           = var.multi_az
  automatic_failover_enabled = var.multi_az

  subnet_group_name  = aws_elasticache_subnet_group.this.name
  security_group_ids = [var.security_group_id]
  user_group_ids     = [aws_elasticache_user_group.this.user_group_id]

  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  at_rest_encryption_enabled = true

  auto_minor_version_upgrade = true
  snapshot_retention_limit   = 0
  apply_immediately          = true
}
