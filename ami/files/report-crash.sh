#!/usr/bin/env bash
# After every stop of the agent: one AgentCrashes for CloudWatch when it did not mean to stop. An
# alarm counts them. A report that fails is only logged, for the agent is to start again.
set -uo pipefail

[[ ${SERVICE_RESULT:-success} != success ]] || exit 0

# shellcheck source=ami/files/aws-call.sh
source "$(dirname "$0")/aws-call.sh"

echo "the agent ended by itself: $SERVICE_RESULT, ${EXIT_CODE:-?} ${EXIT_STATUS:-?}"

# The query protocol: one datum, with the dimension that the alarm watches.
body="Action=PutMetricData&Version=2010-08-01&Namespace=${FRAMEFLEET_METRICS_NAMESPACE:?}"
body+="&MetricData.member.1.MetricName=AgentCrashes&MetricData.member.1.Value=1"
body+="&MetricData.member.1.Dimensions.member.1.Name=Fleet"
body+="&MetricData.member.1.Dimensions.member.1.Value=${FRAMEFLEET_FLEET:?}"

# printf, since a line's end would become part of the dimension.
printf %s "$body" |
    aws_call monitoring "${AWS_REGION:?}" application/x-www-form-urlencoded '' >/dev/null ||
    echo "could not report it"
exit 0
