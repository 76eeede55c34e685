variable "fleet" {
  type        = string
  description = "The fleet's name."
}

variable "origin_domain_name" {
  type        = string
  description = "The results bucket's regional domain name."
}

variable "public_keys" {
  type        = map(string)
  description = "PEM public keys, by name."

  validation {
    condition     = length(var.public_keys) >= 1 && length(var.public_keys) <= 5
    error_message = "cdn_public_keys needs one to five keys: scripts/new-cdn-key.sh makes one."
  }

  validation {
    condition     = alltrue([for pem in values(var.public_keys) : startswith(trimspace(pem), "-----BEGIN PUBLIC KEY-----")])
    error_message = "each of cdn_public_keys must be a PEM public key (BEGIN PUBLIC KEY); a private key does not belong here."
  }
}

variable "signing_key" {
  type        = string
  description = "Which of the keys signs."

  validation {
    condition     = contains(keys(var.public_keys), var.signing_key)
    error_message = "cdn_signing_key must be the name of one of cdn_public_keys."
  }
}

variable "price_class" {
  type        = string
  description = "Which of CloudFront's edges serve: PriceClass_100, _200 or _All."
}

variable "domain_name" {
  type        = string
  description = "A domain name of your own, or null for CloudFront's."
  nullable    = true
}

variable "certificate_arn" {
  type        = string
  description = "The ACM certificate (in us-east-1) of domain_name."
  nullable    = true

  validation {
    condition     = (var.certificate_arn == null) == (var.domain_name == null)
    error_message = "cdn_domain_name and cdn_certificate_arn go together."
  }
}
