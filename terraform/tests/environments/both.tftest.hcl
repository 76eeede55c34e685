# The whole system as a tfvars file has it: run by check.sh once for each, with -var-file.

run "policies" {
  command = plan

  assert {
    condition = alltrue(flatten([
      for policy in values(output.iam_policies) : [
        for statement in jsondecode(policy).Statement : [
          for action in flatten([statement.Action]) : !strcontains(action, "*")
        ]
      ]
    ]))
    error_message = "A component may take an action that is not spelled out."
  }

  # CloudWatch metrics have no resources; there the namespace narrows.
  assert {
    condition = alltrue(flatten([
      for policy in values(output.iam_policies) : [
        for statement in jsondecode(policy).Statement :
        !contains(flatten([statement.Resource]), "*") || (
          flatten([statement.Action]) == ["cloudwatch:PutMetricData"] &&
          try(statement.Condition.StringEquals["cloudwatch:namespace"], "") == "Framefleet"
        )
      ]
    ]))
    error_message = "A component may act on every resource where AWS could narrow it."
  }

  assert {
    condition     = strcontains(output.get_a_key, var.fleet) && strcontains(output.dashboard, var.region)
    error_message = "An output that the deploy guide relies on is missing."
  }

  assert {
    condition     = length(module.network.subnet_ids) >= 2
    error_message = "Everything is in one zone."
  }

  assert {
    condition     = alltrue([for role in ["agents", "guard", "handler", "cache", "endpoints"] : contains(keys(module.network.security_group_ids), role)])
    error_message = "A role has no security group of its own."
  }

  assert {
    condition     = var.fleet != "framefleet" || (length(module.cache.cluster_ids) == 2 && length(var.zones) >= 3 && var.protect_data && var.endpoint_zone_count >= 2)
    error_message = "Production does not survive a zone, or could be destroyed in passing."
  }
}
