variable "fleet" {
  type        = string
  description = "The fleet's name, the prefix of every secret's."
}

variable "redis_users" {
  type        = list(string)
  description = "Who signs in to Redis, each with a password of its own."
}

variable "redis_password_version" {
  type        = number
  description = "Raise it to make new passwords."
}

variable "cdn_key_names" {
  type        = list(string)
  description = "Names of the CDN signing keys; each has a secret for its private half."
}

variable "recovery_days" {
  type        = number
  description = "For how long a deleted secret can be brought back; 0 deletes at once."

  validation {
    condition     = var.recovery_days == 0 || (var.recovery_days >= 7 && var.recovery_days <= 30)
    error_message = "recovery_days must be 0, or from 7 to 30."
  }
}
