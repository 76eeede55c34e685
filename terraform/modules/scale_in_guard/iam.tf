data "aws_iam_policy_document" "trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

# What the guard's code calls.
data "aws_iam_policy_document" "guard" {
  statement {
    sid       = "ReadRedisPassword"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [var.secret.arn_pattern]
  }

  statement {
    sid       = "DecryptRedisPassword"
    actions   = ["kms:Decrypt"]
    resources = [var.secret.kms_key_arn]

    condition {
      test     = "StringLike"
      variable = "kms:EncryptionContext:SecretARN"
      values   = [var.secret.arn_pattern]
    }
  }
}

# What Lambda needs to run it: its log, and network interfaces in the VPC. EC2 has no narrower
# resource for an interface that does not exist yet.
data "aws_iam_policy_document" "platform" {
  #checkov:skip=CKV_AWS_111:interfaces do not exist before they are made, so EC2 takes no narrower resource
  #checkov:skip=CKV_AWS_356:describing network interfaces cannot be narrowed
  statement {
    sid       = "WriteItsLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${var.log_group.arn}:*"]
  }

  statement {
    sid = "JoinTheVpc"
    actions = [
      "ec2:AssignPrivateIpAddresses",
      "ec2:CreateNetworkInterface",
      "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSubnets",
      "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["*"]
  }

  # The interfaces are Lambda's to make; the function's own code may not.
  statement {
    sid    = "NotByTheFunctionItself"
    effect = "Deny"
    actions = [
      "ec2:AssignPrivateIpAddresses",
      "ec2:CreateNetworkInterface",
      "ec2:DeleteNetworkInterface",
      "ec2:DescribeNetworkInterfaces",
      "ec2:DescribeSubnets",
      "ec2:UnassignPrivateIpAddresses",
    ]
    resources = ["*"]

    condition {
      test     = "ArnLike"
      variable = "lambda:SourceFunctionArn"
      values   = ["arn:*:lambda:*:*:function:${var.fleet}-scale-in-guard"]
    }
  }
}

resource "aws_iam_role" "guard" {
  name               = "${var.fleet}-scale-in-guard"
  description        = "The scale-in guard of ${var.fleet}"
  assume_role_policy = data.aws_iam_policy_document.trust.json
}

resource "aws_iam_role_policy" "guard" {
  name   = "code"
  role   = aws_iam_role.guard.id
  policy = data.aws_iam_policy_document.guard.json
}

resource "aws_iam_role_policy" "platform" {
  name   = "platform"
  role   = aws_iam_role.guard.id
  policy = data.aws_iam_policy_document.platform.json
}
