#!/usr/bin/env bash
# At boot: who and where this machine is, from its metadata, and what it is to do, from SSM
# parameters. Writes the agent's environment; prints no values. Its unit runs it until it succeeds.
set -euo pipefail

# shellcheck source=ami/files/aws-call.sh
source "$(dirname "$0")/aws-call.sh"

target=${FRAMEFLEET_ENV_FILE:-/etc/framefleet/agent.env}

region=$(metadata placement/region)
instance=$(metadata instance-id)
fleet=$(metadata tags/instance/framefleet-fleet)
# Absent on a machine that was started by hand; the agent works there too.
group=$(metadata tags/instance/aws:autoscaling:groupName 2>/dev/null || true)

# {"Name", "Value"} of every parameter under the fleet's path, page by page
parameters() {
    local next='' request answer
    while true; do
        request=$(jq -n --arg path "/framefleet/$fleet/agent" --arg next "$next" \
            '{Path: $path, MaxResults: 10} + if $next == "" then {} else {NextToken: $next} end')
        answer=$(aws_call ssm "$region" application/x-amz-json-1.1 AmazonSSM.GetParametersByPath <<<"$request")
        jq -c '.Parameters[]' <<<"$answer"
        next=$(jq -r '.NextToken // ""' <<<"$answer")
        [[ -n $next ]] || return 0
    done
}

found=$(parameters)
[[ -n $found ]] || {
    echo "no parameters under /framefleet/$fleet/agent: is the fleet applied in $region?" >&2
    exit 1
}

# systemd reads the file: a value in double quotes, with its own quotes and backslashes escaped.
lines=$(jq -r '
    (.Name | split("/") | last) as $name
    | if ($name | test("^[A-Z][A-Z0-9_]*$") | not) then error("a parameter is called \($name)")
      elif (.Value | test("[\n\r]")) then error("\($name) has more than one line")
      else "\($name)=\"\(.Value | gsub("(?<sign>[\\\\\"$`])"; "\\\(.sign)"))\"" end' <<<"$found" | sort)

umask 027
fresh=$(mktemp "$target.XXXXXX")
trap 'rm -f "$fresh"' EXIT
{
    echo "# Written by $0 at every boot."
    echo "AWS_REGION=\"$region\""
    echo "FRAMEFLEET_INSTANCE_ID=\"$instance\""
    echo "$lines"
} >"$fresh"
chmod 0640 "$fresh"
# Root's file, which the agent's group may read; without the group (in a test) it stays as it is.
! getent group framefleet >/dev/null || chgrp framefleet "$fresh"
mv "$fresh" "$target"

if [[ -e /usr/lib/framefleet/cloudwatch-agent.json ]]; then
    sed -e "s|@REGION@|$region|" -e "s|@FLEET@|$fleet|" /usr/lib/framefleet/cloudwatch-agent.json \
        >/opt/aws/amazon-cloudwatch-agent/etc/amazon-cloudwatch-agent.json
fi

echo "configured $instance of group ${group:-none} in $region with $(wc -l <<<"$lines") parameters"
