#!/usr/bin/env bash
# Builds what a deployment needs, into out/packages: a zip for each Lambda function, and the agent as a
# Debian package for the distribution this runs on. The same sources give the same bytes.
#
#   packaging/package.sh [--lambda] [--deb] [--arm64]     both, unless one is named
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
out=$root/out/packages

# glibc of provided.al2023. Only symbols up to this version may be asked for.
lambda_glibc=2.34

die() {
    echo "package: $*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null || die "$1 is missing: $2"
}

# Times inside packages are the last commit's, and paths of this machine stay out of the programs.
reproducibly() {
    SOURCE_DATE_EPOCH=$(git -C "$root" log -1 --format=%ct)
    export SOURCE_DATE_EPOCH
    export CARGO_INCREMENTAL=0
    export RUSTFLAGS="--remap-path-prefix=$root=/build --remap-path-prefix=${CARGO_HOME:-$HOME/.cargo}=/cargo"
    # Other flags than everyday builds have, so a folder of its own keeps either from undoing the other.
    export CARGO_TARGET_DIR=$root/target/package
}

# A program's symbols tell whether Lambda's older C library can run it.
check_glibc() {
    local program=$1 newest
    need objdump "apt-get install binutils"
    newest=$(objdump -T "$program" | grep -oP 'GLIBC_\K[0-9.]+' | sort -V | tail -n 1)
    [[ $(printf '%s\n%s\n' "$newest" "$lambda_glibc" | sort -V | tail -n 1) == "$lambda_glibc" ]] ||
        die "$(basename "$program") needs glibc $newest, and Lambda has $lambda_glibc: build on an older distribution"
}

# NAME PROGRAM: NAME.zip with the program as `bootstrap`, dated and owned the same every time.
zip_function() {
    python3 - "$out/$1.zip" "$2" "$SOURCE_DATE_EPOCH" <<'PY'
import sys, time, zipfile

target, program, epoch = sys.argv[1:]
entry = zipfile.ZipInfo("bootstrap", max(time.gmtime(int(epoch))[:6], (1980, 1, 1, 0, 0, 0)))
entry.create_system = 3
entry.external_attr = 0o100755 << 16
entry.compress_type = zipfile.ZIP_DEFLATED
with open(program, "rb") as file, zipfile.ZipFile(target, "w") as archive:
    archive.writestr(entry, file.read(), compresslevel=9)
PY
}

# TARGET SUFFIX: the three functions for one architecture.
build_functions() {
    local target=$1 suffix=$2 program
    cargo build --locked --release --target "$target" -p upload-handler -p scale-in-guard
    for program in upload-handler ingest scale-in-guard; do
        check_glibc "$CARGO_TARGET_DIR/$target/release/$program"
        zip_function "$program$suffix" "$CARGO_TARGET_DIR/$target/release/$program"
    done
}

build_lambda() {
    local host
    host=$(rustc -vV | sed -n 's/^host: //p')
    need python3 "apt-get install python3"
    build_functions "$host" ""
    if ((arm64)); then
        rustup target list --installed | grep -qx aarch64-unknown-linux-gnu ||
            die "no Rust library for arm64: rustup target add aarch64-unknown-linux-gnu"
        need aarch64-linux-gnu-gcc "apt-get install gcc-aarch64-linux-gnu libc6-dev-arm64-cross"
        export CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER=aarch64-linux-gnu-gcc
        build_functions aarch64-unknown-linux-gnu -arm64
    fi
}

build_deb() {
    need cargo-deb "cargo install --locked cargo-deb"
    (cd "$root" && cargo deb --locked -p fleet-agent --output "$out/")
}

lambda=0 deb=0 arm64=0
for argument in "$@"; do
    case $argument in
        --lambda) lambda=1 ;;
        --deb) deb=1 ;;
        --arm64) arm64=1 ;;
        *) die "what is $argument? There are --lambda, --deb and --arm64" ;;
    esac
done
((lambda || deb)) || lambda=1 deb=1

need cargo "see README.md"
need git "apt-get install git"
reproducibly
mkdir -p "$out"
((!lambda)) || build_lambda
((!deb)) || build_deb

echo
printf '%12s  %-64s  %s\n' bytes sha256 file
for file in "$out"/*.zip "$out"/*.deb; do
    [[ -e $file ]] || continue
    printf '%12d  %s  %s\n' "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d' ' -f1)" "${file#"$root"/}"
done
