#!/usr/bin/env bash
# Prints what terraform/tables.md holds: resources by module, and IAM statements by component.
#
#   terraform/tables.sh >terraform/tables.md
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
scratch=$(mktemp -d)
emulator=
trap 'rm -rf "$scratch"; [[ -z $emulator ]] || kill "$emulator" 2>/dev/null || true' EXIT
offline=${FRAMEFLEET_TF_OFFLINE:-$root/../shared/tools/tf-offline/tf-offline}
[[ -x $offline ]] || offline=

# shellcheck source=terraform/check/tools.sh
source "$here/check/tools.sh"
# shellcheck source=terraform/check/tf.sh
source "$here/check/tf.sh"

# shellcheck source=terraform/check/checks.sh
source "$here/check/checks.sh"

tf_prepare
print_tables
