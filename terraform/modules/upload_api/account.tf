# API Gateway writes access logs through one role for the whole account and region. Where another
# stack has set it, leave this off.

data "aws_partition" "this" {}

resource "aws_iam_role" "gateway" {
  count = var.manage_account_logging ? 1 : 0

  name               = "${var.fleet}-api-gateway-logs"
  description        = "Lets API Gateway write access logs"
  assume_role_policy = data.aws_iam_policy_document.trust["gateway"].json
}

resource "aws_iam_role_policy_attachment" "gateway" {
  count = var.manage_account_logging ? 1 : 0

  role       = aws_iam_role.gateway[0].name
  policy_arn = "arn:${data.aws_partition.this.partition}:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"
}

resource "aws_api_gateway_account" "this" {
  count = var.manage_account_logging ? 1 : 0

  cloudwatch_role_arn = aws_iam_role.gateway[0].arn

  depends_on = [aws_iam_role_policy_attachment.gateway]
}
