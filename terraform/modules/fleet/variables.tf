variable "fleet" {
  type        = string
  description = "The fleet's name."
}

variable "instance_types" {
  type        = map(list(string))
  description = "By architecture (x86_64, arm64): the instance types that Auto Scaling may choose from."

  validation {
    condition     = alltrue([for architecture in keys(var.instance_types) : contains(["x86_64", "arm64"], architecture)])
    error_message = "instance_types has a list for x86_64, for arm64, or for both."
  }

  validation {
    condition     = length(flatten(values(var.instance_types))) >= 1
    error_message = "instance_types must name at least one type."
  }
}

variable "ami_parameter_prefix" {
  type        = string
  description = "The SSM parameters PREFIX/x86_64 and PREFIX/arm64 hold the AMI ids that Packer wrote."
}

variable "max_size" {
  type        = number
  description = "The most machines; null takes the scaling file's."
  nullable    = true

  validation {
    condition     = var.max_size == null || try(var.max_size >= 1, false)
    error_message = "max_size must be at least 1."
  }
}

variable "min_size" {
  type        = number
  description = "The fewest machines; null takes the scaling file's, which is none."
  nullable    = true

  validation {
    condition     = var.min_size == null || try(var.min_size >= 0, false)
    error_message = "min_size must be 0 or more."
  }
}

variable "on_demand_base" {
  type        = number
  description = "How many machines are on demand before the rest follows on_demand_percentage."
}

variable "on_demand_percentage" {
  type        = number
  description = "Percent on demand of what is above the base; 0 is all Spot."

  validation {
    condition     = var.on_demand_percentage >= 0 && var.on_demand_percentage <= 100
    error_message = "on_demand_percentage must be from 0 to 100."
  }
}

variable "warm_pool" {
  type        = object({ min_size = number, max_prepared = number })
  description = "Stopped machines kept ready, or null. AWS allows a warm pool only in a group without mixed instances, so it needs one instance type and on demand."
  nullable    = true
}

variable "root_volume_gb" {
  type        = number
  description = "Size of the root volume; scratch is in memory."
}

variable "root_device_name" {
  type        = string
  description = "The image's root device: /dev/sda1 on Ubuntu, /dev/xvda on Debian."
}

variable "force_delete" {
  type        = bool
  description = "Lets `terraform destroy` end machines without waiting for their work."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets, one a zone."
}

variable "security_group_id" {
  type        = string
  description = "The agents' security group."
}

variable "guard_alias_arn" {
  type        = string
  description = "The custom termination policy."

  validation {
    condition     = can(regex("^arn:[^:]+:lambda:[^:]+:[0-9]{12}:function:[^:]+:[^:]+$", var.guard_alias_arn))
    error_message = "guard_alias_arn must be the ARN of a Lambda alias: without the guard, scaling in kills busy machines."
  }
}

variable "service_linked_role_arn" {
  type        = string
  description = "The role that the guard's alias trusts."
}

variable "scaling_file" {
  type        = string
  description = "Path of the one file of alarms and step policies."
}

variable "dimensions" {
  type        = map(string)
  description = "What the scaling file's dimension words stand for: fleet, task_queue."
}

variable "environment" {
  type        = map(string)
  description = "Environment variables, from the root's component settings."
}

variable "arns" {
  type = object({
    tasks   = string
    uploads = string
    results = string
    table   = string
    secret  = string
    kms_key = string
  })
  description = "What an agent may touch."
}

variable "metrics_namespace" {
  type        = string
  description = "The one CloudWatch namespace that an agent may write to."
}

variable "log_group" {
  type        = object({ name = string, arn = string })
  description = "Where agents ship their journal, or null."
  nullable    = true
}

variable "session_manager" {
  type        = bool
  description = "Lets operators open a shell through Session Manager."
}
