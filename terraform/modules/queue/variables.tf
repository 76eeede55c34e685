variable "names" {
  type        = object({ tasks = string, tasks_dead = string, events = string, events_dead = string })
  description = "The queues' names."
}

variable "arns" {
  type        = object({ tasks = string, tasks_dead = string, events = string, events_dead = string })
  description = "The queues' ARNs, made from their names."
}

variable "uploads_bucket_arn" {
  type        = string
  description = "The bucket that may write to the events queue."
}

variable "ingest_timeout_seconds" {
  type        = number
  description = "The ingest function's time-out: a message stays invisible for six of them."
}
