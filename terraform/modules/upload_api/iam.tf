data "aws_iam_policy_document" "trust" {
  for_each = { handler = "lambda", ingest = "lambda", gateway = "apigateway" }

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["${each.value}.amazonaws.com"]
    }
  }
}

# What the handler's code calls, presigned requests included: a presigned URL can do what its signer may.
data "aws_iam_policy_document" "handler" {
  statement {
    sid       = "PresignUploads"
    actions   = ["s3:PutObject"]
    resources = ["${var.arns.uploads}/uploads/*"]
  }

  statement {
    sid     = "DeleteVideos"
    actions = ["s3:DeleteObject"]
    resources = [
      "${var.arns.uploads}/uploads/*",
      "${var.arns.results}/work/*",
      "${var.arns.results}/results/*",
    ]
  }

  statement {
    sid       = "ListWhatToDelete"
    actions   = ["s3:ListBucket"]
    resources = [var.arns.uploads, var.arns.results]
  }

  statement {
    sid = "KeepRecords"
    actions = [
      "dynamodb:DeleteItem",
      "dynamodb:GetItem",
      "dynamodb:PutItem",
      "dynamodb:Query",
      "dynamodb:UpdateItem",
    ]
    resources = [var.arns.table]
  }

  statement {
    sid       = "ReadCdnKeyAndRedisPassword"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.arns.cdn_secret, var.arns.redis_secret]
  }

  statement {
    sid       = "DecryptThem"
    actions   = ["kms:Decrypt"]
    resources = [var.arns.kms_key]

    condition {
      test     = "StringLike"
      variable = "kms:EncryptionContext:SecretARN"
      values   = [var.arns.cdn_secret, var.arns.redis_secret]
    }
  }
}

# What the ingest function's code calls.
data "aws_iam_policy_document" "ingest" {
  statement {
    sid       = "QueueTasks"
    actions   = ["sqs:SendMessage"]
    resources = [var.arns.tasks]
  }

  statement {
    sid       = "DeleteForeignUploads"
    actions   = ["s3:DeleteObject"]
    resources = ["${var.arns.uploads}/uploads/*"]
  }

  statement {
    sid       = "KeepRecords"
    actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    resources = [var.arns.table]
  }

  # CloudWatch has no narrower resource for metrics than the namespace in the condition.
  statement {
    sid       = "PublishMetrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]

    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = [var.metrics_namespace]
    }
  }
}

# Also its code's, but apart: the distribution's ARN is known only once it exists, and so would the
# whole policy be.
data "aws_iam_policy_document" "ingest_edges" {
  statement {
    sid       = "TakeDeletedVideosFromTheEdges"
    actions   = ["cloudfront:CreateInvalidation"]
    resources = [var.distribution_arn]
  }
}

# What Lambda needs to run each: its log, and for one the VPC, for the other its queue.
data "aws_iam_policy_document" "platform" {
  #checkov:skip=CKV_AWS_111:interfaces do not exist before they are made, so EC2 takes no narrower resource
  #checkov:skip=CKV_AWS_356:describing network interfaces cannot be narrowed
  for_each = { handler = "upload-handler", ingest = "ingest" }

  statement {
    sid       = "WriteItsLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${var.log_groups[each.value].arn}:*"]
  }

  dynamic "statement" {
    for_each = each.key == "ingest" ? [1] : []

    content {
      sid       = "PollItsQueue"
      actions   = ["sqs:ChangeMessageVisibility", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"]
      resources = [var.arns.events]
    }
  }

  dynamic "statement" {
    for_each = each.key == "handler" ? ["Allow", "Deny"] : []

    content {
      sid    = statement.value == "Allow" ? "JoinTheVpc" : "NotByTheFunctionItself"
      effect = statement.value
      actions = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
      ]
      resources = ["*"]

      # The interfaces are Lambda's to make; the function's own code may not.
      dynamic "condition" {
        for_each = statement.value == "Deny" ? [1] : []

        content {
          test     = "ArnLike"
          variable = "lambda:SourceFunctionArn"
          values   = ["arn:*:lambda:*:*:function:${var.fleet}-upload-handler"]
        }
      }
    }
  }
}

resource "aws_iam_role" "this" {
  for_each = { handler = "upload-handler", ingest = "ingest" }

  name               = "${var.fleet}-${each.value}"
  description        = "The ${each.value} of ${var.fleet}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

resource "aws_iam_role_policy" "handler" {
  name   = "code"
  role   = aws_iam_role.this["handler"].id
  policy = data.aws_iam_policy_document.handler.json
}

resource "aws_iam_role_policy" "ingest" {
  name   = "code"
  role   = aws_iam_role.this["ingest"].id
  policy = data.aws_iam_policy_document.ingest.json
}

resource "aws_iam_role_policy" "ingest_edges" {
  name   = "edges"
  role   = aws_iam_role.this["ingest"].id
  policy = data.aws_iam_policy_document.ingest_edges.json
}

resource "aws_iam_role_policy" "platform" {
  for_each = aws_iam_role.this

  name   = "platform"
  role   = each.value.id
  policy = data.aws_iam_policy_document.platform[each.key].json
}
