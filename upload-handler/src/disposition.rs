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
        .map(|c| {
            if c.is_ascii_alphanumeric() || "-_. ".contains(c) {
                c
            } else {
                '_'
            }
        })
        .collect();
    let encoded = utf8_percent_encode(&name, ATTR_CHAR);
    format!("attachment; filename=\"{plain}\"; filename*=UTF-8''{encoded}")
}

/// A name that no file system, shell listing or eye is misled by.
fn safe_stem(filename: &str) -> String {
    // Only the last component counts, whichever system's separator it has.
    let last = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let visible: String = last
        .chars()
        .filter(|c| !c.is_control() && !is_invisible(*c))
        .collect();
    let stem = match visible.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() && extension.len() <= 5 => stem,
        _ => visible.as_str(),
    };
    // Before as well as after: the library puts its replacement for what a name may not end in.
    let stem = stem.trim_matches(is_edge);
    let options = sanitize_filename::Options {
        windows: true,
        truncate: false,
        replacement: "_",
    };
    let clean = sanitize_filename::sanitize_with_options(stem, options);
    let clean = clean.trim_matches(is_edge);
    let mut end = clean.len().min(STEM_BYTES);
    while !clean.is_char_boundary(end) {
        end -= 1;
    }
    match &clean[..end] {
        "" | "_" => "video".to_owned(),
        stem => stem.to_owned(),
    }
}

/// What means something to a shell or a file system at the start or end of a name.
fn is_edge(c: char) -> bool {
    c.is_whitespace() || c == '.' || c == '-'
}

/// Characters that change how their neighbours are shown, and show nothing themselves.
fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_letters_and_loses_what_misleads() {
        for (given, wanted) in [
            ("holiday.mp4", "holiday"),
            ("x", "x"),
            ("x.mp4.exe", "x.mp4"),
            ("archive.2024.final cut", "archive.2024.final cut"),
            ("../../../../tmp/evil.mp4", "evil"),
            ("..\\..\\evil.mp4", "evil"),
            ("-i.mp4", "i"),
            ("--help", "help"),
            (".hidden.mp4", "hidden"),
            ("rtl\u{202e}gpm.exe", "rtlgpm"),
            ("zero\u{200b}width.mp4", "zerowidth"),
            ("line\nbreak.mp4", "linebreak"),
            ("nul\0byte.mp4", "nulbyte"),
            ("CON.mp4", "video"),
            ("aux", "video"),
            ("a:b*c?d|e.mp4", "a_b_c_d_e"),
            ("видео.mp4", "видео"),
            ("trailing space .mp4 ", "trailing space"),
            ("trailing dot..", "trailing dot"),
            ("", "video"),
            (".", "video"),
            ("..", "video"),
            ("   ", "video"),
            ("a/", "video"),
        ] {
            assert_eq!(safe_stem(given), wanted, "{given:?}");
        }
    }

    #[test]
    fn both_forms_are_there_and_only_ascii() {
        assert_eq!(
            attachment("h\u{e9} \u{1f3ac}.mp4", ".zip"),
            "attachment; filename=\"h_ _.zip\"; filename*=UTF-8''h%C3%A9%20%F0%9F%8E%AC.zip"
        );
        let quoted = attachment("a\"b';x=\"y.mp4", ".zip");
        assert_eq!(quoted.matches('"').count(), 2, "{quoted}");
        let long = attachment(&"\u{1f3ac}".repeat(250), ".manifest.json");
        let encoded = long.split("''").nth(1).unwrap();
        let name = percent_encoding::percent_decode_str(encoded)
            .decode_utf8()
            .unwrap();
        assert!(name.len() <= 255, "{}", name.len());
        assert!(long.is_ascii() && name.ends_with(".manifest.json"));
    }
}
