#!/usr/bin/env bash
# The machine itself: no swap, files enough, scratch in memory, a bounded journal.
set -euo pipefail

staging=${FRAMEFLEET_STAGING:?}

# A machine that swaps is slower than one that says it is full.
sed -i '/\sswap\s/d' /etc/fstab
systemctl mask swap.target

install -D -m 0644 "$staging/files/sysctl.conf" /etc/sysctl.d/60-framefleet.conf
install -D -m 0644 "$staging/files/limits.conf" /etc/systemd/system.conf.d/60-framefleet.conf
install -D -m 0644 "$staging/files/journald.conf" /etc/systemd/journald.conf.d/60-framefleet.conf

# Scratch is /tmp, in memory: what a video leaves behind is gone with its process.
if [[ -e /usr/share/systemd/tmp.mount ]]; then
    cp /usr/share/systemd/tmp.mount /etc/systemd/system/tmp.mount
fi
install -D -m 0644 "$staging/files/tmp.conf" /etc/systemd/system/tmp.mount.d/60-framefleet.conf
systemctl enable tmp.mount

# Metrics for Prometheus, on the machine's private address; its security group says who may ask.
install -D -m 0644 "$staging/files/node-exporter.conf" \
    /etc/systemd/system/prometheus-node-exporter.service.d/60-framefleet.conf
