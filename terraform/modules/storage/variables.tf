variable "names" {
  type        = object({ uploads = string, results = string, logs = string })
  description = "The buckets' names."
}

variable "arns" {
  type        = object({ uploads = string, results = string, logs = string })
  description = "The buckets' ARNs, made from their names."
}

variable "events_queue_arn" {
  type        = string
  description = "The standard queue that is told of every completed upload."
}

variable "cdn_distribution_arn" {
  type        = string
  description = "The distribution that may read finished results."
}

variable "cors_origins" {
  type        = list(string)
  description = "Origins whose pages may upload from a browser; an empty list allows none."
}

variable "retention_days" {
  type        = object({ uploads = number, fragments = number, results = number, logs = number })
  description = "After how many days S3 removes objects."

  validation {
    condition     = alltrue([for days in values(var.retention_days) : days >= 1 && floor(days) == days])
    error_message = "every retention must be a whole number of days, 1 or more."
  }

  validation {
    condition     = var.retention_days.fragments >= 2
    error_message = "retention_days.fragments must be 2 or more: S3 counts in days from midnight, and a video may take most of one."
  }
}

variable "destroy_data" {
  type        = bool
  description = "Lets `terraform destroy` remove buckets that still hold objects."
}
