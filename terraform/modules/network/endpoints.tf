# The only ways out. Each endpoint lets through the actions that a private component may take, and
# only for this account's principals: credentials brought in from another account are of no use here.

locals {
  gateways = {
    s3       = flatten([for arn in values(var.buckets) : [arn, "${arn}/*"]])
    dynamodb = [var.table_arn]
  }

  # endpoint -> the prefix of its service's actions
  interfaces = merge(
    {
      autoscaling    = "autoscaling"
      monitoring     = "cloudwatch"
      secretsmanager = "secretsmanager"
      sqs            = "sqs"
      ssm            = "ssm"
    },
    var.ship_logs ? { logs = "logs" } : {},
    var.session_manager ? { ssmmessages = "ssmmessages" } : {},
  )

  # Secrets Manager calls KMS on the caller's behalf, from outside the VPC.
  served = toset(concat(keys(local.gateways), values(local.interfaces), ["kms"]))

  unserved = [
    for action in var.private_actions : action if !contains(local.served, split(":", action)[0])
  ]

  actions = {
    for service in local.served : service => sort([
      for action in var.private_actions : action if split(":", action)[0] == service
    ])
  }
}

data "aws_caller_identity" "this" {}

data "aws_iam_policy_document" "gateway" {
  for_each = local.gateways

  statement {
    sid       = "OwnAccount"
    actions   = local.actions[each.key]
    resources = each.value

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

data "aws_iam_policy_document" "interface" {
  for_each = local.interfaces

  statement {
    sid       = "OwnAccount"
    actions   = local.actions[each.value]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

resource "aws_vpc_endpoint" "gateway" {
  for_each = local.gateways

  vpc_id            = aws_vpc.this.id
  service_name      = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = [aws_route_table.private.id]
  policy            = data.aws_iam_policy_document.gateway[each.key].json

  tags = { Name = "${var.fleet}-${each.key}" }

  lifecycle {
    precondition {
      condition     = length(local.unserved) == 0
      error_message = "No endpoint serves ${join(", ", local.unserved)}, and nothing in this VPC reaches the internet. Add the endpoint, or move the component that needs it out of the VPC."
    }
  }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = local.interfaces

  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${var.region}.${each.key}"
  vpc_endpoint_type   = "Interface"
  private_dns_enabled = true
  subnet_ids          = [for zone in slice(var.zones, 0, min(var.endpoint_zone_count, length(var.zones))) : aws_subnet.private[zone].id]
  security_group_ids  = [aws_security_group.role["endpoints"].id]
  policy              = data.aws_iam_policy_document.interface[each.key].json

  tags = { Name = "${var.fleet}-${each.key}" }
}
