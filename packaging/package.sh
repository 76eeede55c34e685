#!/usr/bin/env bash
# Builds what a deployment needs, into out/packages: a zip for each Lambda function, and the agent as a
# Debian package for the distribution this runs on. The same sources give the same bytes.
#
#   packaging/package.sh [--lambda] [--deb] [--arm64] [--out DIR]     both, unless one is named
#
# The functions are linked statically against musl, so that Lambda's older C library does not matter;
# --arm64 makes them for arm64 too. The agent uses the distribution's FFmpeg and is never cross-built:
# build it for arm64 on an arm64 machine.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
root=$(dirname "$here")
out=$root/out/packages

die() {
    echo "package: $*" >&2
    exit 1
}

need() {
    command -v "$1" >/dev/null || die "$1 is missing: $2"
}

# Times inside packages are the last commit's, unless SOURCE_DATE_EPOCH is set, and paths of this machine stay out of the programs.
reproducibly() {
    local cargo_home=${CARGO_HOME:-$HOME/.cargo}
    SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git -C "$root" log -1 --format=%ct)}
    export SOURCE_DATE_EPOCH
    export CARGO_INCREMENTAL=0
    # Small programs start sooner, which matters to a function.
    export CARGO_PROFILE_RELEASE_LTO=thin CARGO_PROFILE_RELEASE_CODEGEN_UNITS=4
    # Set so, they also take the place of .cargo/config.toml's.
    remap="--remap-path-prefix=$root=/build --remap-path-prefix=$cargo_home=/cargo"
    export CFLAGS="-ffile-prefix-map=$root=/build -ffile-prefix-map=$cargo_home=/cargo"
    # Other flags than everyday builds have, so a folder of its own keeps either from undoing the other.
    export CARGO_TARGET_DIR=${FRAMEFLEET_PACKAGE_TARGET:-$root/target/package}
}

# Lambda may have nothing of what a program asks the system for; a static one asks for nothing.
check_static() {
    need readelf "apt-get install binutils"
    ! readelf --wide --dynamic "$1" | grep -q NEEDED || die "$(basename "$1") is not linked statically"
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

# MACHINE SUFFIX: the three functions for one architecture.
build_functions() {
    local target=$1-unknown-linux-musl suffix=$2 program
    if ! rustc --print target-libdir --target "$target" | xargs -I{} test -d {}; then
        need rustup "the Rust library for $target cannot be added without it"
        (cd "$root" && rustup target add "$target")
    fi
    # Rust brings musl and its start files; only the cryptography's C code needs a compiler.
    CC=$(compiler_for "$1") RUSTFLAGS="$remap -Clinker=rust-lld" CARGO_PROFILE_RELEASE_STRIP=symbols \
        cargo build --manifest-path "$root/Cargo.toml" --locked --release --target "$target" \
        -p upload-handler -p scale-in-guard --bins
    for program in upload-handler ingest scale-in-guard; do
        check_static "$CARGO_TARGET_DIR/$target/release/$program"
        zip_function "$program$suffix" "$CARGO_TARGET_DIR/$target/release/$program"
    done
}

compiler_for() {
    if [[ $1 == "$(uname -m)" ]]; then
        need musl-gcc "apt-get install musl-tools"
        echo musl-gcc
    else
        need "$1-linux-gnu-gcc" "apt-get install gcc-${1/_/-}-linux-gnu libc6-dev-arm64-cross"
        echo "$1-linux-gnu-gcc"
    fi
}

build_lambda() {
    need python3 "apt-get install python3"
    build_functions x86_64 ""
    ((!arm64)) || build_functions aarch64 -arm64
}

build_deb() {
    need cargo-deb "cargo install --locked cargo-deb"
    (cd "$root" && RUSTFLAGS="$remap -Clink-arg=-fuse-ld=lld" \
        cargo deb --quiet --locked -p fleet-agent --output "$out/")
}

lambda=0 deb=0 arm64=0
while (($#)); do
    case $1 in
        --lambda) lambda=1 ;;
        --deb) deb=1 ;;
        --arm64) arm64=1 ;;
        --out)
            [[ -n ${2:-} ]] || die "--out needs a folder"
            out=$2
            shift
            ;;
        *) die "what is $1? There are --lambda, --deb, --arm64 and --out DIR" ;;
    esac
    shift
done
((lambda || deb)) || lambda=1 deb=1

need cargo "see README.md"
need git "apt-get install git"
mkdir -p "$out"
out=$(cd "$out" && pwd)
reproducibly
((!lambda)) || build_lambda
((!deb)) || build_deb

echo
printf '%12s  %-64s  %s\n' bytes sha256 file
for file in "$out"/*.zip "$out"/*.deb; do
    [[ -e $file ]] || continue
    printf '%12d  %s  %s\n' "$(stat -c %s "$file")" "$(sha256sum "$file" | cut -d' ' -f1)" "$(basename "$file")"
done
"$here/check-units.sh"
