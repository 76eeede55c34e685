variable "fleet" {
  type        = string
  description = "The fleet's name."
}

variable "openapi_file" {
  type        = string
  description = "Path of the API's contract."
}

variable "packages" {
  type        = object({ handler = string, ingest = string })
  description = "Paths of the zips made by `./run package`."
}

variable "architecture" {
  type        = string
  description = "x86_64 or arm64, as the zips were built."
}

variable "environment" {
  type        = object({ handler = map(string), ingest = map(string) })
  description = "Environment variables, from the root's component settings."
}

variable "subnet_ids" {
  type        = list(string)
  description = "Private subnets for the handler, which calls Redis to cancel."
}

variable "security_group_id" {
  type        = string
  description = "The handler's security group."
}

variable "arns" {
  type = object({
    tasks        = string
    events       = string
    uploads      = string
    results      = string
    table        = string
    cdn_secret   = string
    redis_secret = string
    kms_key      = string
  })
  description = "What the two functions may touch."
}

variable "events_queue_arn" {
  type        = string
  description = "The queue that feeds the ingest function, known once it exists."
}

variable "distribution_arn" {
  type        = string
  description = "The CDN's distribution, whose edges must forget what was deleted."
}

variable "metrics_namespace" {
  type        = string
  description = "The one CloudWatch namespace that the functions may write to."
}

variable "log_groups" {
  type        = map(object({ name = string, arn = string }))
  description = "By writer: upload-handler, ingest, api-access."
}

variable "timeouts" {
  type        = object({ handler = number, ingest = number })
  description = "Seconds that each function may take."

  validation {
    condition     = var.timeouts.handler <= 29
    error_message = "timeouts.handler must be at most 29: API Gateway answers 504 after that."
  }
}

variable "reserved_concurrency" {
  type        = object({ handler = number, ingest = number })
  description = "Copies at once, so that a flood of requests cannot take the account's whole pool."
}

variable "throttle" {
  type        = object({ rate = number, burst = number })
  description = "Requests a second and burst, over all callers."
}

variable "usage_plans" {
  type = map(object({
    rate   = number
    burst  = number
    quota  = number
    period = string
  }))
  description = "Rate, burst and quota per key, by plan."

  validation {
    condition     = alltrue([for plan in values(var.usage_plans) : contains(["DAY", "WEEK", "MONTH"], plan.period)])
    error_message = "a plan's period must be DAY, WEEK or MONTH."
  }
}

variable "api_keys" {
  type        = map(string)
  description = "Key names and their plans, for keys that Terraform makes. Their values enter the state; scripts/api-key.sh makes keys that do not."

  validation {
    condition     = alltrue([for plan in values(var.api_keys) : contains(keys(var.usage_plans), plan)])
    error_message = "every key's plan must be one of usage_plans."
  }
}

variable "manage_account_logging" {
  type        = bool
  description = "Sets the role that lets API Gateway write logs: one setting for the whole account and region."
}
