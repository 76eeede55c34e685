#!/usr/bin/env bash
# Checks everything that can be known about terraform/, ami/ and packaging/ without an AWS account, two
# at a time. One line a check; a failed one shows its output, and makes the whole fail. A check that
# this machine cannot make is named, with the reason. `./run test` calls this.
#
#   terraform/check.sh            all of it
#   terraform/check.sh NAME...    only these (see the list below)
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
scratch=$(mktemp -d)
emulator=
trap 'rm -rf "$scratch"; [[ -z $emulator ]] || kill "$emulator" 2>/dev/null || true' EXIT

# Stands in for the provider where it is present.
offline=${FRAMEFLEET_TF_OFFLINE:-$root/../shared/tools/tf-offline/tf-offline}
[[ -x $offline ]] || offline=

# shellcheck source=terraform/check/tools.sh
source "$here/check/tools.sh"
# shellcheck source=terraform/check/tf.sh
source "$here/check/tf.sh"
# shellcheck source=terraform/check/checks.sh
source "$here/check/checks.sh"

at_once=${FRAMEFLEET_CHECKS_AT_ONCE:-2}

# In the order in which they start: the longest first, and what needs the plans last.
all=(
    tests plan-test plan-production checkov tests-test tests-production
    packer shellcheck units validate fmt consistency tables
)

title() {
    case $1 in
        fmt) echo "terraform fmt" ;;
        validate) echo "terraform validate" ;;
        plan-*) echo "terraform plan (${1#plan-})" ;;
        tests) echo "terraform test (modules)" ;;
        tests-*) echo "terraform test (${1#tests-})" ;;
        packer) echo "packer validate" ;;
        units) echo "systemd units" ;;
        consistency) echo "terraform and code agree" ;;
        tables) echo "terraform/tables.md" ;;
        *) echo "$1" ;;
    esac
}

carry_out() {
    case $1 in
        plan-*) tf_plan "${1#plan-}" ;;
        tests-*) check_environment "${1#tests-}" ;;
        *) "check_$1" ;;
    esac
}

passed=() failed=() unmade=()
declare -A running=() started=()

start() {
    started[$1]=$SECONDS
    # A shell of its own, so that a failing command inside ends the check and nothing else.
    (carry_out "$1") >"$scratch/$1.log" 2>&1 &
    running[$!]=$1
}

# Waits for any check to end, and prints its line.
finish_one() {
    local pid status=0 name seconds log
    wait -n -p pid "${!running[@]}" || status=$?
    name=${running[$pid]}
    unset "running[$pid]"
    seconds=$((SECONDS - started[$name]))
    log=$scratch/$name.log
    case $status in
        0)
            passed+=("$name")
            printf 'ok    %-34s %3ds  %s\n' "$(title "$name")" "$seconds" \
                "$(grep -E '^(Plan:|Success!|Passed checks:|[0-9]+ )' "$log" | tail -n 1 || true)"
            ;;
        "$impossible")
            unmade+=("$name")
            printf 'NOT CHECKED  %s: %s\n' "$(title "$name")" "$(tail -n 1 "$log")"
            ;;
        *)
            failed+=("$name")
            printf 'FAIL  %-34s %3ds\n' "$(title "$name")" "$seconds"
            sed 's/^/      /' "$log"
            ;;
    esac
}

is_running() { [[ " ${running[*]} " == *" $1 "* ]]; }

(($# > 0)) || set -- "${all[@]}"
for name in "$@"; do
    [[ " ${all[*]} " == *" $name "* ]] || {
        echo "no check is called $name; there are: ${all[*]}" >&2
        exit 2
    }
done

need jq "apt-get install jq"
need curl "apt-get install curl"
tf_prepare
for name in "$@"; do
    while ((${#running[@]} >= at_once)); do
        finish_one
    done
    if [[ $name == consistency || $name == tables ]]; then
        while is_running plan-test || is_running plan-production; do
            finish_one
        done
    fi
    start "$name"
done
while ((${#running[@]})); do
    finish_one
done

echo "terraform: ${#passed[@]} passed, ${#failed[@]} failed, ${#unmade[@]} not checked${tf_way:+ ($tf_way)}"
if ((${#unmade[@]})); then
    echo "terraform: this machine could not check: ${unmade[*]} (terraform/README.md, \"Checking it\")" >&2
fi
((${#failed[@]} == 0))
