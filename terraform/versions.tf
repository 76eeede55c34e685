terraform {
  # 1.11 for write-only arguments: passwords reach AWS without entering the state.
  required_version = ">= 1.11"

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.40"
    }
    time = {
      source  = "hashicorp/time"
      version = "~> 0.13"
    }
  }
}
