# The group: none to many, Spot by default, and never smaller by a machine that the guard did not name.

locals {
  scaling       = jsondecode(file(var.scaling_file))
  architectures = toset([for architecture, types in var.instance_types : architecture if length(types) > 0])
  group_name    = "${var.fleet}-agents"
  hook_name     = "drain"

  # Long enough for a heartbeat to arrive; agents that still work extend it, and say when they are done.
  drain_seconds = 300

  types = flatten([
    for architecture in sort(tolist(local.architectures)) : [
      for type in var.instance_types[architecture] : { architecture = architecture, type = type }
    ]
  ])

  first = local.types[0].architecture
}

resource "aws_autoscaling_group" "agents" {
  #checkov:skip=CKV_AWS_315:launch templates are used, inside mixed_instances_policy
  name                    = local.group_name
  min_size                = coalesce(var.min_size, local.scaling.group.min_size)
  max_size                = coalesce(var.max_size, local.scaling.group.max_size)
  default_instance_warmup = local.scaling.group.default_instance_warmup
  vpc_zone_identifier     = var.subnet_ids
  service_linked_role_arn = var.service_linked_role_arn

  # The guard decides; Default only orders what the guard has already named.
  termination_policies = [var.guard_alias_arn, "Default"]

  health_check_type         = "EC2"
  health_check_grace_period = 120

  # The group starts empty and the policies move it: Terraform waits for nothing, and takes nothing back.
  wait_for_capacity_timeout = "0"
  force_delete              = var.force_delete

  # A rebalance recommendation is only a likelihood. The agent hears it too, and takes no new task for
  # a while; Auto Scaling would not ask the guard.
  capacity_rebalance = false

  enabled_metrics = [
    "GroupDesiredCapacity",
    "GroupInServiceInstances",
    "GroupPendingInstances",
    "GroupTerminatingInstances",
  ]

  dynamic "mixed_instances_policy" {
    for_each = var.warm_pool == null ? [1] : []

    content {
      instances_distribution {
        on_demand_base_capacity                  = var.on_demand_base
        on_demand_percentage_above_base_capacity = var.on_demand_percentage
        on_demand_allocation_strategy            = "lowest-price"
        spot_allocation_strategy                 = "capacity-optimized"
      }

      launch_template {
        launch_template_specification {
          launch_template_id = aws_launch_template.agent[local.first].id
          version            = aws_launch_template.agent[local.first].latest_version
        }

        dynamic "override" {
          for_each = local.types

          content {
            instance_type = override.value.type

            launch_template_specification {
              launch_template_id = aws_launch_template.agent[override.value.architecture].id
              version            = aws_launch_template.agent[override.value.architecture].latest_version
            }
          }
        }
      }
    }
  }

  dynamic "launch_template" {
    for_each = var.warm_pool == null ? [] : [1]

    content {
      id      = aws_launch_template.agent[local.first].id
      version = aws_launch_template.agent[local.first].latest_version
    }
  }

  dynamic "warm_pool" {
    for_each = var.warm_pool == null ? [] : [var.warm_pool]

    content {
      pool_state                  = "Stopped"
      min_size                    = warm_pool.value.min_size
      max_group_prepared_capacity = warm_pool.value.max_prepared
    }
  }

  # A new image rolls out by itself. The guard lets idle machines go and marks busy ones retiring, so
  # the refresh waits for their work. At 90 % it takes a tenth of the fleet at a time.
  instance_refresh {
    strategy = "Rolling"

    preferences {
      min_healthy_percentage       = 90
      instance_warmup              = local.scaling.group.default_instance_warmup
      skip_matching                = true
      auto_rollback                = false
      scale_in_protected_instances = "Wait"
      standby_instances            = "Wait"
    }
  }

  # The start-up script reads this one by instance metadata to find its parameters.
  tag {
    key                 = "framefleet-fleet"
    value               = var.fleet
    propagate_at_launch = true
  }

  dynamic "tag" {
    for_each = data.aws_default_tags.this.tags

    content {
      key                 = tag.key
      value               = tag.value
      propagate_at_launch = false
    }
  }

  initial_lifecycle_hook {
    name                 = local.hook_name
    lifecycle_transition = "autoscaling:EC2_INSTANCE_TERMINATING"
    heartbeat_timeout    = local.drain_seconds
    default_result       = "CONTINUE"
  }

  lifecycle {
    ignore_changes = [desired_capacity]

    precondition {
      condition     = coalesce(var.max_size, local.scaling.group.max_size) >= coalesce(var.min_size, local.scaling.group.min_size)
      error_message = "max_size must not be below min_size."
    }

    precondition {
      condition     = var.warm_pool == null || length(local.types) == 1
      error_message = "A warm pool needs exactly one instance type: AWS does not combine it with mixed instances."
    }
  }

  # A machine that boots reads its parameters at once, and on destroy they must outlive it.
  depends_on = [aws_ssm_parameter.agent, aws_iam_role_policy.agent]
}
