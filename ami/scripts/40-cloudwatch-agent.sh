#!/usr/bin/env bash
# Optional: the CloudWatch agent, which ships the agents' journal. Off unless asked for.
set -euo pipefail

[[ ${FRAMEFLEET_CLOUDWATCH_AGENT:-false} == true ]] || exit 0

staging=${FRAMEFLEET_STAGING:?}
spelling=$(dpkg --print-architecture)

# Amazon keeps this package in no distribution's archive, only in its own bucket.
curl --fail --silent --show-error --retry 5 --output /tmp/amazon-cloudwatch-agent.deb \
    "https://amazoncloudwatch-agent.s3.amazonaws.com/debian/$spelling/latest/amazon-cloudwatch-agent.deb"
dpkg --install /tmp/amazon-cloudwatch-agent.deb
rm /tmp/amazon-cloudwatch-agent.deb

# It reads files, not the journal: a small service writes the agent's lines to one in memory.
install -D -m 0644 "$staging/files/framefleet-journal.service" \
    /etc/systemd/system/framefleet-journal.service
install -D -m 0644 "$staging/files/cloudwatch-agent.json" \
    /usr/lib/framefleet/cloudwatch-agent.json
systemctl enable framefleet-journal.service amazon-cloudwatch-agent.service
