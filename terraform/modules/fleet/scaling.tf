# Alarms and step policies, word for word from the one file that the local stand-in and the simulator
# read too. Its dimension values are words; var.dimensions says what they stand for here.

resource "aws_autoscaling_policy" "step" {
  for_each = local.scaling.policies

  name                      = "${var.fleet}-${each.key}"
  autoscaling_group_name    = aws_autoscaling_group.agents.name
  policy_type               = each.value.policy_type
  adjustment_type           = each.value.adjustment_type
  metric_aggregation_type   = each.value.metric_aggregation_type
  estimated_instance_warmup = each.value.estimated_instance_warmup
  min_adjustment_magnitude  = each.value.min_adjustment_magnitude

  dynamic "step_adjustment" {
    for_each = each.value.step_adjustments

    content {
      metric_interval_lower_bound = step_adjustment.value.metric_interval_lower_bound
      metric_interval_upper_bound = step_adjustment.value.metric_interval_upper_bound
      scaling_adjustment          = step_adjustment.value.scaling_adjustment
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "scaling" {
  for_each = local.scaling.alarms

  alarm_name          = "${var.fleet}-${each.key}"
  alarm_description   = each.value.description
  namespace           = each.value.namespace
  metric_name         = each.value.metric_name
  dimensions          = { for name, word in each.value.dimensions : name => var.dimensions[word] }
  statistic           = each.value.statistic
  period              = each.value.period
  evaluation_periods  = each.value.evaluation_periods
  datapoints_to_alarm = each.value.datapoints_to_alarm
  comparison_operator = each.value.comparison_operator
  threshold           = each.value.threshold
  treat_missing_data  = each.value.treat_missing_data
  alarm_actions       = [aws_autoscaling_policy.step[each.value.policy].arn]
}
