# Who may call, and how much.

resource "aws_api_gateway_usage_plan" "this" {
  for_each = var.usage_plans

  name        = "${var.fleet}-${each.key}"
  description = "${each.value.rate} requests a second, ${each.value.quota} a ${lower(each.value.period)}"

  api_stages {
    api_id = aws_api_gateway_rest_api.this.id
    stage  = aws_api_gateway_stage.live.stage_name
  }

  throttle_settings {
    rate_limit  = each.value.rate
    burst_limit = each.value.burst
  }

  quota_settings {
    limit  = each.value.quota
    period = each.value.period
  }
}

resource "aws_api_gateway_api_key" "this" {
  for_each = var.api_keys

  name        = "${var.fleet}-${each.key}"
  description = "Tenant ${each.key} of ${var.fleet}"
}

resource "aws_api_gateway_usage_plan_key" "this" {
  for_each = var.api_keys

  key_id        = aws_api_gateway_api_key.this[each.key].id
  key_type      = "API_KEY"
  usage_plan_id = aws_api_gateway_usage_plan.this[each.value].id
}
