#!/usr/bin/env bash
# Builds the packages once more, from a clone of this commit in another folder and from nothing, and
# compares them with those in out/packages. Takes as long as the first build did.
#
#   packaging/check-reproducible.sh [--lambda] [--deb] [--arm64]     as package.sh was called
set -euo pipefail

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

[[ -z $(git -C "$root" status --porcelain) ]] || {
    echo "there are changes that are not committed, so a clone would be something else" >&2
    exit 1
}
git clone --quiet "$root" "$scratch/elsewhere"
unset FRAMEFLEET_PACKAGE_TARGET
# Where ./run keeps cargo-deb.
PATH=$root/.cache/cargo-deb/bin:$PATH
"$scratch/elsewhere/packaging/package.sh" "$@" --out "$scratch/packages"

compared=0
for again in "$scratch"/packages/*; do
    cmp "$again" "$root/out/packages/$(basename "$again")"
    compared=$((compared + 1))
done
((compared > 0))
echo "$compared packages are the same, built in another folder"
