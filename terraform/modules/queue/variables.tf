variable "names" {
  type        = object({ tasks = string, tasks_dead = string, events = string, events_dead = string })
  description = "The queues' names."
}

variable "arns" {
  type        = object({ tasks = string, tasks_dead = string, events = string, events_dead = string })
  description = "The queues' ARNs, made from their names."
}

variable "bucket_arns" {
  type        = list(string)
  description = "The buckets that may write to the events queue."
}

variable "ingest_timeout_seconds" {
  type        = number
  description = "The ingest function's time-out: a message stays invisible for six of them."
}
