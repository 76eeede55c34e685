//! A decoded frame to an encoded image. JPEG goes from planes to planes wherever the pixel format is
//! planar YUV and SDR; everything else takes one swscale step to packed pixels.

use ffmpeg_next::format::Pixel;
use ffmpeg_next::frame;
use ffmpeg_next::software::scaling::{Context, Flags};

use crate::color::{Coding, Matrix, Samples, to_jpeg};
use crate::error::{MediaError, RejectReason};
use crate::ffi::{self, JpegEncoder};
use crate::orient::Orientation;
use crate::pixels::{coding_of, has_alpha, is_deep, planar_yuv, sws_matrix, transfer};
use crate::planes::{Plane, Subsampling};
use crate::request::{Format, ImageOptions};
use crate::size::{Sizing, sizing};
use crate::still;
use crate::tonemap::{ToneMap, Transfer};

pub struct Encoded {
    pub data: Vec<u8>,
    pub width: u32,
    pub height: u32,
}

pub struct Painter {
    options: ImageOptions,
    orientation: Orientation,
    /// Of the stream, for frames that say nothing.
    sar: (i32, i32),
    jpeg: JpegEncoder,
    scaler: Option<(ScalerKey, Context)>,
    tonemap: Option<(Transfer, ToneMap)>,
    /// Planes of the last picture, whose memory the next one takes.
    spare: Vec<Plane>,
}

type ScalerKey = (Pixel, u32, u32, Pixel, u32, u32, Coding);

const SIDE_LIMIT: u32 = 16_384;
/// WebP writes a side with 14 bits.
const WEBP_SIDE_LIMIT: u32 = 16_383;

fn failed(what: &str) -> MediaError {
    MediaError::reject(RejectReason::NothingDecodable, what)
}

impl Painter {
    pub fn new(
        options: &ImageOptions,
        orientation: Orientation,
        sar: (i32, i32),
    ) -> Result<Self, MediaError> {
        let jpeg = JpegEncoder::new().map_err(|e| failed(&e))?;
        let orientation = if options.orient {
            orientation
        } else {
            Orientation::default()
        };
        Ok(Self {
            options: options.clone(),
            orientation,
            sar,
            jpeg,
            scaler: None,
            tonemap: None,
            spare: Vec::new(),
        })
    }

    pub fn encode(&mut self, frame: &frame::Video) -> Result<Encoded, MediaError> {
        let stored = (frame.width(), frame.height());
        let sar = match frame.aspect_ratio() {
            r if r.numerator() > 0 => (r.numerator(), r.denominator()),
            _ => self.sar,
        };
        let size = sizing(
            stored,
            sar,
            self.orientation.swaps_sides(),
            &self.options,
            match self.options.format {
                Format::Webp => WEBP_SIDE_LIMIT,
                _ => SIDE_LIMIT,
            },
        );
        if self.options.format != Format::Jpeg || transfer(frame).is_some() {
            return self.packed(frame, size);
        }
        let (planes, subsampling) = self.planes(frame, size)?;
        let planes = match size.crop {
            Some(to) => crop(planes, subsampling, to),
            None => planes,
        };
        let (planes, subsampling) = self.orientation.apply(planes, subsampling);
        let (width, height) = (planes[0].width as u32, planes[0].height as u32);
        let data = self
            .jpeg
            .encode(&planes, subsampling, self.options.quality)
            .map_err(|e| failed(&format!("the JPEG encoder refused a frame: {e}")))?;
        self.spare = planes;
        Ok(Encoded {
            data,
            width,
            height,
        })
    }

    /// PNG, WebP, and JPEG of HDR pictures: by way of packed RGB.
    fn packed(&mut self, frame: &frame::Video, size: Sizing) -> Result<Encoded, MediaError> {
        let format = self.options.format;
        let name = frame.format().descriptor().map_or("", |d| d.name());
        let alpha = format != Format::Jpeg && has_alpha(name);
        let deep = format == Format::Png && is_deep(name);
        // A PNG of 16 bits keeps the HDR values as they are; its reader knows them from the manifest.
        let hdr = transfer(frame).filter(|_| !deep);
        let pixels = match hdr {
            Some(_) => Pixel::RGB48BE,
            None => still::pixels(format, deep, alpha),
        };
        let rgb = Coding {
            matrix: Matrix::Bt601,
            full_range: true,
            depth: 8,
        };
        let scaled = self.scale(
            frame,
            (pixels, size.width, size.height),
            coding_of(frame),
            rgb,
        )?;
        let mut picture = match size.crop.is_none() && self.orientation.is_identity() {
            true => scaled,
            false => self.turned(&scaled, size),
        };
        if let Some(transfer) = hdr {
            picture = self.tone_mapped(&picture, transfer);
            let to = match format {
                Format::Jpeg => Pixel::YUVJ420P,
                _ => still::pixels(format, false, false),
            };
            if picture.format() != to {
                let (w, h) = (picture.width(), picture.height());
                picture = self.scale(&picture, (to, w, h), rgb, rgb)?;
            }
        }
        let (width, height) = (picture.width(), picture.height());
        let data = if format == Format::Jpeg {
            let samples: Vec<Samples> = (0..3).map(|i| samples(&picture, i)).collect();
            let planes = to_jpeg(&samples, Subsampling::S420, rgb, &mut self.spare);
            self.jpeg
                .encode(&planes, Subsampling::S420, self.options.quality)
        } else {
            still::encode(&picture, format, self.options.quality)
        };
        let data = data.map_err(|e| failed(&e))?;
        Ok(Encoded {
            data,
            width,
            height,
        })
    }

    /// Cut around the centre, turned and mirrored.
    fn turned(&self, from: &frame::Video, size: Sizing) -> frame::Video {
        let bytes = still::bytes_a_pixel(from.format());
        let (width, height) = size.crop.unwrap_or((from.width(), from.height()));
        let (left, top) = ((from.width() - width) / 2, (from.height() - height) / 2);
        let (w, h) = match self.orientation.swaps_sides() {
            true => (height, width),
            false => (width, height),
        };
        let start = top as usize * from.stride(0) + left as usize * bytes;
        let mut turned = vec![0; w as usize * h as usize * bytes];
        let sides = (width as usize, height as usize);
        self.orientation.pixels(
            &from.data(0)[start..],
            from.stride(0),
            bytes,
            sides,
            &mut turned,
        );
        let mut out = frame::Video::new(from.format(), w, h);
        let stride = out.stride(0);
        let row = w as usize * bytes;
        for (to, from) in out.data_mut(0).chunks_mut(stride).zip(turned.chunks(row)) {
            to[..row].copy_from_slice(from);
        }
        out
    }

    fn tone_mapped(&mut self, from: &frame::Video, transfer: Transfer) -> frame::Video {
        if self.tonemap.as_ref().is_none_or(|(t, _)| *t != transfer) {
            self.tonemap = Some((transfer, ToneMap::new(transfer)));
        }
        let (_, map) = self.tonemap.as_ref().expect("set above");
        let width = from.width() as usize;
        let mut out = frame::Video::new(Pixel::RGB24, from.width(), from.height());
        let (from_stride, to_stride) = (from.stride(0), out.stride(0));
        let rows = from.data(0).chunks(from_stride);
        for (to, from) in out.data_mut(0).chunks_mut(to_stride).zip(rows) {
            map.row(&from[..6 * width], &mut to[..3 * width]);
        }
        out
    }

    /// Full-range BT.601 planes of the wanted size, not yet turned.
    fn planes(
        &mut self,
        frame: &frame::Video,
        size: Sizing,
    ) -> Result<(Vec<Plane>, Subsampling), MediaError> {
        let coding = coding_of(frame);
        let resize = (size.width, size.height) != (frame.width(), frame.height());
        if let Some((subsampling, depth)) = planar_yuv(frame.format())
            && regular(frame)
        {
            let coding = Coding { depth, ..coding };
            let count = if subsampling == Subsampling::Gray {
                1
            } else {
                3
            };
            let scaled;
            let source = if resize {
                // Same format, range and matrix on both sides: only the size changes.
                let to = (frame.format(), size.width, size.height);
                scaled = self.scale(frame, to, coding, coding)?;
                &scaled
            } else {
                frame
            };
            let samples: Vec<Samples> = (0..count).map(|i| samples(source, i)).collect();
            let planes = to_jpeg(&samples, subsampling, coding, &mut self.spare);
            return Ok((planes, subsampling));
        }
        let jpeg = Coding {
            matrix: Matrix::Bt601,
            full_range: true,
            depth: 8,
        };
        let to = (Pixel::YUVJ444P, size.width, size.height);
        let scaled = self.scale(frame, to, coding, jpeg)?;
        let samples: Vec<Samples> = (0..3).map(|i| samples(&scaled, i)).collect();
        Ok((
            to_jpeg(&samples, Subsampling::S444, jpeg, &mut self.spare),
            Subsampling::S444,
        ))
    }

    fn scale(
        &mut self,
        frame: &frame::Video,
        (format, width, height): (Pixel, u32, u32),
        from: Coding,
        to: Coding,
    ) -> Result<frame::Video, MediaError> {
        let key = (
            frame.format(),
            frame.width(),
            frame.height(),
            format,
            width,
            height,
            from,
        );
        if self.scaler.as_ref().is_none_or(|(k, _)| *k != key) {
            let flags =
                Flags::BICUBIC | Flags::ACCURATE_RND | Flags::FULL_CHR_H_INT | Flags::BITEXACT;
            let mut scaler = Context::get(key.0, key.1, key.2, format, width, height, flags)
                .map_err(|_| {
                    failed(&format!(
                        "pixel format {:?} cannot be converted",
                        frame.format()
                    ))
                })?;
            let code = |c: Coding| (sws_matrix(c.matrix), c.full_range);
            ffi::set_colors(&mut scaler, code(from), code(to));
            self.scaler = Some((key, scaler));
        }
        let (_, scaler) = self.scaler.as_mut().expect("set above");
        let mut out = frame::Video::empty();
        scaler
            .run(frame, &mut out)
            .map_err(|_| failed("a frame could not be scaled"))?;
        Ok(out)
    }
}

fn samples(frame: &frame::Video, plane: usize) -> Samples<'_> {
    Samples {
        width: frame.plane_width(plane) as usize,
        height: frame.plane_height(plane) as usize,
        stride: frame.stride(plane),
        data: frame.data(plane),
    }
}

/// Some decoders give pictures bottom up, by negative strides.
fn regular(frame: &frame::Video) -> bool {
    (0..frame.planes()).all(|i| frame.stride(i) <= i32::MAX as usize)
}

/// Cuts around the centre, on whole chroma samples.
fn crop(planes: Vec<Plane>, subsampling: Subsampling, (width, height): (u32, u32)) -> Vec<Plane> {
    let (dx, dy) = match subsampling {
        Subsampling::S420 => (2, 2),
        Subsampling::S422 => (2, 1),
        Subsampling::S440 => (1, 2),
        Subsampling::S444 | Subsampling::Gray => (1, 1),
    };
    let (width, height) = (width as usize, height as usize);
    let left = (planes[0].width - width) / 2 / dx * dx;
    let top = (planes[0].height - height) / 2 / dy * dy;
    planes
        .into_iter()
        .enumerate()
        .map(|(i, plane)| {
            let (dx, dy) = if i == 0 { (1, 1) } else { (dx, dy) };
            let (w, h) = (width.div_ceil(dx), height.div_ceil(dy));
            let rows = plane.data.chunks(plane.stride).skip(top / dy).take(h);
            let data = rows
                .flat_map(|row| &row[left / dx..][..w])
                .copied()
                .collect();
            Plane {
                width: w,
                height: h,
                stride: w,
                data,
            }
        })
        .collect()
}
