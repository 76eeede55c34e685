# What an agent is told, one SSM parameter a variable. The image's start-up script writes them into
# the agent's environment file; secrets are not among them, only their names.

resource "aws_ssm_parameter" "agent" {
  #checkov:skip=CKV2_AWS_34:names and numbers, no secrets; encrypting them would only hide them from operators
  for_each = merge(var.environment, {
    FRAMEFLEET_GROUP_NAME = local.group_name
    FRAMEFLEET_HOOK_NAME  = local.hook_name
  })

  name        = "/framefleet/${var.fleet}/agent/${each.key}"
  description = "Environment of ${var.fleet}'s agents"
  type        = "String"
  value       = each.value
}
