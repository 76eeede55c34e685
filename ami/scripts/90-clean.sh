#!/usr/bin/env bash
# Takes away what must not be the same on every machine made from the image.
set -euo pipefail

apt-get clean
rm -rf /var/lib/apt/lists/* /tmp/framefleet
rm -f /etc/ssh/ssh_host_* /root/.ssh/authorized_keys /home/*/.ssh/authorized_keys
rm -f /root/.bash_history /home/*/.bash_history
if command -v cloud-init >/dev/null; then
    cloud-init clean --logs
fi
truncate --size 0 /etc/machine-id
