# shellcheck shell=bash
# The programs that the checks need, fetched where they are missing. Only what was fetched is kept
# from run to run, never a result.

tools=$root/.cache/tools
checkov_cache=$root/.cache/checkov

# A check that cannot be made on this machine ends with this status, and says why. It does not fail
# the whole, but is counted and named at the end.
readonly impossible=77

need() {
    command -v "$1" >/dev/null || {
        echo "$1 is missing: $2"
        return 1
    }
}

# True when the first version is at least the second.
at_least() { [[ $(printf '%s\n%s\n' "$1" "$2" | sort -V | head -n 1) == "$2" ]]; }

# Terraform of the machine if it is new enough for write-only arguments; else our own.
find_terraform() {
    local have
    have=$(terraform version -json 2>/dev/null | jq -r .terraform_version) || have=
    if [[ -n $have ]] && at_least "$have" 1.11; then
        return 0
    fi
    fetch terraform
}

find_packer() {
    ! command -v packer >/dev/null || return 0
    fetch packer
}

# NAME: the pinned version, for this machine, in front of the path.
fetch() {
    local name=$1 platform version sum folder zip status=0
    platform=linux_$(dpkg --print-architecture)
    read -r _ version _ sum < <(grep -E "^$name [^ ]+ $platform " "$root/tools/hashicorp.txt") || {
        echo "$name is missing, and tools/hashicorp.txt has none for $platform"
        return "$impossible"
    }
    folder=$tools/$name-$version
    if [[ ! -x $folder/$name ]]; then
        zip=$scratch/$name.zip
        curl --fail --silent --show-error --location --retry 3 --connect-timeout 20 --output "$zip" \
            "https://releases.hashicorp.com/$name/$version/${name}_${version}_$platform.zip" || status=$?
        # 6, 7 and 28: no such host from here, no way to it, no answer.
        case $status in
            0) ;;
            6 | 7 | 28)
                echo "$name is missing, and its maker's download site cannot be reached from here"
                return "$impossible"
                ;;
            *) return 1 ;;
        esac
        sha256sum --check --quiet <<<"$sum  $zip" || return 1
        mkdir -p "$folder"
        python3 -m zipfile -e "$zip" "$scratch/$name.unpacked"
        install -m 0755 "$scratch/$name.unpacked/$name" "$folder/.$name.$$"
        mv "$folder/.$name.$$" "$folder/$name"
    fi
    PATH=$folder:$PATH
}

# The policy scanner, pinned by hash; installed again when the lock file changes. Its environment also
# has botocore, which says what each SDK call is named in IAM. Under a lock: two checks use it.
install_checkov() {
    local stamp venv=$checkov_cache/venv
    mkdir -p "$checkov_cache"
    exec 9>"$checkov_cache/lock"
    flock 9
    stamp=$(sha256sum "$here/requirements.txt" /etc/os-release)
    if [[ ! -x $venv/bin/checkov || $(cat "$checkov_cache/stamp" 2>/dev/null) != "$stamp" ]]; then
        rm -rf "$venv"
        python3 -m venv "$venv" &&
            "$venv/bin/pip" install --quiet --disable-pip-version-check --require-hashes \
                --requirement "$here/requirements.txt" || return
        echo "$stamp" >"$checkov_cache/stamp"
    fi
    exec 9>&-
}
