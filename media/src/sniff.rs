//! What a file is, from its first bytes. Pure: FFmpeg's own guess comes in as a name.
//!
//! FFmpeg reads playlists, manifests, drawings and plain text as video, and follows what they point
//! to. So only the demuxers named here are ever opened.

use crate::error::RejectReason;

/// Demuxers that hold their own data and nothing but. Names as FFmpeg gives them.
pub const DEMUXERS: &[&str] = &[
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "avi",
    "mpegts",
    "mpeg",
    "mpegvideo",
    "flv",
    "live_flv",
    "ogg",
    "asf",
    "gif",
    "h264",
    "hevc",
    "m4v",
    "ivf",
    "mxf",
    "dv",
    "h263",
    "apng",
    "rm",
    // Sound only: opened to be able to say that there is no video.
    "mp3",
    "aac",
    "flac",
    "wav",
    "aiff",
    "ac3",
    "amr",
];

/// Decoders by the names FFmpeg gives them; find_stream_info may open no other.
pub const DECODERS: &[&str] = &[
    "h264",
    "hevc",
    "vp8",
    "vp9",
    "libdav1d",
    "av1",
    "mpeg1video",
    "mpeg2video",
    "mpegvideo",
    "mpeg4",
    "msmpeg4v1",
    "msmpeg4v2",
    "msmpeg4",
    "mjpeg",
    "prores",
    "theora",
    "wmv1",
    "wmv2",
    "wmv3",
    "vc1",
    "h263",
    "h263i",
    "flv",
    "gif",
    "dnxhd",
    "dvvideo",
    "cfhd",
    "ffv1",
    "huffyuv",
    "ffvhuff",
    "utvideo",
    "qtrle",
    "svq1",
    "svq3",
    "cinepak",
    "rv10",
    "rv20",
    "rv30",
    "rv40",
    "vp3",
    "vp6",
    "vp6f",
    "vp6a",
    "png",
    "apng",
    "rawvideo",
    "libvpx",
    "libvpx-vp9",
];

const PLAYLISTS: &[&str] = &[
    "hls",
    "dash",
    "concat",
    "sdp",
    "rtsp",
    "applehttp",
    "imf",
    "webm_dash_manifest",
];

/// Files that FFmpeg must not even be asked about.
pub fn refuse_by_bytes(head: &[u8]) -> Option<(RejectReason, &'static str)> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    let start = head.iter().position(|b| !b.is_ascii_whitespace());
    let text = &head[start.unwrap_or(0)..];
    let text = &text[..text.len().min(4096)];
    let lower = text.to_ascii_lowercase();
    let has = |word: &[u8]| lower.windows(word.len()).any(|w| w == word);
    use RejectReason::*;
    for prefix in [
        &b"#extm3u"[..],
        b"ffconcat",
        b"v=0\r",
        b"v=0\n",
        b"[playlist]",
        b"#!",
    ] {
        if lower.starts_with(prefix) {
            return Some((
                PlaylistOrScript,
                "the file is a playlist, session description or script",
            ));
        }
    }
    if lower.starts_with(b"<") {
        if has(b"<mpd")
            || has(b"<smoothstreamingmedia")
            || has(b"<svg")
            || has(b"<asx")
            || has(b"<smil")
        {
            return Some((
                PlaylistOrScript,
                "the file is a manifest or a drawing that can point elsewhere",
            ));
        }
        if looks_like_text(text) {
            return Some((NotMedia, "the file is HTML or XML text"));
        }
    }
    for prefix in [
        &b"\xff\xd8\xff"[..],
        b"BM",
        b"II*\0",
        b"MM\0*",
        b"\0\0\x01\0",
    ] {
        if head.starts_with(prefix) {
            return Some((StillImage, "the file is a picture"));
        }
    }
    for prefix in [
        &b"PK\x03\x04"[..],
        b"PK\x05\x06",
        b"%PDF",
        b"\x7fELF",
        b"\x1f\x8b",
    ] {
        if head.starts_with(prefix) {
            return Some((NotMedia, "the file is an archive, document or program"));
        }
    }
    if looks_like_text(&head[..head.len().min(4096)]) {
        return Some((NotMedia, "the file is text"));
    }
    None
}

/// No container starts with kilobytes of printable text.
fn looks_like_text(bytes: &[u8]) -> bool {
    let printable = |b: &u8| matches!(b, b'\t' | b'\n' | b'\r' | 0x1b | 0x20..=0x7e | 0x80..);
    !bytes.is_empty()
        && bytes.iter().all(printable)
        && bytes.iter().filter(|b| b.is_ascii()).count() * 2 >= bytes.len()
}

/// Whether a detected format may be opened, and why not.
pub fn judge_format(name: &str) -> Result<(), (RejectReason, String)> {
    if DEMUXERS.contains(&name) {
        return Ok(());
    }
    let reason = if PLAYLISTS.iter().any(|p| name.split(',').any(|n| n == *p)) || name == "svg_pipe"
    {
        RejectReason::PlaylistOrScript
    } else if name.ends_with("_pipe") || name.starts_with("image2") || name == "ico" {
        RejectReason::StillImage
    } else {
        RejectReason::NotMedia
    };
    Err((
        reason,
        format!("FFmpeg takes the file for {name}, which is not accepted as video"),
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_pictures_and_archives_are_told_apart() {
        use RejectReason::*;
        for (head, expected) in [
            (&b"#EXTM3U\n#EXT-X-VERSION:3"[..], Some(PlaylistOrScript)),
            (b"\xef\xbb\xbf#EXTM3U\n", Some(PlaylistOrScript)),
            (b"ffconcat version 1.0", Some(PlaylistOrScript)),
            (b"<?xml version=\"1.0\"?><MPD>", Some(PlaylistOrScript)),
            (b" \n<svg xmlns=\"x\">", Some(PlaylistOrScript)),
            (b"v=0\r\no=- 0 0 IN IP4 127.0.0.1", Some(PlaylistOrScript)),
            (b"<!DOCTYPE html><html>", Some(NotMedia)),
            (b"{\"a\": 1}", Some(NotMedia)),
            (b"PK\x03\x04\x14\0", Some(NotMedia)),
            (b"\xff\xd8\xff\xe0\0\x10JFIF", Some(StillImage)),
            (b"\0\0\0\x20ftypisom", None),
            (b"\x1a\x45\xdf\xa3", None),
            (b"GIF89a\xff\xff\0", None),
            (b"", None),
        ] {
            assert_eq!(refuse_by_bytes(head).map(|r| r.0), expected, "{head:?}");
        }
    }

    #[test]
    fn only_named_demuxers_pass() {
        assert!(judge_format("matroska,webm").is_ok());
        for (name, reason) in [
            ("hls", RejectReason::PlaylistOrScript),
            ("hls,applehttp", RejectReason::PlaylistOrScript),
            ("svg_pipe", RejectReason::PlaylistOrScript),
            ("jpeg_pipe", RejectReason::StillImage),
            ("tty", RejectReason::NotMedia),
            ("tedcaptions", RejectReason::NotMedia),
        ] {
            assert_eq!(judge_format(name).unwrap_err().0, reason, "{name}");
        }
    }
}
