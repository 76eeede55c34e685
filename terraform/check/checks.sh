# shellcheck shell=bash
# The checks themselves: each a function that prints what it found, and whose status says whether it
# is good. The last line of its output that counts something is shown.

check_fmt() {
    [[ -n $tf_way || $(command -v terraform) ]] || { echo "$tf_why" && return "$impossible"; }
    terraform fmt -check -recursive -diff "$here"
}

check_validate() { tf validate -no-color; }

check_tests() { tf test -no-color; }

check_environment() {
    tf test -no-color -test-directory=tests/environments \
        -var-file="$here/environments/$1.tfvars" -var-file="$scratch/brought.tfvars.json"
}

check_checkov() {
    install_checkov || return
    LOG_LEVEL=ERROR "$checkov_cache/venv/bin/checkov" --directory "$here" --framework terraform \
        --skip-download --quiet --compact
}

# Packer 1.6.6, which distributions have, does not know `required_plugins`, `data` and
# `metadata_options`: these are in files (*.newer.pkr.hcl) or between marks of their own, and the rest
# is checked on a copy. With a newer one everything is, after its plugins were fetched.
check_packer() {
    local copy=$scratch/ami arch
    find_packer || return
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

# Every shell script that git knows, found by its first line, and what each sources.
check_shellcheck() {
    need shellcheck "apt-get install shellcheck" || return
    local scripts
    mapfile -t scripts < <(
        cd "$root" && git ls-files -z --cached --others --exclude-standard |
            xargs -0 grep -IlE '^#!.*\b(ba)?sh\b' | sort
    )
    ((${#scripts[@]} >= 10)) || { echo "found only ${#scripts[@]} scripts" && return 1; }
    (cd "$root" && shellcheck -a -x "${scripts[@]}") && echo "${#scripts[@]} scripts"
}

check_units() {
    need systemd-analyze "apt-get install systemd" || return
    "$root/packaging/check-units.sh"
}

# Plans an environment, unless that was done.
planned() {
    [[ -s $scratch/$1.plan.json ]] || tf_plan "$1" >"$scratch/planned" || { cat "$scratch/planned" && return 1; }
}

# Of both environments; terraform/tables.md is this.
print_tables() {
    [[ -n $tf_way ]] || { echo "$tf_why" && return "$impossible"; }
    planned test && planned production || return
    PYTHONDONTWRITEBYTECODE=1 python3 "$here/consistency/report.py" "$scratch"/{test,production}.plan.json
}

check_tables() {
    print_tables >"$scratch/tables.md" || { local status=$? && cat "$scratch/tables.md" && return $status; }
    diff -u "$here/tables.md" "$scratch/tables.md" || { echo "terraform/tables.sh >terraform/tables.md" && return 1; }
    echo "$(grep -c '^|' "$scratch/tables.md") lines as in tables.md"
}

check_consistency() {
    [[ -n $tf_way ]] || { echo "$tf_why" && return "$impossible"; }
    install_checkov || return
    local name plans=()
    for name in test production; do
        planned "$name" || return
        plans+=("$scratch/$name.plan.json")
    done
    # First the comparison itself is tested: one that sees nothing would agree with everything.
    export PYTHONDONTWRITEBYTECODE=1
    (cd "$here/consistency" && "$checkov_cache/venv/bin/python" -m unittest -q) || return
    "$checkov_cache/venv/bin/python" "$here/consistency/check.py" --root "$root" "${plans[@]}"
}
