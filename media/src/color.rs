//! Planar YUV of any range, matrix and depth to what JPEG means: full range, BT.601. Pure.
//!
//! Both are linear, so one step does it: a table for luma, and a small matrix on chroma whose luma
//! part is worked out once for each chroma sample. No trip through RGB.

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

const BITS: i32 = 14;

struct Tables {
    /// Sample to luma, 14 fractional bits.
    luma: Vec<i32>,
    /// Sample to centred chroma, 6 fractional bits.
    chroma: Vec<i32>,
    /// Rows: luma, Cb, Cr; columns: from Cb, from Cr. 14 fractional bits.
    mix: [[i32; 2]; 3],
}

impl Tables {
    fn new(coding: Coding) -> Self {
        let scale = f64::from(1u32 << (coding.depth - 8));
        let max = f64::from((1u32 << coding.depth) - 1);
        let count = 1usize << coding.depth;
        let (zero, span) = if coding.full_range {
            (0.0, max)
        } else {
            (16.0 * scale, 219.0 * scale)
        };
        let chroma_span = if coding.full_range {
            max
        } else {
            224.0 * scale
        };
        let luma = |v: usize| (v as f64 - zero) * 255.0 / span;
        let chroma = |v: usize| (v as f64 - 128.0 * scale) * 255.0 / chroma_span;
        Self {
            luma: (0..count).map(|v| fixed(luma(v), BITS)).collect(),
            chroma: (0..count).map(|v| fixed(chroma(v), 6)).collect(),
            mix: mix(coding.matrix),
        }
    }
}

fn fixed(value: f64, bits: i32) -> i32 {
    (value * f64::from(1 << bits)).round() as i32
}

/// What one unit of Cb and Cr in `matrix` adds to Y, Cb and Cr in BT.601.
fn mix(matrix: Matrix) -> [[i32; 2]; 3] {
    let (kr, kb) = matrix.weights();
    let kg = 1.0 - kr - kb;
    let (jr, jb) = Matrix::Bt601.weights();
    let jg = 1.0 - jr - jb;
    // Red, green and blue that one unit of Cb, then of Cr, adds.
    let columns = [
        [0.0, -2.0 * (1.0 - kb) * kb / kg, 2.0 * (1.0 - kb)],
        [2.0 * (1.0 - kr), -2.0 * (1.0 - kr) * kr / kg, 0.0],
    ];
    let mut out = [[0; 2]; 3];
    for (column, [r, g, b]) in columns.into_iter().enumerate() {
        let y = jr * r + jg * g + jb * b;
        out[0][column] = fixed(y, BITS);
        out[1][column] = fixed((b - y) / (2.0 * (1.0 - jb)), BITS);
        out[2][column] = fixed((r - y) / (2.0 * (1.0 - jr)), BITS);
    }
    out
}

/// Converts planes; `planes` holds one (grey) or three.
pub fn to_jpeg(planes: &[Samples], subsampling: Subsampling, coding: Coding) -> Vec<Plane> {
    let deep = coding.depth > 8;
    let unchanged = coding.full_range && coding.matrix == Matrix::Bt601 && !deep;
    if unchanged {
        return planes.iter().map(copy).collect();
    }
    let tables = Tables::new(coding);
    if planes.len() < 3 {
        return vec![grey(&planes[0], deep, &tables)];
    }
    let (dx, dy) = match subsampling {
        Subsampling::S420 => (1, 1),
        Subsampling::S422 => (1, 0),
        Subsampling::S440 => (0, 1),
        Subsampling::S444 | Subsampling::Gray => (0, 0),
    };
    let mut luma = blank(&planes[0]);
    let (mut cb, mut cr) = (blank(&planes[1]), blank(&planes[2]));
    let chroma_width = cb.width;
    let mut delta = vec![0i32; chroma_width];
    let [mix_y, mix_b, mix_r] = tables.mix;
    let half = 1 << (BITS + 6 - 1);
    for cy in 0..cb.height {
        let b_row = planes[1].row(cy, deep);
        let r_row = planes[2].row(cy, deep);
        let b_out = &mut cb.data[cy * chroma_width..][..chroma_width];
        let r_out = &mut cr.data[cy * chroma_width..][..chroma_width];
        for x in 0..chroma_width {
            let b = tables.chroma[sample(b_row, x, deep)];
            let r = tables.chroma[sample(r_row, x, deep)];
            // 6 + 14 fractional bits; luma takes it with 14.
            delta[x] = (mix_y[0] * b + mix_y[1] * r) >> 6;
            b_out[x] = clamp(((mix_b[0] * b + mix_b[1] * r + half) >> (BITS + 6)) + 128);
            r_out[x] = clamp(((mix_r[0] * b + mix_r[1] * r + half) >> (BITS + 6)) + 128);
        }
        for y in (cy << dy)..((cy + 1) << dy).min(luma.height) {
            let from = planes[0].row(y, deep);
            let width = luma.width;
            let to = &mut luma.data[y * width..][..width];
            if deep {
                for (x, to) in to.iter_mut().enumerate() {
                    let v = tables.luma[sample(from, x, true)] + delta[x >> dx];
                    *to = clamp((v + (1 << (BITS - 1))) >> BITS);
                }
            } else if dx == 1 {
                let pairs = to.chunks_mut(2).zip(from.chunks(2)).zip(&delta);
                for ((to, from), delta) in pairs {
                    for (to, from) in to.iter_mut().zip(from) {
                        let v = tables.luma[usize::from(*from)] + delta;
                        *to = clamp((v + (1 << (BITS - 1))) >> BITS);
                    }
                }
            } else {
                for ((to, from), delta) in to.iter_mut().zip(from).zip(&delta) {
                    let v = tables.luma[usize::from(*from)] + delta;
                    *to = clamp((v + (1 << (BITS - 1))) >> BITS);
                }
            }
        }
    }
    vec![luma, cb, cr]
}

fn grey(from: &Samples, deep: bool, tables: &Tables) -> Plane {
    let mut out = blank(from);
    for y in 0..from.height {
        let row = from.row(y, deep);
        for (x, to) in out.data[y * from.width..][..from.width]
            .iter_mut()
            .enumerate()
        {
            *to = clamp((tables.luma[sample(row, x, deep)] + (1 << (BITS - 1))) >> BITS);
        }
    }
    out
}

/// Little-endian above 8 bits.
#[inline(always)]
fn sample(row: &[u8], x: usize, deep: bool) -> usize {
    if deep {
        usize::from(u16::from_le_bytes([row[2 * x], row[2 * x + 1]]))
    } else {
        usize::from(row[x])
    }
}

#[inline(always)]
fn clamp(v: i32) -> u8 {
    v.clamp(0, 255) as u8
}

fn blank(like: &Samples) -> Plane {
    Plane {
        width: like.width,
        height: like.height,
        stride: like.width,
        data: vec![0; like.width * like.height],
    }
}

fn copy(from: &Samples) -> Plane {
    let rows = (0..from.height).flat_map(|y| from.row(y, false));
    Plane {
        data: rows.copied().collect(),
        ..blank(from)
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
                        let got = to_jpeg(&planes, Subsampling::S444, coding);
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
        let out = to_jpeg(&planes, Subsampling::S420, coding);
        let want: Vec<u8> = luma
            .iter()
            .map(|v| ((f64::from(*v) - 16.0) * 255.0 / 219.0).round() as u8)
            .collect();
        assert_eq!(out[0].data, want);
        assert!(out[1].data.iter().chain(&out[2].data).all(|v| *v == 128));
    }
}
