#!/usr/bin/env bash
# Installs the agent's package into a clean root of the distribution this runs on, made with
# debootstrap, and starts the program there. Needs root, and the distribution's archive.
#
#   packaging/check-deb.sh [FILE.deb]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
package=${1:-}
[[ -n $package ]] || package=$(
    find "$(dirname "$here")/out/packages" -name 'fleet-agent_*.deb' -printf '%T@ %p\n' 2>/dev/null |
        sort -rn | head -n 1 | cut -d' ' -f2-
)

die() {
    echo "check-deb: $*" >&2
    exit 1
}

[[ -r $package ]] || die "cannot read ${package:-out/packages/fleet-agent_*.deb}: ./run package makes it"
[[ $(id -u) == 0 ]] || die "debootstrap needs root"
command -v debootstrap >/dev/null || die "debootstrap is missing: apt-get install debootstrap"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
clean=$scratch/root
# shellcheck source=packaging/root.sh
source "$here/root.sh"
make_root "$clean" minbase

install -m 0644 "$package" "$clean/tmp/fleet-agent.deb"
in_root "$clean" apt-get -qq -y --no-install-recommends install /tmp/fleet-agent.deb >"$scratch/install" 2>&1 ||
    { cat "$scratch/install" && die "the package does not install"; }

version=$(in_root "$clean" fleet-agent --version)
[[ $version == fleet-agent\ * ]] || die "fleet-agent --version says $version"
in_root "$clean" getent passwd framefleet >/dev/null || die "its user was not made"
in_root "$clean" systemd-analyze verify fleet-agent.service
[[ $(in_root "$clean" stat -c '%a %U:%G' /etc/framefleet) == "750 root:framefleet" ]] ||
    die "/etc/framefleet is open to others"
in_root "$clean" apt-get -qq -y purge fleet-agent >"$scratch/purge" 2>&1 ||
    { cat "$scratch/purge" && die "the package does not go away"; }
[[ ! -e $clean/usr/bin/fleet-agent && ! -e $clean/etc/framefleet/defaults.env ]] || die "something was left behind"

echo "$(basename "$package"): $version, in a clean $(distribution) root; and removed without a trace"
