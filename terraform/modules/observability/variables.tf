variable "fleet" {
  type        = string
  description = "The fleet's name."
}

variable "region" {
  type        = string
  description = "For the dashboard."
}

variable "kms_key_arn" {
  type        = string
  description = "Encrypts log groups and the topic."
}

variable "retention_days" {
  type        = number
  description = "How long logs are kept."

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.retention_days)
    error_message = "log_retention_days must be one of the periods that CloudWatch Logs knows: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "log_group_arns" {
  type        = string
  description = "What a log group's ARN begins with, up to its name."
}

variable "emails" {
  type        = set(string)
  description = "Who gets the alarms; each address confirms once."
}

variable "metrics_namespace" {
  type        = string
  description = "The fleet's own metrics."
}

variable "queue_names" {
  type        = object({ tasks = string, tasks_dead = string, events = string, events_dead = string })
  description = "The queues to watch."
}

variable "functions" {
  type        = object({ handler = string, ingest = string, guard = string })
  description = "The functions to watch, by name."
}

variable "group_name" {
  type        = string
  description = "The Auto Scaling group."
}

variable "cache_cluster_ids" {
  type        = list(string)
  description = "The Redis nodes."
}

variable "api" {
  type        = object({ name = string, stage = string })
  description = "The REST API."
}

variable "oldest_message_seconds" {
  type        = number
  description = "How long a task may wait before somebody is told."
}
