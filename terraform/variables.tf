# Everything an operator may choose. environments/test.tfvars and production.tfvars are two answers.

variable "fleet" {
  type        = string
  description = "The fleet's name: the prefix of every name, and the Redis hash tag."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.fleet)) && !strcontains(var.fleet, "--")
    error_message = "fleet must be 3 to 20 of a-z 0-9 -, begin with a letter, and neither end with - nor have two in a row: it becomes part of bucket and cache names."
  }
}

variable "region" {
  type        = string
  description = "Where everything but the CDN lives."
}

variable "tags" {
  type        = map(string)
  description = "Further tags for every resource."
  default     = {}
}

# --- network

variable "vpc_cidr" {
  type        = string
  description = "The VPC's IPv4 range."
  default     = "10.64.0.0/16"
}

variable "zones" {
  type        = list(string)
  description = "The availability zones that agents, Redis and functions are spread over: two or more, and named, so that a new zone of AWS's changes nothing."

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 6 && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones must name two to six different availability zones."
  }

  validation {
    condition     = alltrue([for zone in var.zones : startswith(zone, var.region)])
    error_message = "zones must all be in region."
  }
}

variable "endpoint_zone_count" {
  type        = number
  description = "In how many zones the interface endpoints have an address: 1 is cheapest, 2 or more survives a zone."
  default     = 2
}

variable "monitoring_cidrs" {
  type        = list(string)
  description = "Ranges that may scrape the agents' Prometheus endpoints."
  default     = []
}

variable "session_manager" {
  type        = bool
  description = "Lets operators open a shell on an agent through Session Manager."
  default     = false
}

variable "ship_agent_logs" {
  type        = bool
  description = "Agents ship their journal to CloudWatch Logs. The image must have been baked with the CloudWatch agent."
  default     = false
}

# --- storage and records

variable "cors_origins" {
  type        = list(string)
  description = "Origins whose pages may upload from a browser."
  default     = []
}

variable "retention_days" {
  type        = object({ uploads = number, fragments = number, results = number, logs = number })
  description = "After how many days S3 removes objects."
  default     = { uploads = 7, fragments = 8, results = 30, logs = 30 }
}

variable "log_retention_days" {
  type        = number
  description = "How long CloudWatch keeps logs."
  default     = 30
}

variable "protect_data" {
  type        = bool
  description = "Whether `terraform destroy` refuses to remove tables with rows, buckets with objects, machines at work, and deleted secrets can be brought back."
  default     = true
}

# --- Redis

variable "cache_node_type" {
  type        = string
  description = "The size of each Redis node."
}

variable "cache_multi_az" {
  type        = bool
  description = "Two nodes in two zones with failover, or one node."
}

variable "redis_password_version" {
  type        = number
  description = "Raise it to give Redis' users new passwords."
  default     = 1
}

# --- fleet

variable "instance_types" {
  type        = map(list(string))
  description = "By architecture (x86_64, arm64): the instance types that Auto Scaling may choose from. More types, fewer interruptions."
}

variable "ami_parameter_prefix" {
  type        = string
  description = "Where Packer wrote the AMI ids: PREFIX/x86_64, PREFIX/arm64."
  default     = "/framefleet/ami"
}

variable "root_device_name" {
  type        = string
  description = "The image's root device: /dev/sda1 on Ubuntu, /dev/xvda on Debian."
  default     = "/dev/sda1"
}

variable "root_volume_gb" {
  type        = number
  description = "Size of each machine's root volume."
  default     = 10
}

variable "fleet_min_size" {
  type        = number
  description = "The fewest machines; null takes scaling.json's."
  default     = null
}

variable "fleet_max_size" {
  type        = number
  description = "The most machines; null takes scaling.json's. It bounds the bill."
  default     = null
}

variable "on_demand_base" {
  type        = number
  description = "Machines on demand before Spot begins."
  default     = 0
}

variable "on_demand_percentage" {
  type        = number
  description = "Percent on demand above the base."
  default     = 0
}

variable "warm_pool" {
  type        = object({ min_size = number, max_prepared = number })
  description = "Stopped machines kept ready; needs a single instance type, which is then on demand."
  default     = null
}

# --- functions and API

variable "packages_dir" {
  type        = string
  description = "Where `./run package` put upload-handler.zip, ingest.zip and scale-in-guard.zip."
  default     = "../out/packages"
}

variable "openapi_file" {
  type        = string
  description = "The API's contract."
  default     = "../openapi.yaml"
}

variable "lambda_architecture" {
  type        = string
  description = "x86_64, or arm64 after `./run package --arm64`."
  default     = "x86_64"

  validation {
    condition     = contains(["x86_64", "arm64"], var.lambda_architecture)
    error_message = "lambda_architecture must be x86_64 or arm64."
  }
}

variable "function_concurrency" {
  type        = object({ handler = number, ingest = number, guard = number })
  description = "Copies of each function at once."
  default     = { handler = 50, ingest = 10, guard = 5 }
}

variable "keep_guard_warm" {
  type        = bool
  description = "Calls the guard every 4 minutes. Not needed: a cold start answers in time."
  default     = false
}

variable "api_throttle" {
  type        = object({ rate = number, burst = number })
  description = "Requests a second and burst, over all callers."
  default     = { rate = 200, burst = 400 }
}

variable "usage_plans" {
  type = map(object({
    rate   = number
    burst  = number
    quota  = number
    period = string
  }))
  description = "Rate, burst and quota per key, by plan."
  default = {
    standard = { rate = 20, burst = 40, quota = 100000, period = "DAY" }
  }
}

variable "api_keys" {
  type        = map(string)
  description = "Keys that Terraform makes: name and plan. Their values enter the state; scripts/api-key.sh makes keys that do not."
  default     = {}
}

variable "manage_api_gateway_account" {
  type        = bool
  description = "Sets the account's one role for API Gateway's logs. False where another stack has set it."
  default     = true
}

variable "settings" {
  type = object({
    agent          = optional(map(string), {})
    upload-handler = optional(map(string), {})
    ingest         = optional(map(string), {})
    scale-in-guard = optional(map(string), {})
  })
  description = "Optional environment variables by component; settings.tf lists those that each reads."
  default     = {}

  validation {
    condition = alltrue(flatten([
      for component, values in var.settings : [
        for name in keys(values) : contains(local.optional_settings[component], name)
      ]
    ]))
    error_message = "settings names a variable that its component does not read; settings.tf has the list."
  }
}

# --- CDN

variable "cdn_public_keys" {
  type        = map(string)
  description = "PEM public keys that may sign download URLs, by name; scripts/new-cdn-key.sh makes one."
}

variable "cdn_signing_key" {
  type        = string
  description = "Which of them signs."
}

variable "cdn_price_class" {
  type        = string
  description = "Which of CloudFront's edges serve."
  default     = "PriceClass_100"
}

variable "cdn_domain_name" {
  type        = string
  description = "A domain name of your own; its DNS record is yours to make."
  default     = null
}

variable "cdn_certificate_arn" {
  type        = string
  description = "The ACM certificate (in us-east-1) of cdn_domain_name."
  default     = null
}

# --- observability

variable "alarm_emails" {
  type        = set(string)
  description = "Who gets the alarms."
  default     = []
}

variable "oldest_task_seconds" {
  type        = number
  description = "How long a task may wait before somebody is told."
  default     = 1800
}
