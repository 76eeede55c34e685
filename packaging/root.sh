# shellcheck shell=bash
# A root folder of the distribution this runs on, from the archive that this machine's apt uses.

# shellcheck source=/dev/null
distribution() { (source /etc/os-release && echo "$VERSION_CODENAME"); }

# Components that the FFmpeg libraries and their like are in.
# shellcheck source=/dev/null
components() {
    case $(source /etc/os-release && echo "$ID") in
        ubuntu) echo main,universe ;;
        *) echo main ;;
    esac
}

archive() {
    # shellcheck disable=SC2016 # apt fills these in
    apt-get indextargets --format '$(REPO_URI) $(CODENAME) $(COMPONENT)' 'Created-By: Packages' |
        awk -v release="$(distribution)" '$2 == release && $3 == "main" { print $1; exit }'
}

# FOLDER VARIANT [INCLUDED PACKAGES, with commas]
make_root() {
    local folder=$1 variant=$2 included=${3:-} archive log
    archive=$(archive)
    [[ -n $archive ]] || { echo "apt knows no archive of $(distribution)" >&2 && return 1; }
    log=$(mktemp)
    debootstrap --variant="$variant" --components="$(components)" ${included:+--include="$included"} \
        "$(distribution)" "$folder" "$archive" >"$log" 2>&1 || {
        tail -n 30 "$log" >&2
        rm "$log"
        return 1
    }
    rm "$log"
    # Nothing that a package installs may start here.
    printf '#!/bin/sh\nexit 101\n' >"$folder/usr/sbin/policy-rc.d"
    chmod +x "$folder/usr/sbin/policy-rc.d"
    cp /etc/resolv.conf "$folder/etc/resolv.conf"
}

in_root() {
    local folder=$1
    shift
    env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin LANG=C DEBIAN_FRONTEND=noninteractive HOME=/root \
        chroot "$folder" "$@"
}
