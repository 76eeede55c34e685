//! PNG and WebP, through the encoders FFmpeg already has. Each image is one packet.

use ffmpeg_next::codec::{context::Context, encoder};
use ffmpeg_next::format::Pixel;
use ffmpeg_next::{Dictionary, Packet, Rational, frame};

use crate::request::Format;

/// The packed pixels that an image of this format is made of.
pub fn pixels(format: Format, deep: bool, alpha: bool) -> Pixel {
    match (format, deep, alpha) {
        (Format::Png, false, false) => Pixel::RGB24,
        (Format::Png, false, true) => Pixel::RGBA,
        (Format::Png, true, false) => Pixel::RGB48BE,
        (Format::Png, true, true) => Pixel::RGBA64BE,
        // libwebp leaves the alpha out where every pixel is opaque.
        _ => Pixel::BGRA,
    }
}

pub fn bytes_a_pixel(pixels: Pixel) -> usize {
    match pixels {
        Pixel::RGB24 => 3,
        Pixel::RGB48BE => 6,
        Pixel::RGBA64BE => 8,
        _ => 4,
    }
}

pub fn encode(picture: &frame::Video, format: Format, quality: u8) -> Result<Vec<u8>, String> {
    let name = match format {
        Format::Webp => "libwebp",
        _ => "png",
    };
    let quality = quality.to_string();
    let mut options = Dictionary::new();
    options.set("threads", "1");
    match format {
        Format::Webp => options.set("quality", &quality),
        _ => {
            options.set("compression_level", "3");
            options.set("pred", "up");
        }
    }
    let say = |e: ffmpeg_next::Error| format!("the {name} encoder refused a picture: {e}");
    let codec =
        encoder::find_by_name(name).ok_or_else(|| format!("FFmpeg has no {name} encoder"))?;
    let mut opening = Context::new_with_codec(codec)
        .encoder()
        .video()
        .map_err(say)?;
    opening.set_width(picture.width());
    opening.set_height(picture.height());
    opening.set_format(picture.format());
    opening.set_time_base(Rational::new(1, 25));
    let mut encoder = opening.open_as_with(codec, options).map_err(say)?;
    encoder.send_frame(picture).map_err(say)?;
    encoder.send_eof().map_err(say)?;
    let mut packet = Packet::empty();
    encoder.receive_packet(&mut packet).map_err(say)?;
    packet
        .data()
        .map(<[u8]>::to_vec)
        .ok_or_else(|| format!("the {name} encoder gave nothing"))
}
