#!/usr/bin/env bash
# Checks everything that can be known about terraform/, ami/ and packaging/ without an AWS account.
# One line a check; a failed one shows its output, and makes the whole fail. `./run test` calls this.
#
#   terraform/check.sh            all of it
#   terraform/check.sh NAME...    only these (see the list at the end)
#
# Terraform runs through tf-offline where that is present (or named by FRAMEFLEET_TF_OFFLINE); else
# plain, which needs the registry and, for plan and tests, AWS credentials.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
cache=$root/.cache/checkov
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

failed=0
passed=0
# A path that names no file would only make terraform warn on every call.
[[ -z ${TF_CLI_CONFIG_FILE:-} || -e $TF_CLI_CONFIG_FILE ]] || unset TF_CLI_CONFIG_FILE

offline=${FRAMEFLEET_TF_OFFLINE:-$root/../shared/tools/tf-offline/tf-offline}
[[ -x $offline ]] || offline=

# Runs a check and prints its line. The output is shown only when it failed.
check() {
    local name=$1 start=$SECONDS log
    shift
    log=$scratch/$(tr -c 'a-z0-9\n' - <<<"$name").log
    if "$@" >"$log" 2>&1; then
        passed=$((passed + 1))
        printf 'ok    %-34s %3ds  %s\n' "$name" $((SECONDS - start)) "$(summary "$log")"
    else
        failed=$((failed + 1))
        printf 'FAIL  %-34s %3ds\n' "$name" $((SECONDS - start))
        sed 's/^/      /' "$log"
    fi
}

# The line of the output that counts something.
summary() {
    grep -E '^(Plan:|Success!|Passed checks:|[0-9]+ )' "$1" | tail -n 1 || true
}

need() {
    command -v "$1" >/dev/null || {
        echo "$1 is missing: $2"
        return 1
    }
}

# terraform COMMAND on the configuration, either way. Plain terraform works on a copy without the
# backend, so that no state is touched.
tf() {
    local command=$1
    shift
    need terraform "see README.md, \"What you need\"" || return
    if [[ -n $offline ]]; then
        TF_OFFLINE_VALUES=$scratch/values.json "$offline" "$command" "$here" "$@"
        return
    fi
    if [[ ! -d $scratch/copy/terraform ]]; then
        mkdir -p "$scratch/copy"
        cp -r "$here" "$scratch/copy/terraform"
        cp "$root/openapi.yaml" "$scratch/copy/"
        rm "$scratch/copy/terraform/backend.tf"
        terraform -chdir="$scratch/copy/terraform" init -input=false || return
    fi
    if [[ $command == plan ]]; then
        local rest=() json=
        while (($#)); do
            case $1 in
                --plan-json) json=$2 && shift 2 ;;
                *) rest+=("$1") && shift ;;
            esac
        done
        terraform -chdir="$scratch/copy/terraform" plan -input=false -out="$scratch/plan" "${rest[@]}" || return
        [[ -z $json ]] || terraform -chdir="$scratch/copy/terraform" show -json "$scratch/plan" >"$json"
        return
    fi
    terraform -chdir="$scratch/copy/terraform" "$command" "$@"
}

# What an operator brings and this check makes up: a key pair and three packages. The packages of
# tests/ are empty ZIPs, which is all that planning asks of them.
prepare() {
    need openssl "install openssl"
    openssl genrsa -out "$scratch/cdn.pem" 2048 2>/dev/null
    openssl rsa -in "$scratch/cdn.pem" -pubout -out "$scratch/cdn.pub.pem" 2>/dev/null
    python3 - "$scratch" "$here" <<'PY'
import json, pathlib, sys

scratch, here = map(pathlib.Path, sys.argv[1:])
(scratch / "brought.tfvars.json").write_text(json.dumps({
    "cdn_public_keys": {"check": (scratch / "cdn.pub.pem").read_text()},
    "cdn_signing_key": "check",
    "packages_dir": str(here / "tests" / "packages"),
}))
(scratch / "values.json").write_text(json.dumps({
    "data.aws_ssm_parameter": {"insecure_value": "ami-0123456789abcdef0"},
}))
PY
}

fmt() {
    need terraform "see README.md, \"What you need\"" && terraform fmt -check -recursive -diff "$here"
}

plan() {
    tf plan -var-file="$here/environments/$1.tfvars" -var-file="$scratch/brought.tfvars.json" \
        --plan-json "$scratch/$1.plan.json" -no-color
}

tests() {
    tf test -no-color
}

environment_tests() {
    tf test -no-color -test-directory=tests/environments \
        -var-file="$here/environments/$1.tfvars" -var-file="$scratch/brought.tfvars.json"
}

# Pinned by hash; installed when the lock file changes.
install_checkov() {
    local stamp
    stamp=$(sha256sum <"$here/requirements.txt")
    if [[ ! -x $cache/venv-run/bin/checkov || $(cat "$cache/stamp" 2>/dev/null) != "$stamp" ]]; then
        rm -rf "$cache/venv-run"
        mkdir -p "$cache"
        python3 -m venv "$cache/venv-run"
        "$cache/venv-run/bin/pip" install --quiet --require-hashes -r "$here/requirements.txt"
        echo "$stamp" >"$cache/stamp"
    fi
}

run_checkov() {
    install_checkov
    LOG_LEVEL=ERROR "$cache/venv-run/bin/checkov" --directory "$here" --framework terraform \
        --skip-download --quiet --compact
}

# Debian's Packer is 1.6.6, which does not know `required_plugins`, `data` and `metadata_options`:
# these are in files (*.newer.pkr.hcl) or between marks of their own, and the rest is checked on a copy.
run_packer() {
    need packer "apt-get install packer" || return
    local copy=$scratch/ami arch
    rm -rf "$copy"
    cp -r "$root/ami" "$copy"
    if [[ $(packer version | head -n 1) == *v1.6.* ]]; then
        rm "$copy"/*.newer.pkr.hcl
        sed -i "/# newer:/,/# :newer/d" "$copy/source.pkr.hcl"
    else
        packer init "$copy" || return
    fi
    : >"$scratch/agent.deb"
    for arch in x86_64 arm64; do
        (cd "$copy" && CHECKPOINT_DISABLE=1 packer validate -var "architecture=$arch" \
            -var "package=$scratch/agent.deb" -var "region=eu-central-1" .) || return
    done
    echo "2 architectures valid, $(packer version | head -n 1)"
}

run_shellcheck() {
    need shellcheck "apt-get install shellcheck" || return
    local scripts
    mapfile -t scripts < <(
        grep -rIlE '^#!.*\b(ba)?sh\b' "$here" "$root/ami" "$root/packaging" --include='*' | sort
    )
    ((${#scripts[@]} > 0)) || return 1
    (cd "$root" && shellcheck -x "${scripts[@]}") && echo "${#scripts[@]} scripts"
}

run_units() {
    need systemd-analyze "apt-get install systemd" || return
    "$root/packaging/check-units.sh"
}

run_consistency() {
    install_checkov
    local name plans=()
    for name in test production; do
        [[ -s $scratch/$name.plan.json ]] || plan "$name" >/dev/null
        plans+=("$scratch/$name.plan.json")
    done
    # botocore, which says what each SDK call is named in IAM, comes with the scanner. First the
    # comparison itself is tested: one that sees nothing would agree with everything.
    export PYTHONDONTWRITEBYTECODE=1
    (cd "$here/consistency" && "$cache/venv-run/bin/python" -m unittest -q) || return
    "$cache/venv-run/bin/python" "$here/consistency/check.py" --root "$root" "${plans[@]}"
}

report() {
    [[ -s $scratch/production.plan.json ]] || plan production >/dev/null
    python3 "$here/consistency/report.py" "$scratch/production.plan.json"
}

all=(fmt validate plan-test plan-production tests tests-test tests-production checkov packer shellcheck units consistency)

one() {
    case $1 in
        fmt) check "terraform fmt" fmt ;;
        validate) check "terraform validate" tf validate ;;
        plan-test) check "terraform plan (test)" plan test ;;
        plan-production) check "terraform plan (production)" plan production ;;
        tests) check "terraform test (modules)" tests ;;
        tests-test) check "terraform test (test)" environment_tests test ;;
        tests-production) check "terraform test (production)" environment_tests production ;;
        checkov) check "checkov" run_checkov ;;
        packer) check "packer validate" run_packer ;;
        shellcheck) check "shellcheck" run_shellcheck ;;
        units) check "systemd units" run_units ;;
        consistency) check "terraform and code agree" run_consistency ;;
        report) report ;;
        *)
            echo "no check is called $1; there are: ${all[*]} report" >&2
            exit 2
            ;;
    esac
}

prepare
(($# > 0)) || set -- "${all[@]}"
for name in "$@"; do
    one "$name"
done
[[ $* == report ]] || echo "terraform: $passed passed, $failed failed${offline:+ (offline)}"
((failed == 0))
