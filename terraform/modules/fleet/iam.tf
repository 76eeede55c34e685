data "aws_caller_identity" "this" {}
data "aws_partition" "this" {}
data "aws_region" "this" {}

locals {
  account_arn = "${data.aws_region.this.region}:${data.aws_caller_identity.this.account_id}"
}

data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ec2.amazonaws.com"]
    }
  }
}

# What the agent's code and its start-up script call.
data "aws_iam_policy_document" "agent" {
  statement {
    sid = "WorkTheQueue"
    actions = [
      "sqs:ChangeMessageVisibility",
      "sqs:DeleteMessage",
      "sqs:ReceiveMessage",
      "sqs:SendMessage",
    ]
    resources = [var.arns.tasks]
  }

  statement {
    sid       = "ReadUploads"
    actions   = ["s3:GetObject"]
    resources = ["${var.arns.uploads}/uploads/*"]
  }

  statement {
    sid       = "WriteFragmentsAndResults"
    actions   = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
    resources = ["${var.arns.results}/work/*", "${var.arns.results}/results/*"]
  }

  statement {
    sid       = "CleanUpFragments"
    actions   = ["s3:DeleteObject"]
    resources = ["${var.arns.results}/work/*"]
  }

  # Without it S3 answers 403 instead of 404 for what is not there yet.
  statement {
    sid       = "TellAbsentFromForbidden"
    actions   = ["s3:ListBucket"]
    resources = [var.arns.uploads, var.arns.results]
  }

  statement {
    sid       = "RecordProgress"
    actions   = ["dynamodb:GetItem", "dynamodb:UpdateItem"]
    resources = [var.arns.table]
  }

  # The group does not exist yet when the role is made, so its ARN is put together from its name; the
  # part between is an id that Auto Scaling gives it.
  statement {
    sid       = "EndItsTerminatingHook"
    actions   = ["autoscaling:CompleteLifecycleAction", "autoscaling:RecordLifecycleActionHeartbeat"]
    resources = ["arn:${data.aws_partition.this.partition}:autoscaling:${local.account_arn}:autoScalingGroup:*:autoScalingGroupName/${local.group_name}"]
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

  statement {
    sid       = "ReadRedisPassword"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.arns.secret]
  }

  statement {
    sid       = "DecryptRedisPassword"
    actions   = ["kms:Decrypt"]
    resources = [var.arns.kms_key]

    condition {
      test     = "StringLike"
      variable = "kms:EncryptionContext:SecretARN"
      values   = [var.arns.secret]
    }
  }

  statement {
    sid       = "ReadItsConfiguration"
    actions   = ["ssm:GetParametersByPath"]
    resources = ["arn:${data.aws_partition.this.partition}:ssm:${local.account_arn}:parameter/framefleet/${var.fleet}/agent"]
  }
}

# Options that are the platform's, not the code's.
data "aws_iam_policy_document" "options" {
  count = var.log_group != null || var.session_manager ? 1 : 0

  dynamic "statement" {
    for_each = var.log_group == null ? [] : [var.log_group]

    content {
      sid       = "ShipItsJournal"
      actions   = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
      resources = ["${statement.value.arn}:*"]
    }
  }

  # Session Manager's channels have no resources to name.
  dynamic "statement" {
    for_each = var.session_manager ? [1] : []

    content {
      sid = "OpenAShell"
      actions = [
        "ssm:UpdateInstanceInformation",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
      ]
      resources = ["*"]
    }
  }
}

resource "aws_iam_role" "agent" {
  name               = "${var.fleet}-agent"
  description        = "The machines of ${var.fleet}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "agent" {
  name   = "code"
  role   = aws_iam_role.agent.id
  policy = data.aws_iam_policy_document.agent.json
}

resource "aws_iam_role_policy" "options" {
  count = length(data.aws_iam_policy_document.options)

  name   = "options"
  role   = aws_iam_role.agent.id
  policy = data.aws_iam_policy_document.options[0].json
}

resource "aws_iam_instance_profile" "agent" {
  name = "${var.fleet}-agent"
  role = aws_iam_role.agent.name
}
