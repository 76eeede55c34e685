# Every log group of the fleet, so that each has a retention and is gone after destroy.

locals {
  writers = ["upload-handler", "ingest", "scale-in-guard", "agents", "api-access", "vpc-refused"]
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_338:how long is the operator's choice (log_retention_days); logs name tenants, so longer is not better
  for_each = toset(local.writers)

  name              = "/${var.fleet}/${each.key}"
  retention_in_days = var.retention_days
  kms_key_id        = var.kms_key_arn
}

output "log_groups" {
  description = "By writer. The ARN is made from the name, so that policies are complete at plan time."
  value = { for writer, group in aws_cloudwatch_log_group.this : writer => {
    name = group.name
    arn  = "${var.log_group_arns}:${group.name}"
  } }
}
