output "url" {
  description = "Without a user: programs add theirs from the secret."
  value       = "rediss://${aws_elasticache_replication_group.this.primary_endpoint_address}:${local.port}"
}

output "cluster_ids" {
  description = "The nodes, for alarms and the dashboard."
  value       = [for index in range(var.multi_az ? 2 : 1) : format("%s-%03d", var.fleet, index + 1)]
}
