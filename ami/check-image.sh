#!/usr/bin/env bash
# What must be true of a finished image, whoever baked it: run inside it, before it is sealed. Plays
# goss' part with what every image has.
set -uo pipefail

passed=0
failed=0

must() {
    local what=$1
    shift
    if "$@" >/dev/null 2>&1; then
        passed=$((passed + 1))
    else
        failed=$((failed + 1))
        echo "not so: $what"
    fi
}

enabled() { [[ $(systemctl is-enabled "$1") == enabled ]]; }
mode() { [[ $(stat -c %a "$1") == "$2" ]]; }
absent() { ! command -v "$1"; }
shell_of() { getent passwd "$1" | cut -d: -f7; }
no_shell() { [[ $(shell_of framefleet) == /usr/sbin/nologin ]]; }
no_swap() { ! grep -qE '\sswap\s' /etc/fstab && [[ -z $(swapon --show) ]]; }
complete() { ! ldd "$1" | grep -q 'not found'; }
signs() { curl --help all | grep -q -- --aws-sigv4; }

must "the agent runs" /usr/bin/fleet-agent --version
must "every library it needs is there" complete /usr/bin/fleet-agent
must "its user exists" getent passwd framefleet
must "its user has no shell" no_shell
must "its folder is closed to others" mode /etc/framefleet 750
for unit in fleet-agent framefleet-configure chrony prometheus-node-exporter unattended-upgrades; do
    must "$unit starts at boot" enabled "$unit.service"
done
must "scratch is in memory" enabled tmp.mount
must "there is no swap" no_swap
must "the start-up script is there" test -x /usr/lib/framefleet/configure
must "the crash report is there" test -x /usr/lib/framefleet/report-crash
must "the units are valid" systemd-analyze verify fleet-agent.service framefleet-configure.service
for tool in curl jq; do
    must "$tool is there" command -v "$tool"
done
# It can sign requests (7.75), which the start-up script relies on.
must "curl signs requests" signs
for tool in gcc cargo ffmpeg; do
    must "$tool is not there: an image carries no tools it does not need" absent "$tool"
done
must "no configuration of another machine is left" test ! -e /etc/framefleet/agent.env

echo "$passed passed, $failed failed"
((failed == 0))
