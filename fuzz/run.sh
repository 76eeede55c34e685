#!/usr/bin/env bash
# Builds the fuzz targets and runs each for a while, from its seeds.
#
# fuzz/run.sh [SECONDS] [TARGET...]
#
# The same as `cargo fuzz run TARGET --sanitizer none`, without needing cargo-fuzz or a nightly
# compiler: the flags are those that cargo-fuzz gives rustc. FFmpeg itself is the distribution's and
# is not instrumented, so coverage guides by our own code; its crashes are found all the same.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
seconds=${1:-20}
shift || true
targets=("$@")
((${#targets[@]})) || targets=(probe plan avio zip_splice)

host=$(rustc -vV | sed -n 's/^host: //p')
folder=$here/../target/fuzz
export CARGO_TARGET_DIR=$folder
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares --cfg=fuzzing -Clink-arg=-fuse-ld=lld"

# With --target, the flags are for the targets alone and not for build scripts and macros.
(cd "$here" && cargo build --quiet --release --target "$host" --bins)

for target in "${targets[@]}"; do
    found=$folder/found/$target
    corpus=$folder/corpus/$target
    mkdir -p "$found" "$corpus" "$here/seeds/$target"
    # A hang is an input that takes longer than 25 s; 2 GiB is what a decoder may have.
    "$folder/$host/release/$target" -max_total_time="$seconds" -timeout=25 -rss_limit_mb=2048 \
        -max_len=16384 -print_final_stats=1 -verbosity=0 -close_fd_mask=1 \
        -artifact_prefix="$found/" "$corpus" "$here/seeds/$target" 2>&1 |
        sed -n "s/^stat::number_of_executed_units: */fuzz $target: inputs /p; /ERROR\|SUMMARY\|panicked\|Test unit/p"
done
