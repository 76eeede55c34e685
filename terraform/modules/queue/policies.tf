data "aws_caller_identity" "this" {}

data "aws_iam_policy_document" "tls" {
  for_each = var.arns

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [each.value]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

data "aws_iam_policy_document" "events" {
  source_policy_documents = [data.aws_iam_policy_document.tls["events"].json]

  statement {
    sid       = "BucketsTellWhatHappened"
    actions   = ["sqs:SendMessage"]
    resources = [var.arns.events]

    principals {
      type        = "Service"
      identifiers = ["s3.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = var.bucket_arns
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

resource "aws_sqs_queue_policy" "tasks" {
  queue_url = aws_sqs_queue.tasks.url
  policy    = data.aws_iam_policy_document.tls["tasks"].json
}

resource "aws_sqs_queue_policy" "tasks_dead" {
  queue_url = aws_sqs_queue.tasks_dead.url
  policy    = data.aws_iam_policy_document.tls["tasks_dead"].json
}

resource "aws_sqs_queue_policy" "events" {
  queue_url = aws_sqs_queue.events.url
  policy    = data.aws_iam_policy_document.events.json
}

resource "aws_sqs_queue_policy" "events_dead" {
  queue_url = aws_sqs_queue.events_dead.url
  policy    = data.aws_iam_policy_document.tls["events_dead"].json
}
