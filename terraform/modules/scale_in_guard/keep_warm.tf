# An option that is off: the bench shows that a cold start answers in time.

resource "aws_cloudwatch_event_rule" "warm" {
  count = var.keep_warm ? 1 : 0

  name                = "${var.fleet}-keep-guard-warm"
  description         = "Keeps one copy of the guard warm"
  schedule_expression = "rate(4 minutes)"
}

# An event that names no instances, so the answer names none either.
resource "aws_cloudwatch_event_target" "warm" {
  count = var.keep_warm ? 1 : 0

  rule = aws_cloudwatch_event_rule.warm[0].name
  arn  = aws_lambda_alias.live.arn
  input = jsonencode({
    AutoScalingGroupARN  = ""
    AutoScalingGroupName = "${var.fleet}-agents"
    CapacityToTerminate  = []
    Instances            = []
    Cause                = "SCALE_IN"
  })
}

resource "aws_lambda_permission" "warm" {
  count = var.keep_warm ? 1 : 0

  statement_id  = "ScheduleKeepsItWarm"
  action        = "lambda:InvokeFunction"
  function_name = aws_lambda_function.guard.function_name
  qualifier     = aws_lambda_alias.live.name
  principal     = "events.amazonaws.com"
  source_arn    = aws_cloudwatch_event_rule.warm[0].arn
}
