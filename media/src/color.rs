//! Planar YUV of any range, matrix and depth to what JPEG means: full range, BT.601. Pure.
//!
//! Both are linear, so one step does it: a factor for luma, and a small matrix on chroma whose luma
//! part is worked out once for each chroma sample. No trip through RGB, and loops that compilers turn
//! into vector instructions.

use crate::planes::{Plane, Subsampling};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Matrix {
    Bt601,
    Bt709,
    Bt2020,
    Smpte240,
    Fcc,
}

impl Matrix {
    /// Weights of red and blue in luma.
    fn weights(self) -> (f64, f64) {
        match self {
            Matrix::Bt601 => (0.299, 0.114),
            Matrix::Bt709 => (0.2126, 0.0722),
            Matrix::Bt2020 => (0.2627, 0.0593),
            Matrix::Smpte240 => (0.212, 0.087),
            Matrix::Fcc => (0.30, 0.11),
        }
    }
}

/// How the samples of a picture are to be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Coding {
    pub matrix: Matrix,
    pub full_range: bool,
    /// Bits a sample, 8 to 16.
    pub depth: u8,
}

/// A plane of a decoded picture: bytes, or little-endian pairs of bytes above 8 bits.
#[derive(Debug, Clone, Copy)]
pub struct Samples<'a> {
    pub width: usize,
    pub height: usize,
    pub stride: usize,
    pub data: &'a [u8],
}

impl Samples<'_> {
    fn row(&self, y: usize, deep: bool) -> &[u8] {
        let bytes = self.width << usize::from(deep);
        &self.data[y * self.stride..][..bytes]
    }
}

/// Fractional bits of a sum before it becomes a byte.
const BITS: u32 = 6;

/// Samples are shifted up to 16 bits, multiplied, and the product's upper half is taken: it has
/// `BITS` fractional bits, and all of it fits 16-bit lanes, of which vector instructions have most.
struct Factors {
    /// From a sample's depth to 16 bits.
    up: u32,
    /// The largest sample there is; a file may hold larger ones all the same.
    most: u16,
    luma: u16,
    /// Rounding, and luma's black level.
    luma_offset: i16,
    /// Rows: luma, Cb, Cr; columns: from Cb, from Cr.
    mix: [[Signed; 2]; 3],
}

impl Factors {
    fn new(coding: Coding) -> Self {
        let up = 16 - u32::from(coding.depth);
        let max = f64::from(((1u32 << coding.depth) - 1) << up);
        let (zero, luma_span, chroma_span) = match coding.full_range {
            true => (0.0, max, max),
            false => (16.0 * 256.0, 219.0 * 256.0, 224.0 * 256.0),
        };
        let one = f64::from(1u32 << (16 + BITS));
        let luma = 255.0 / luma_span * one;
        let mix = mix(coding.matrix).map(|row| row.map(|v| v * 255.0 / chroma_span * one));
        Self {
            up,
            most: u16::MAX >> up,
            luma: luma.round() as u16,
            luma_offset: (f64::from(1 << (BITS - 1)) - luma * zero / 65536.0).round() as i16,
            mix: mix.map(|row| row.map(Signed::new)),
        }
    }
}

#[inline(always)]
fn byte(sum: i16) -> u8 {
    (sum >> BITS).clamp(0, 255) as u8
}

/// Unsigned, as samples are: only so do compilers see that the upper half of a product is wanted.
#[inline(always)]
fn times(sample: u16, factor: u16) -> i16 {
    ((u32::from(sample) * u32::from(factor)) >> 16) as i16
}

/// A factor for samples that mean nothing at their middle, 2^15.
#[derive(Clone, Copy)]
struct Signed {
    size: u16,
    /// All ones where the factor is negative.
    sign: i16,
    /// What the middle gives, to be taken away.
    middle: i16,
}

impl Signed {
    fn new(factor: f64) -> Self {
        let one = Self {
            size: factor.abs().round() as u16,
            sign: if factor < 0.0 { -1 } else { 0 },
            middle: 0,
        };
        Self {
            middle: one.times(0x8000),
            ..one
        }
    }

    #[inline(always)]
    fn times(self, sample: u16) -> i16 {
        (times(sample, self.size) ^ self.sign).wrapping_sub(self.sign)
    }
}

/// What one unit of Cb and Cr in `matrix` adds to Y, Cb and Cr in BT.601.
fn mix(matrix: Matrix) -> [[f64; 2]; 3] {
    let (kr, kb) = matrix.weights();
    let kg = 1.0 - kr - kb;
    let (jr, jb) = Matrix::Bt601.weights();
    let jg = 1.0 - jr - jb;
    // Red, green and blue that one unit of Cb, then of Cr, adds.
    let columns = [
        [0.0, -2.0 * (1.0 - kb) * kb / kg, 2.0 * (1.0 - kb)],
        [2.0 * (1.0 - kr), -2.0 * (1.0 - kr) * kr / kg, 0.0],
    ];
    let mut out = [[0.0; 2]; 3];
    for (column, [r, g, b]) in columns.into_iter().enumerate() {
        let y = jr * r + jg * g + jb * b;
        out[0][column] = y;
        out[1][column] = (b - y) / (2.0 * (1.0 - jb));
        out[2][column] = (r - y) / (2.0 * (1.0 - jr));
    }
    out
}

/// Converts planes; `planes` holds one (grey) or three. Buffers are taken from `spare`.
pub fn to_jpeg(
    planes: &[Samples],
    subsampling: Subsampling,
    coding: Coding,
    spare: &mut Vec<Plane>,
) -> Vec<Plane> {
    let deep = coding.depth > 8;
    let unchanged = coding.full_range && coding.matrix == Matrix::Bt601 && !deep;
    let mut out: Vec<Plane> = planes.iter().map(|like| blank(like, spare)).collect();
    if unchanged {
        for (to, from) in out.iter_mut().zip(planes) {
            copy(from, to);
        }
        return out;
    }
    let factors = Factors::new(coding);
    let [luma, cb, cr] = out.as_mut_slice() else {
        let none = vec![factors.luma_offset; planes[0].width];
        for y in 0..planes[0].height {
            let to = &mut out[0].data[y * none.len()..][..none.len()];
            luma_row(planes[0].row(y, deep), deep, &none, &factors, to);
        }
        return out;
    };
    let (dx, dy) = match subsampling {
        Subsampling::S420 => (1, 1),
        Subsampling::S422 => (1, 0),
        Subsampling::S440 => (0, 1),
        Subsampling::S444 | Subsampling::Gray => (0, 0),
    };
    let (width, chroma_width) = (luma.width, cb.width);
    let mut added = vec![0i16; chroma_width];
    let mut doubled = vec![0i16; 2 * chroma_width];
    for cy in 0..cb.height {
        let rows = [planes[1].row(cy, deep), planes[2].row(cy, deep)];
        let to = cy * chroma_width..(cy + 1) * chroma_width;
        let to = [&mut cb.data[to.clone()], &mut cr.data[to]];
        chroma_row(rows, deep, &factors, &mut added, to);
        let added = match dx {
            0 => &added,
            _ => {
                for (two, one) in doubled.chunks_exact_mut(2).zip(&added) {
                    two.fill(*one);
                }
                &doubled
            }
        };
        for y in (cy << dy)..((cy + 1) << dy).min(luma.height) {
            let to = &mut luma.data[y * width..][..width];
            luma_row(planes[0].row(y, deep), deep, added, &factors, to);
        }
    }
    out
}

/// `added`: what chroma adds to each sample of luma, and the constant part.
fn luma_row(from: &[u8], deep: bool, added: &[i16], factors: &Factors, to: &mut [u8]) {
    let one = |sample: u16, added: i16| {
        byte(times(sample << factors.up, factors.luma).wrapping_add(added))
    };
    if deep {
        for ((to, from), added) in to.iter_mut().zip(from.chunks_exact(2)).zip(added) {
            *to = one(little(from).min(factors.most), *added);
        }
    } else {
        for ((to, from), added) in to.iter_mut().zip(from).zip(added) {
            *to = one(u16::from(*from), *added);
        }
    }
}

/// Cb and Cr of one row, and what they add to luma.
fn chroma_row(
    [b, r]: [&[u8]; 2],
    deep: bool,
    factors: &Factors,
    added: &mut [i16],
    [to_b, to_r]: [&mut [u8]; 2],
) {
    let half = (128 << BITS) + (1 << (BITS - 1));
    let rows = [factors.luma_offset, half, half];
    let [mix_y, mix_b, mix_r] = [0, 1, 2].map(|i| {
        let [from_b, from_r] = factors.mix[i];
        let constant = rows[i] - from_b.middle - from_r.middle;
        move |b: u16, r: u16| {
            let sum = from_b.times(b).wrapping_add(from_r.times(r));
            sum.wrapping_add(constant)
        }
    });
    let one = |b: u16, r: u16, added: &mut i16, to_b: &mut u8, to_r: &mut u8| {
        let (b, r) = (b << factors.up, r << factors.up);
        *added = mix_y(b, r);
        *to_b = byte(mix_b(b, r));
        *to_r = byte(mix_r(b, r));
    };
    let to = added.iter_mut().zip(to_b).zip(to_r);
    if deep {
        let from = b.chunks_exact(2).zip(r.chunks_exact(2));
        for (((added, to_b), to_r), (b, r)) in to.zip(from) {
            let (b, r) = (little(b).min(factors.most), little(r).min(factors.most));
            one(b, r, added, to_b, to_r);
        }
    } else {
        for (((added, to_b), to_r), (b, r)) in to.zip(b.iter().zip(r)) {
            one(u16::from(*b), u16::from(*r), added, to_b, to_r);
        }
    }
}

#[inline(always)]
fn little(pair: &[u8]) -> u16 {
    u16::from_le_bytes([pair[0], pair[1]])
}

/// A plane as large as `like`, its content to be written over. A spare buffer of just this size is
/// preferred: only one that grows is cleared.
fn blank(like: &Samples, spare: &mut Vec<Plane>) -> Plane {
    let size = like.width * like.height;
    let fits = spare.iter().position(|plane| plane.data.len() == size);
    let taken = fits.map(|at| spare.swap_remove(at)).or_else(|| spare.pop());
    let mut data = taken.map_or_else(Vec::new, |plane| plane.data);
    data.resize(size, 0);
    Plane {
        width: like.width,
        height: like.height,
        stride: like.width,
        data,
    }
}

fn copy(from: &Samples, to: &mut Plane) {
    for (y, to) in to.data.chunks_exact_mut(from.width.max(1)).enumerate() {
        to.copy_from_slice(from.row(y, false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The long way: to RGB with one matrix, back with the other, in floating point.
    fn reference(y: f64, cb: f64, cr: f64, coding: Coding) -> [f64; 3] {
        let scale = f64::from(1u32 << (coding.depth - 8));
        let max = f64::from((1u32 << coding.depth) - 1);
        let (y, cb, cr) = if coding.full_range {
            (
                y / max,
                (cb - 128.0 * scale) / max,
                (cr - 128.0 * scale) / max,
            )
        } else {
            let c = |v: f64| (v - 128.0 * scale) / (224.0 * scale);
            ((y - 16.0 * scale) / (219.0 * scale), c(cb), c(cr))
        };
        let (kr, kb) = coding.matrix.weights();
        let r = y + 2.0 * (1.0 - kr) * cr;
        let b = y + 2.0 * (1.0 - kb) * cb;
        let g = (y - kr * r - kb * b) / (1.0 - kr - kb);
        let y = 0.299 * r + 0.587 * g + 0.114 * b;
        [
            y,
            (b - y) / 1.772 + 128.0 / 255.0,
            (r - y) / 1.402 + 128.0 / 255.0,
        ]
        .map(|v| v * 255.0)
    }

    #[test]
    fn every_coding_agrees_with_the_long_way() {
        for depth in [8u8, 10, 12] {
            for matrix in [
                Matrix::Bt601,
                Matrix::Bt709,
                Matrix::Bt2020,
                Matrix::Smpte240,
                Matrix::Fcc,
            ] {
                for full_range in [false, true] {
                    let coding = Coding {
                        matrix,
                        full_range,
                        depth,
                    };
                    for (y, cb, cr) in [
                        (16, 128, 128),
                        (235, 128, 128),
                        (81, 90, 240),
                        (145, 54, 34),
                        (41, 240, 110),
                        (130, 120, 140),
                    ] {
                        let up = |v: u32| v << (depth - 8);
                        let bytes = |v: u32| {
                            if depth > 8 {
                                (up(v) as u16).to_le_bytes().to_vec()
                            } else {
                                vec![v as u8]
                            }
                        };
                        let data = [bytes(y), bytes(cb), bytes(cr)];
                        let planes: Vec<Samples> = data
                            .iter()
                            .map(|d| Samples {
                                width: 1,
                                height: 1,
                                stride: d.len(),
                                data: d,
                            })
                            .collect();
                        let got = to_jpeg(&planes, Subsampling::S444, coding, &mut Vec::new());
                        let want = reference(up(y).into(), up(cb).into(), up(cr).into(), coding);
                        for (plane, want) in got.iter().zip(want) {
                            let want = want.clamp(0.0, 255.0);
                            let off = (f64::from(plane.data[0]) - want).abs();
                            assert!(
                                off <= 0.75,
                                "{coding:?} {y},{cb},{cr}: {} for {want}",
                                plane.data[0]
                            );
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn samples_beyond_their_depth_are_white_and_not_black() {
        let coding = Coding {
            matrix: Matrix::Bt709,
            full_range: true,
            depth: 10,
        };
        for value in [1023u16, 1024, 65_535] {
            let data = value.to_le_bytes();
            let plane = Samples {
                width: 1,
                height: 1,
                stride: 2,
                data: &data,
            };
            let grey = to_jpeg(&[plane], Subsampling::Gray, coding, &mut Vec::new());
            assert_eq!(grey[0].data, [255], "{value}");
        }
    }

    #[test]
    fn odd_sizes_keep_their_last_column_and_row() {
        let luma: Vec<u8> = (0..15).map(|v| 16 + v * 10).collect();
        let chroma = [128u8; 6];
        let planes = [
            Samples {
                width: 5,
                height: 3,
                stride: 5,
                data: &luma,
            },
            Samples {
                width: 3,
                height: 2,
                stride: 3,
                data: &chroma,
            },
            Samples {
                width: 3,
                height: 2,
                stride: 3,
                data: &chroma,
            },
        ];
        let coding = Coding {
            matrix: Matrix::Bt709,
            full_range: false,
            depth: 8,
        };
        let out = to_jpeg(&planes, Subsampling::S420, coding, &mut Vec::new());
        let want: Vec<u8> = luma
            .iter()
            .map(|v| ((f64::from(*v) - 16.0) * 255.0 / 219.0).round() as u8)
            .collect();
        assert_eq!(out[0].data, want);
        assert!(out[1].data.iter().chain(&out[2].data).all(|v| *v == 128));
    }
}
