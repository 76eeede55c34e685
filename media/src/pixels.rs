//! What a decoded frame's samples are, by the name of its pixel format and its tags. Pure.

use ffmpeg_next::color;
use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;

use crate::color::{Coding, Matrix};
use crate::planes::Subsampling;
use crate::tonemap::Transfer;

/// Planar YUV or grey that needs no conversion but of range and matrix; alpha is left out.
pub fn planar_yuv(format: Pixel) -> Option<(Subsampling, u8)> {
    let name = format.descriptor()?.name();
    if let Some(rest) = name.strip_prefix("gray") {
        return match rest {
            "" => Some((Subsampling::Gray, 8)),
            _ => Some((Subsampling::Gray, depth(rest)?)),
        };
    }
    let rest = ["yuvj", "yuva", "yuv"]
        .iter()
        .find_map(|p| name.strip_prefix(p))?;
    let (shape, rest) = rest.split_once('p')?;
    let subsampling = match shape {
        "420" => Subsampling::S420,
        "422" => Subsampling::S422,
        "440" => Subsampling::S440,
        "444" => Subsampling::S444,
        _ => return None,
    };
    Some((subsampling, if rest.is_empty() { 8 } else { depth(rest)? }))
}

fn depth(text: &str) -> Option<u8> {
    text.strip_suffix("le")?
        .parse()
        .ok()
        .filter(|d| (9..=16).contains(d))
}

pub fn coding_of(frame: &frame::Video) -> Coding {
    use color::{Range, Space};
    let name = frame.format().descriptor().map_or("", |d| d.name());
    let rgb = !(name.starts_with("yuv") || name.starts_with("gray") || name.starts_with("nv"));
    let full_range = rgb || name.starts_with("yuvj") || frame.color_range() == Range::JPEG;
    let matrix = match frame.color_space() {
        Space::BT709 => Matrix::Bt709,
        Space::BT470BG | Space::SMPTE170M => Matrix::Bt601,
        Space::SMPTE240M => Matrix::Smpte240,
        Space::FCC => Matrix::Fcc,
        Space::BT2020NCL | Space::BT2020CL => Matrix::Bt2020,
        // Untagged: what players assume, by size.
        _ if frame.width() >= 1280 || frame.height() > 576 => Matrix::Bt709,
        _ => Matrix::Bt601,
    };
    Coding {
        matrix,
        full_range,
        depth: 8,
    }
}

pub fn transfer(frame: &frame::Video) -> Option<Transfer> {
    use color::TransferCharacteristic as T;
    match frame.color_transfer_characteristic() {
        T::SMPTE2084 => Some(Transfer::Pq),
        T::ARIB_STD_B67 => Some(Transfer::Hlg),
        _ => None,
    }
}

pub fn has_alpha(name: &str) -> bool {
    let kinds = [
        "yuva", "rgba", "bgra", "argb", "abgr", "gbrap", "ya8", "ya16", "pal8",
    ];
    kinds.iter().any(|kind| name.starts_with(kind))
}

/// More than 8 bits a component.
pub fn is_deep(name: &str) -> bool {
    let name = name.trim_end_matches("le").trim_end_matches("be");
    let packed = [
        "rgb48", "bgr48", "rgba64", "bgra64", "ya16", "p010", "p016", "xyz12",
    ];
    let depth = name.rsplit_once('p').map_or("", |(_, depth)| depth);
    let planar = ["9", "10", "12", "14", "16"].contains(&depth);
    let grey = name
        .strip_prefix("gray")
        .is_some_and(|depth| !depth.is_empty());
    planar || grey || packed.contains(&name)
}

pub fn sws_matrix(matrix: Matrix) -> i32 {
    match matrix {
        Matrix::Bt709 => 1,
        Matrix::Fcc => 4,
        Matrix::Bt601 => 5,
        Matrix::Smpte240 => 7,
        Matrix::Bt2020 => 9,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pixel_formats_are_read_from_their_names() {
        for (name, alpha, deep) in [
            ("yuv420p", false, false),
            ("yuvj422p", false, false),
            ("yuv420p10le", false, true),
            ("yuva444p12le", true, true),
            ("gbrp10le", false, true),
            ("bgra", true, false),
            ("pal8", true, false),
            ("gray", false, false),
            ("gray10le", false, true),
            ("p010le", false, true),
            ("rgb24", false, false),
            ("rgb48be", false, true),
        ] {
            assert_eq!((has_alpha(name), is_deep(name)), (alpha, deep), "{name}");
        }
        assert_eq!(planar_yuv(Pixel::YUV420P), Some((Subsampling::S420, 8)));
        assert_eq!(
            planar_yuv(Pixel::YUVA444P12LE),
            Some((Subsampling::S444, 12))
        );
        assert_eq!(planar_yuv(Pixel::GRAY8), Some((Subsampling::Gray, 8)));
        assert_eq!(planar_yuv(Pixel::NV12), None);
        assert_eq!(planar_yuv(Pixel::YUV420P10BE), None);
    }
}
