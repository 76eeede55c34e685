variable "fleet" {
  type        = string
  description = "The fleet's name."
}

variable "package" {
  type        = string
  description = "Path of scale-in-guard's zip, made by `./run package`."
}

variable "architecture" {
  type        = string
  description = "x86_64 or arm64, as the zip was built."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets, one a zone."
}

variable "security_group_id" {
  type        = string
  description = "The guard's security group."
}

variable "log_group" {
  type        = object({ name = string, arn = string })
  description = "Where its log goes."
}

variable "environment" {
  type        = map(string)
  description = "Environment variables, from the root's component settings."
}

variable "secret" {
  type        = object({ arn_pattern = string, kms_key_arn = string })
  description = "The Redis password that the guard may read."
}

variable "metrics_namespace" {
  type        = string
  description = "The one CloudWatch namespace that it may write to."
}

variable "reserved_concurrency" {
  type        = number
  description = "Calls at once. Auto Scaling makes one at a time a group, so a few are enough and the account's pool cannot starve it."

  validation {
    condition     = var.reserved_concurrency >= 1
    error_message = "reserved_concurrency must be 1 or more: 0 would switch the guard off, and the group could never shrink."
  }
}

variable "keep_warm" {
  type        = bool
  description = "Calls the guard every 4 minutes so that it is never cold. Off: a cold start answers well within the 2 s that Auto Scaling waits."
}
