#!/usr/bin/env bash
# Real footage in the shapes that `./run bench media` measures, made from one short clip.
# Usage: footage.sh SOURCE FOLDER [SECONDS]. Safe to run again; what is there is kept.
set -euo pipefail

source=${1:?"usage: footage.sh SOURCE FOLDER [SECONDS]"}
out=${2:?"usage: footage.sh SOURCE FOLDER [SECONDS]"}
seconds=${3:-86}
mkdir -p "$out"

# name, size, options: the source over and over, at 30 frames a second, tagged as HD is.
make() {
    local name=$1 size=$2
    shift 2
    [[ -s $out/$name ]] && return
    echo "encoding $name, $seconds s" >&2
    ffmpeg -v error -nostdin -y -r 30 -stream_loop -1 -i "$source" -t "$seconds" -an \
        -vf "scale=$size:flags=lanczos,setsar=1" -pix_fmt yuv420p \
        -colorspace bt709 -color_primaries bt709 -color_trc bt709 "$@" "$out/part-$name"
    mv "$out/part-$name" "$out/$name"
}

x264=(-c:v libx264 -preset fast -crf 21 -bf 3)
# Keyframes exactly so far apart, and (cuts) at the scenes' cuts too, which is x264's default.
fixed=("${x264[@]}" -sc_threshold 0)
make h264-1080p-gop250-fixed.mp4 1920:1080 "${fixed[@]}" -g 250 -keyint_min 250
make h264-1080p-gop60-fixed.mp4 1920:1080 "${fixed[@]}" -g 60 -keyint_min 60
make h264-1080p-gop250-cuts.mp4 1920:1080 "${x264[@]}" -g 250
make h264-1080p-gop60-cuts.mp4 1920:1080 "${x264[@]}" -g 60
make hevc-1080p.mp4 1920:1080 -c:v libx265 -preset superfast -crf 24 -x265-params log-level=none:keyint=250 -tag:v hvc1
make vp9-1080p.webm 1920:1080 -c:v libvpx-vp9 -deadline realtime -cpu-used 7 -row-mt 1 -crf 33 -b:v 0 -g 128
make h264-4k.mp4 3840:2160 "${x264[@]}" -preset veryfast -g 250
make prores-1080p.mov 1920:1080 -c:v prores_ks -profile:v 0 -pix_fmt yuv422p10le
