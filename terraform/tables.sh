#!/usr/bin/env bash
# Prints two tables of an environment's plan: resources by module, and IAM statements by role.
#
#   terraform/tables.sh [production|test]
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
environment=${1:-production}
scratch=$(mktemp -d)
emulator=
trap 'rm -rf "$scratch"; [[ -z $emulator ]] || kill "$emulator" 2>/dev/null || true' EXIT
offline=${FRAMEFLEET_TF_OFFLINE:-$root/../shared/tools/tf-offline/tf-offline}
[[ -x $offline ]] || offline=

# shellcheck source=terraform/check/tools.sh
source "$here/check/tools.sh"
# shellcheck source=terraform/check/tf.sh
source "$here/check/tf.sh"

[[ -r $here/environments/$environment.tfvars ]] || {
    echo "there is no environments/$environment.tfvars" >&2
    exit 2
}
tf_prepare
tf_plan "$environment" >"$scratch/log" 2>&1 || {
    cat "$scratch/log" >&2
    exit 1
}
python3 "$here/consistency/report.py" "$scratch/$environment.plan.json"
