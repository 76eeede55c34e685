variable "fleet" {
  type        = string
  description = "The fleet's name, the prefix of every name."
}

variable "region" {
  type        = string
  description = "The region, for the names of the AWS services."
}

variable "cidr" {
  type        = string
  description = "The VPC's IPv4 range."

  validation {
    condition     = can(cidrnetmask(var.cidr)) && tonumber(split("/", var.cidr)[1]) <= 20
    error_message = "cidr must be an IPv4 range of /20 or larger, so that each zone gets 256 addresses or more."
  }
}

variable "zones" {
  type        = list(string)
  description = "The availability zones, two or more."

  validation {
    condition     = length(var.zones) >= 2 && length(var.zones) <= 8
    error_message = "zones must name two to eight availability zones."
  }
}

variable "endpoint_zone_count" {
  type        = number
  description = "In how many of the zones each interface endpoint has an address. Each one costs by the hour."

  validation {
    condition     = var.endpoint_zone_count >= 1
    error_message = "endpoint_zone_count must be at least 1."
  }
}

variable "private_actions" {
  type        = set(string)
  description = "Every AWS action that a component inside the VPC may take; the endpoints let these through and no others."
}

variable "buckets" {
  type        = map(string)
  description = "ARNs of the buckets that private machines may reach."
}

variable "table_arn" {
  type        = string
  description = "ARN of the table that private machines may reach."
}

variable "monitoring_cidrs" {
  type        = list(string)
  description = "Ranges that may scrape Prometheus metrics from the agents; none by default."
}

variable "session_manager" {
  type        = bool
  description = "Adds the endpoints that a Session Manager shell on an agent needs."
}

variable "ship_logs" {
  type        = bool
  description = "Adds the CloudWatch Logs endpoint, for agents that ship their journal."
}

variable "flow_log_group_arn" {
  type        = string
  description = "The log group of refused connections."
}
