# Names, and ARNs made from them: known before anything exists, so that policies are complete at plan
# time and no two modules wait for each other.

data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}

locals {
  account   = data.aws_caller_identity.this.account_id
  partition = data.aws_partition.this.partition
  here      = "${var.region}:${local.account}"

  metrics_namespace = "Framefleet"
  # As packaging/package.sh names them.
  package_suffix = var.lambda_architecture == "arm64" ? "-arm64" : ""
  redis_users    = ["agent", "guard", "handler"]

  names = {
    buckets = {
      uploads = "${var.fleet}-uploads-${local.account}-${var.region}"
      results = "${var.fleet}-results-${local.account}-${var.region}"
      logs    = "${var.fleet}-logs-${local.account}-${var.region}"
    }
    queues = {
      tasks       = "${var.fleet}-tasks.fifo"
      tasks_dead  = "${var.fleet}-tasks-dead.fifo"
      events      = "${var.fleet}-events"
      events_dead = "${var.fleet}-events-dead"
    }
    table = "${var.fleet}-videos"
  }

  arns = {
    buckets = { for role, name in local.names.buckets : role => "arn:${local.partition}:s3:::${name}" }
    queues  = { for role, name in local.names.queues : role => "arn:${local.partition}:sqs:${local.here}:${name}" }
    logs    = "arn:${local.partition}:logs:${local.here}:log-group"
    table   = "arn:${local.partition}:dynamodb:${local.here}:table/${local.names.table}"

    # Secrets Manager adds six signs of its own to a secret's ARN.
    redis_secrets = { for user in local.redis_users : user => "arn:${local.partition}:secretsmanager:${local.here}:secret:${var.fleet}/redis/${user}-??????" }
    cdn_secret    = "arn:${local.partition}:secretsmanager:${local.here}:secret:${var.fleet}/cdn/${var.cdn_signing_key}-??????"

    # KMS knows no name in an ARN; the condition on the secret narrows it (see each policy).
    kms_keys = "arn:${local.partition}:kms:${local.here}:key/*"
  }
}
