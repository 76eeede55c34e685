# What a machine is: one launch template an architecture. It has no user data: the image's start-up
# script finds everything by the instance's own tags and SSM parameters.

data "aws_ssm_parameter" "ami" {
  for_each = local.architectures

  name = "${var.ami_parameter_prefix}/${each.key}"

  lifecycle {
    postcondition {
      condition     = can(regex("^ami-[0-9a-f]+$", self.insecure_value))
      error_message = "${var.ami_parameter_prefix}/${each.key} holds no AMI id: bake the image first (ami/README.md)."
    }
  }
}

resource "aws_launch_template" "agent" {
  for_each = local.architectures

  name        = "${var.fleet}-agent-${each.key}"
  description = "${var.fleet}: agent on ${each.key}"

  image_id               = data.aws_ssm_parameter.ami[each.key].insecure_value
  instance_type          = var.instance_types[each.key][0]
  update_default_version = true

  instance_initiated_shutdown_behavior = "terminate"
  vpc_security_group_ids               = [var.security_group_id]

  iam_instance_profile {
    arn = aws_iam_instance_profile.agent.arn
  }

  # Version 2 only, and one hop: a container or a proxied request cannot reach the credentials.
  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1
    instance_metadata_tags      = "enabled"
  }

  block_device_mappings {
    device_name = var.root_device_name

    ebs {
      volume_type           = "gp3"
      volume_size           = var.root_volume_gb
      encrypted             = true
      delete_on_termination = true
    }
  }

  monitoring {
    enabled = false
  }

  dynamic "tag_specifications" {
    for_each = toset(["instance", "volume", "network-interface"])

    content {
      resource_type = tag_specifications.value
      tags = merge(data.aws_default_tags.this.tags, {
        Name = "${var.fleet}-agent"
      })
    }
  }
}

data "aws_default_tags" "this" {}
