output "vpc_id" {
  value = aws_vpc.this.id
}

output "subnet_ids" {
  value = [for zone in var.zones : aws_subnet.private[zone].id]
}

output "security_group_ids" {
  description = "By role: agents, guard, cache, endpoints."
  value       = { for role, group in aws_security_group.role : role => group.id }
}
