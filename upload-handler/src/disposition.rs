//! `Content-Disposition` from a name that somebody else chose (RFC 6266, RFC 8187).

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// RFC 8187's attr-char, less `*'%`, which its own syntax uses.
const ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// Bytes of the user's own stem that are kept: file systems allow 255 for the whole name.
const STEM_BYTES: usize = 200;

/// An attachment named after the upload: `holiday.mp4` with `.zip` gives `holiday.zip`.
pub fn attachment(filename: &str, suffix: &str) -> String {
    let name = format!("{}{suffix}", safe_stem(filename));
    let plain: String = name
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() || "-_. ".contains(c) { c } else { '_' })
        .collect();
    let encoded = utf8_percent_encode(&name, ATTR_CHAR);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// A name that no file system, shell listing or eye is misled by.
fn safe_stem(filename: &str) -> String {
    // Only the last component counts, whichever system's separator it has.
    let last = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = last.chars().filter(|c| !c.is_control() && !is_invisible(*c)).collect();
    let stem = match visible.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 5 => stem,
        _ => visible.as_str(),
    };
    let options = sanitize_filename::Options {
        windows: true,
        truncate: false,
        replacement: "_",
    };
    let clean = sanitize_filename::sanitize_with_options(stem, options);
    let clean = clean.trim_matches(|c: char| c.is_whitespace() || c == '.' || c == '-');
    let mut end = clean.len().min(STEM_BYTES);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    match &clean[..end] {
        "" | "_" => "video".to_owned(),
        stem => stem.to_owned(),
    }
}

/// Characters that change how their neighbours are shown, and show nothing themselves.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}
