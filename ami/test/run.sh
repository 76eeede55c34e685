#!/usr/bin/env bash
# The image, really booted: a root of this machine's distribution, provisioned by the scripts that
# Packer runs, started in qemu beside a local cloud. `./run ami-test` calls this, and builds first.
#
#   ami/test/run.sh PROGRAMS AGENT.deb VIDEO
#
# PROGRAMS is where local-cloud and its programs are. Needs root, debootstrap, qemu and the
# distribution's archive; /dev/kvm makes it quick, and without it everything is emulated. What the
# machine's console said is left in out/ami-test/console.log.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(cd "$here/../.." && pwd)
out=$root/out/ami-test

die() {
    echo "ami-test: $*" >&2
    exit 1
}

say() { printf '%4ds  %s\n' "$SECONDS" "$*"; }

(($# == 3)) || die "usage: run.sh PROGRAMS AGENT.deb VIDEO"
programs=$1 package=$2 video=$3
[[ -r $package ]] || die "cannot read $package"
[[ -r $video ]] || die "cannot read $video"
[[ $(id -u) == 0 ]] || die "debootstrap needs root"
for tool in debootstrap qemu-system-x86_64 mkfs.ext4; do
    command -v "$tool" >/dev/null || die "$tool is missing: apt-get install debootstrap qemu-system-x86 e2fsprogs"
done
[[ $(uname -m) == x86_64 ]] || die "it boots x86-64 machines only"

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
machine=$scratch/root
# shellcheck source=packaging/root.sh
source "$root/packaging/root.sh"

kernel() {
    # shellcheck source=/dev/null
    case $(source /etc/os-release && echo "$ID") in
        ubuntu) echo linux-image-virtual ;;
        *) echo linux-image-cloud-amd64 ;;
    esac
}

say "a $(distribution) root"
make_root "$machine" minbase "systemd-sysv,dbus,udev,initramfs-tools,iproute2,$(kernel)"

say "provisioned as Packer does it"
staging=$machine/tmp/framefleet
mkdir -p "$staging"
cp -r "$root/ami/files" "$staging/files"
cp "$root/ami/check-image.sh" "$root"/ami/scripts/*.sh "$staging/"
cp "$package" "$staging/fleet-agent.deb"
provision() {
    in_root "$machine" env FRAMEFLEET_STAGING=/tmp/framefleet FRAMEFLEET_CLOUDWATCH_AGENT=false \
        bash "/tmp/framefleet/$1" >"$scratch/$1.log" 2>&1 ||
        { tail -n 40 "$scratch/$1.log" && die "$1 failed"; }
}
for script in 10-base 20-system 30-agent 40-cloudwatch-agent; do
    provision "$script.sh"
done
provision check-image.sh
say "$(tail -n 1 "$scratch/check-image.sh.log")"
provision 90-clean.sh

# What EC2 does for a machine and qemu does not: an address, and here a console that shows the journal
# and a second serial line with a shell for the test.
cp -r "$here/files/." "$machine/"
in_root "$machine" systemctl --quiet enable systemd-networkd.service systemd-networkd-wait-online.service \
    test-shell.service
rm "$machine/usr/sbin/policy-rc.d"

say "a disk image"
mkdir -p "$out"
cp "$machine"/boot/vmlinuz-* "$scratch/vmlinuz"
cp "$machine"/boot/initrd.img-* "$scratch/initrd"
# The test writes the services' addresses here before it boots.
mkdir -p "$machine/etc/framefleet"
python3 "$here/drive.py" --programs "$programs" --machine "$machine" --scratch "$scratch" --out "$out" \
    --video "$video" --python "$root/.cache/venv/bin/python"
say "the console's log is in ${out#"$root"/}/console.log"
