# One table, a row a video: partition key tenant, sort key item, so that a caller's list is one query
# and another tenant's row cannot be asked for by its id.

variable "name" {
  type        = string
  description = "The table's name."
}

variable "deletion_protection" {
  type        = bool
  description = "Makes `terraform destroy` refuse until it is switched off."
}

resource "aws_dynamodb_table" "videos" {
  #checkov:skip=CKV_AWS_119:encrypted by DynamoDB's own key; IAM alone decides who reads, and a KMS key would add a call to every request
  #checkov:skip=CKV2_AWS_16:on demand, so there is no capacity to scale
  name                        = var.name
  billing_mode                = "PAY_PER_REQUEST"
  hash_key                    = "tenant"
  range_key                   = "item"
  deletion_protection_enabled = var.deletion_protection

  attribute {
    name = "tenant"
    type = "S"
  }

  attribute {
    name = "item"
    type = "S"
  }

  ttl {
    attribute_name = "expires_at"
    enabled        = true
  }

  point_in_time_recovery {
    enabled = true
  }
}

output "table_name" {
  value = aws_dynamodb_table.videos.name
}
