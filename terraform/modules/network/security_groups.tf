# One group a role. Rules name groups, not addresses.

locals {
  groups = {
    agents    = "fleet agents"
    guard     = "scale-in guard"
    handler   = "upload handler"
    cache     = "Redis"
    endpoints = "interface endpoints"
  }

  # from -> to, on one port
  flows = {
    agents_cache      = { from = "agents", to = "cache", port = 6379 }
    guard_cache       = { from = "guard", to = "cache", port = 6379 }
    handler_cache     = { from = "handler", to = "cache", port = 6379 }
    agents_endpoints  = { from = "agents", to = "endpoints", port = 443 }
    guard_endpoints   = { from = "guard", to = "endpoints", port = 443 }
    handler_endpoints = { from = "handler", to = "endpoints", port = 443 }
  }

  # S3 and DynamoDB are reached by route, so their rule names AWS's prefix list.
  gateway_flows = {
    for pair in setproduct(["agents", "handler"], ["s3", "dynamodb"]) :
    join("_", pair) => { from = pair[0], to = pair[1] }
  }

  scraped = {
    for pair in setproduct([9100, 9464], var.monitoring_cidrs) :
    "${pair[0]}-${pair[1]}" => { port = pair[0], cidr = pair[1] }
  }
}

resource "aws_security_group" "role" {
  #checkov:skip=CKV2_AWS_5:each group is attached in the module of its role, which the scanner does not follow through module outputs
  for_each = local.groups

  name        = "${var.fleet}-${each.key}"
  description = "${var.fleet}: ${each.value}"
  vpc_id      = aws_vpc.this.id

  tags = { Name = "${var.fleet}-${each.key}" }
}

resource "aws_vpc_security_group_egress_rule" "flow" {
  for_each = local.flows

  security_group_id            = aws_security_group.role[each.value.from].id
  referenced_security_group_id = aws_security_group.role[each.value.to].id
  description                  = "${each.value.from} to ${each.value.to}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_ingress_rule" "flow" {
  for_each = local.flows

  security_group_id            = aws_security_group.role[each.value.to].id
  referenced_security_group_id = aws_security_group.role[each.value.from].id
  description                  = "${each.value.to} from ${each.value.from}"
  ip_protocol                  = "tcp"
  from_port                    = each.value.port
  to_port                      = each.value.port
}

resource "aws_vpc_security_group_egress_rule" "gateway" {
  for_each = local.gateway_flows

  security_group_id = aws_security_group.role[each.value.from].id
  prefix_list_id    = aws_vpc_endpoint.gateway[each.value.to].prefix_list_id
  description       = "${each.value.from} to ${each.value.to}"
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

# 9100 is node-exporter, 9464 the agent's own metrics.
resource "aws_vpc_security_group_ingress_rule" "scrape" {
  for_each = local.scraped

  security_group_id = aws_security_group.role["agents"].id
  cidr_ipv4         = each.value.cidr
  description       = "Prometheus"
  ip_protocol       = "tcp"
  from_port         = each.value.port
  to_port           = each.value.port
}
