# The custom termination policy: Auto Scaling asks it which instances may go, and it names only idle
# ones. It cannot terminate anything itself.

resource "aws_lambda_function" "guard" {
  #checkov:skip=CKV_AWS_50:called by Auto Scaling within 2 s, where tracing has no caller to belong to; its log says what it decided
  #checkov:skip=CKV_AWS_116:called synchronously; Auto Scaling asks again by itself
  #checkov:skip=CKV_AWS_173:the environment holds names, no secrets
  #checkov:skip=CKV_AWS_272:the zip comes from the operator's own build; signing profiles are the account's decision
  function_name = "${var.fleet}-scale-in-guard"
  description   = "Custom termination policy of ${var.fleet}: names idle instances only"
  role          = aws_iam_role.guard.arn

  filename         = var.package
  source_code_hash = try(filebase64sha256(var.package), null)
  handler          = "bootstrap"
  runtime          = "provided.al2023"
  architectures    = [var.architecture]
  publish          = true

  # Auto Scaling gives up after 2 s; the guard's own limit is 1 s.
  timeout                        = 2
  memory_size                    = 512
  reserved_concurrent_executions = var.reserved_concurrency

  environment {
    variables = var.environment
  }

  vpc_config {
    subnet_ids         = var.subnet_ids
    security_group_ids = [var.security_group_id]
  }

  logging_config {
    log_format = "Text"
    log_group  = var.log_group.name
  }

  lifecycle {
    precondition {
      condition     = fileexists(var.package)
      error_message = "${var.package} is not there: run `./run package` first, or set packages_dir."
    }
  }

  depends_on = [aws_iam_role_policy.platform]
}

resource "aws_lambda_alias" "live" {
  name             = "live"
  description      = "The version that Auto Scaling calls"
  function_name    = aws_lambda_function.guard.function_name
  function_version = aws_lambda_function.guard.version
}

# A service-linked role of the fleet's own: it exists in a new account too, and the alias below can
# trust exactly this group's caller.
resource "aws_iam_service_linked_role" "autoscaling" {
  aws_service_name = "autoscaling.amazonaws.com"
  custom_suffix    = var.fleet
  description      = "Auto Scaling for ${var.fleet}"
}

# IAM takes some seconds to let Lambda see a new principal, and Lambda refuses one it cannot see.
resource "time_sleep" "role_is_known" {
  create_duration = "15s"
  triggers        = { role = aws_iam_service_linked_role.autoscaling.arn }
}

resource "aws_lambda_permission" "autoscaling" {
  statement_id  = "AutoScalingAsksTheGuard"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.guard.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = time_sleep.role_is_known.triggers["role"]
}
