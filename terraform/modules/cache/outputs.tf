output "urls" {
  description = "By user. Without the password, which programs take from the user's secret."
  value = {
    for role, user in aws_elasticache_user.this :
    role => "rediss://${user.user_name}@${aws_elasticache_replication_group.this.primary_endpoint_address}:${local.port}"
  }
}

output "cluster_ids" {
  description = "The nodes, for alarms and the dashboard."
  value       = [for index in range(var.multi_az ? 2 : 1) : format("%s-%03d", var.fleet, index + 1)]
}
