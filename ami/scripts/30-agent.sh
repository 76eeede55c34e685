#!/usr/bin/env bash
# The agent's package, and what makes it an EC2 machine's: the start-up script and the crash report.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

staging=${FRAMEFLEET_STAGING:?}

apt-get -y --no-install-recommends install "$staging/fleet-agent.deb"

install -D -m 0755 "$staging/files/aws-call.sh" /usr/lib/framefleet/aws-call.sh
install -D -m 0755 "$staging/files/configure.sh" /usr/lib/framefleet/configure
install -D -m 0755 "$staging/files/report-crash.sh" /usr/lib/framefleet/report-crash
install -D -m 0644 "$staging/files/framefleet-configure.service" \
    /etc/systemd/system/framefleet-configure.service
install -D -m 0644 "$staging/files/fleet-agent-ec2.conf" \
    /etc/systemd/system/fleet-agent.service.d/60-ec2.conf

systemctl enable framefleet-configure.service fleet-agent.service
