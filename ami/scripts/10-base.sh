#!/usr/bin/env bash
# The distribution's own packages: up to date, with time kept and security updates installed daily.
set -euo pipefail
export DEBIAN_FRONTEND=noninteractive

apt-get update
apt-get -y -o Dpkg::Options::=--force-confold upgrade
apt-get -y --no-install-recommends install \
    ca-certificates chrony curl jq prometheus-node-exporter unattended-upgrades

# An agent's VPC has no way to the archive, so there the policy does nothing and a new image is the
# update. It is for fleets that give their machines such a way.
cat >/etc/apt/apt.conf.d/52framefleet <<'CONF'
APT::Periodic::Update-Package-Lists "1";
APT::Periodic::Unattended-Upgrade "1";
Unattended-Upgrade::Automatic-Reboot "false";
Unattended-Upgrade::Remove-Unused-Dependencies "true";
CONF

# Amazon's own clock, on the machine's link: no route to it is needed.
install -d /etc/chrony/sources.d
echo "server 169.254.169.123 prefer iburst minpoll 4 maxpoll 4" >/etc/chrony/sources.d/amazon.sources

systemctl enable chrony.service unattended-upgrades.service prometheus-node-exporter.service
