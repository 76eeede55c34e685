# Bucket policies: TLS for everyone, and the one service that may come from outside IAM.

data "aws_caller_identity" "this" {}

data "aws_iam_policy_document" "tls" {
  for_each = var.arns

  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [each.value, "${each.value}/*"]

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

# Only results/: plans and fragments under work/ are the fleet's own.
data "aws_iam_policy_document" "results" {
  statement {
    sid       = "CdnReadsResults"
    actions   = ["s3:GetObject"]
    resources = ["${var.arns.results}/results/*"]

    principals {
      type        = "Service"
      identifiers = ["cloudfront.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [var.cdn_distribution_arn]
    }
  }
}

data "aws_iam_policy_document" "logs" {
  statement {
    sid       = "S3WritesAccessLogs"
    actions   = ["s3:PutObject"]
    resources = ["${var.arns.logs}/*"]

    principals {
      type        = "Service"
      identifiers = ["logging.s3.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = [for bucket in local.data_buckets : var.arns[bucket]]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.this.account_id]
    }
  }
}

data "aws_iam_policy_document" "bucket" {
  for_each = var.arns

  source_policy_documents = concat(
    [data.aws_iam_policy_document.tls[each.key].json],
    each.key == "results" ? [data.aws_iam_policy_document.results.json] : [],
    each.key == "logs" ? [data.aws_iam_policy_document.logs.json] : [],
  )
}

resource "aws_s3_bucket_policy" "this" {
  for_each = aws_s3_bucket.this

  bucket = each.value.id
  policy = data.aws_iam_policy_document.bucket[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.this]
}
