# Two functions from one crate: the handler answers the API, the ingest function carries S3's events
# to the tasks queue. The handler is in the VPC, because cancelling is a call to Redis; ingest needs
# nothing in there and stays outside.

resource "aws_lambda_function" "handler" {
  #checkov:skip=CKV_AWS_50:the log has an id for every request; tracing is a paid second copy of it
  #checkov:skip=CKV_AWS_116:called synchronously; the caller sees the error
  #checkov:skip=CKV_AWS_173:the environment holds names, no secrets
  #checkov:skip=CKV_AWS_272:the zip comes from the operator's own build; signing profiles are the account's decision
  function_name = "${var.fleet}-upload-handler"
  description   = "REST API of ${var.fleet}"
  role          = aws_iam_role.this["handler"].arn

  filename         = var.packages.handler
  source_code_hash = try(filebase64sha256(var.packages.handler), null)
  handler          = "bootstrap"
  runtime          = "provided.al2023"
  architectures    = [var.architecture]
  publish          = true

  timeout                        = var.timeouts.handler
  memory_size                    = 512
  reserved_concurrent_executions = var.reserved_concurrency.handler

  environment {
    variables = var.environment.handler
  }

  vpc_config {
    subnet_ids         = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }

  logging_config {
    log_format = "Text"
    log_group  = var.log_groups["upload-handler"].name
  }

  lifecycle {
    precondition {
      condition     = fileexists(var.packages.handler)
      error_message = "${var.packages.handler} is not there: run `./run package` first, or set packages_dir."
    }
  }

  depends_on = [aws_iam_role_policy.platform, aws_iam_role_policy.handler]
}

# The API calls an alias, so that going back is pointing it at the version before.
resource "aws_lambda_alias" "handler" {
  name             = "live"
  description      = "The version that the API calls"
  function_name    = aws_lambda_function.handler.function_name
  function_version = aws_lambda_function.handler.version
}

resource "aws_lambda_permission" "api" {
  statement_id  = "ApiCallsTheHandler"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.handler.function_name
  qualifier     = aws_lambda_alias.handler.name
  principal     = "apigateway.amazonaws.com"
  source_arn    = "${aws_api_gateway_rest_api.this.execution_arn}/*/*/*"
}

resource "aws_lambda_function" "ingest" {
  #checkov:skip=CKV_AWS_50:the log has the video's id; tracing is a paid second copy of it
  #checkov:skip=CKV_AWS_116:fed by a queue that has a dead-letter queue of its own
  #checkov:skip=CKV_AWS_117:it needs nothing in the VPC, and from outside it reaches AWS without an endpoint
  #checkov:skip=CKV_AWS_173:the environment holds names, no secrets
  #checkov:skip=CKV_AWS_272:the zip comes from the operator's own build; signing profiles are the account's decision
  function_name = "${var.fleet}-ingest"
  description   = "Uploads that arrived, to the tasks queue of ${var.fleet}"
  role          = aws_iam_role.this["ingest"].arn

  filename         = var.packages.ingest
  source_code_hash = try(filebase64sha256(var.packages.ingest), null)
  handler          = "bootstrap"
  runtime          = "provided.al2023"
  architectures    = [var.architecture]

  timeout                        = var.timeouts.ingest
  memory_size                    = 256
  reserved_concurrent_executions = var.reserved_concurrency.ingest

  environment {
    variables = var.environment.ingest
  }

  logging_config {
    log_format = "Text"
    log_group  = var.log_groups["ingest"].name
  }

  lifecycle {
    precondition {
      condition     = fileexists(var.packages.ingest)
      error_message = "${var.packages.ingest} is not there: run `./run package` first, or set packages_dir."
    }
  }

  depends_on = [aws_iam_role_policy.platform, aws_iam_role_policy.ingest, aws_iam_role_policy.ingest_edges]
}

resource "aws_lambda_event_source_mapping" "events" {
  event_source_arn        = var.events_queue_arn
  function_name           = aws_lambda_function.ingest.arn
  batch_size              = 10
  function_response_types = ["ReportBatchItemFailures"]

  scaling_config {
    maximum_concurrency = max(2, var.reserved_concurrency.ingest)
  }
}
