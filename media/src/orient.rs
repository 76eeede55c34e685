//! Turning and mirroring, from the container's display matrix to planes of samples. Pure.

use crate::planes::{Plane, Subsampling};

/// Turn clockwise by `rotation`, then mirror left to right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Orientation {
    /// 0, 90, 180 or 270.
    pub rotation: i32,
    pub mirrored: bool,
}

impl Orientation {
    /// From nine 16.16 (2.30 in the last column) numbers. None: not a multiple of 90 degrees.
    pub fn from_matrix(matrix: [i32; 9]) -> Option<Self> {
        let [a, b, _, c, d, _, ..] = matrix;
        // A point (x, y) goes to (a·x + c·y, b·x + d·y).
        let (rotation, mirrored) = match (a.signum(), b.signum(), c.signum(), d.signum()) {
            (1, 0, 0, 1) | (0, 0, 0, 0) => (0, false),
            (0, 1, -1, 0) => (90, false),
            (-1, 0, 0, -1) => (180, false),
            (0, -1, 1, 0) => (270, false),
            (-1, 0, 0, 1) => (0, true),
            (0, 1, 1, 0) => (90, true),
            (1, 0, 0, -1) => (180, true),
            (0, -1, -1, 0) => (270, true),
            _ => return None,
        };
        Some(Self { rotation, mirrored })
    }

    pub fn swaps_sides(self) -> bool {
        self.rotation % 180 != 0
    }

    pub fn is_identity(self) -> bool {
        self == Self::default()
    }

    pub fn apply(self, planes: Vec<Plane>, subsampling: Subsampling) -> (Vec<Plane>, Subsampling) {
        if self.is_identity() {
            return (planes, subsampling);
        }
        let planes = planes.iter().map(|p| self.plane(p)).collect();
        let subsampling = match subsampling {
            Subsampling::S422 if self.swaps_sides() => Subsampling::S440,
            Subsampling::S440 if self.swaps_sides() => Subsampling::S422,
            other => other,
        };
        (planes, subsampling)
    }

    fn plane(self, from: &Plane) -> Plane {
        let (width, height) = if self.swaps_sides() {
            (from.height, from.width)
        } else {
            (from.width, from.height)
        };
        let mut data = vec![0; width * height];
        self.pixels(
            &from.data,
            from.stride,
            1,
            (from.width, from.height),
            &mut data,
        );
        Plane {
            width,
            height,
            stride: width,
            data,
        }
    }

    /// Moves pixels of `size` bytes each; `stride` in bytes; `to` without padding.
    pub fn pixels(
        self,
        from: &[u8],
        stride: usize,
        size: usize,
        sides: (usize, usize),
        to: &mut [u8],
    ) {
        let walk = Walk::new(self, stride, size, sides);
        match size {
            1 => walk.copy::<1>(from, to),
            3 => walk.copy::<3>(from, to),
            4 => walk.copy::<4>(from, to),
            6 => walk.copy::<6>(from, to),
            8 => walk.copy::<8>(from, to),
            _ => unreachable!("no pixel that we make has {size} bytes"),
        }
    }

    /// Where a pixel of the turned picture is in the stored one.
    fn source(self, (x, y): (usize, usize), (width, height): (usize, usize)) -> (usize, usize) {
        let turned_width = if self.swaps_sides() { height } else { width };
        let x = if self.mirrored {
            turned_width - 1 - x
        } else {
            x
        };
        match self.rotation {
            90 => (y, height - 1 - x),
            180 => (width - 1 - x, height - 1 - y),
            270 => (width - 1 - y, x),
            _ => (x, y),
        }
    }
}

/// How the stored picture is walked through while the turned one is written: by constant steps.
struct Walk {
    width: usize,
    height: usize,
    origin: usize,
    /// Bytes from one pixel to the next, to the right and down.
    right: isize,
    down: isize,
}

/// Side of the squares that are turned one by one: their rows stay in the nearest cache.
const TILE: usize = 32;

impl Walk {
    fn new(orientation: Orientation, stride: usize, size: usize, sides: (usize, usize)) -> Self {
        let (width, height) = match orientation.swaps_sides() {
            true => (sides.1, sides.0),
            false => sides,
        };
        let at = |x: usize, y: usize| {
            let (x, y) = orientation.source((x, y), sides);
            y * stride + x * size
        };
        let origin = at(0, 0);
        let step = |to: usize| to as isize - origin as isize;
        Self {
            width,
            height,
            origin,
            right: if width > 1 { step(at(1, 0)) } else { 0 },
            down: if height > 1 { step(at(0, 1)) } else { 0 },
        }
    }

    fn copy<const SIZE: usize>(&self, from: &[u8], to: &mut [u8]) {
        for top in (0..self.height).step_by(TILE) {
            for left in (0..self.width).step_by(TILE) {
                let right = (left + TILE).min(self.width);
                for y in top..(top + TILE).min(self.height) {
                    let start = self.down * y as isize + self.right * left as isize;
                    let mut at = self.origin.wrapping_add_signed(start);
                    let row =
                        &mut to[(y * self.width + left) * SIZE..(y * self.width + right) * SIZE];
                    for pixel in row.chunks_exact_mut(SIZE) {
                        pixel.copy_from_slice(&from[at..at + SIZE]);
                        at = at.wrapping_add_signed(self.right);
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i32 = 1 << 16;

    #[test]
    fn all_eight_ways() {
        let from = Plane {
            width: 2,
            height: 3,
            stride: 2,
            data: vec![1, 2, 3, 4, 5, 6],
        };
        for (m, expected) in [
            ([ONE, 0, 0, ONE], (2, [1, 2, 3, 4, 5, 6])),
            ([0, ONE, -ONE, 0], (3, [5, 3, 1, 6, 4, 2])),
            ([-ONE, 0, 0, -ONE], (2, [6, 5, 4, 3, 2, 1])),
            ([0, -ONE, ONE, 0], (3, [2, 4, 6, 1, 3, 5])),
            ([-ONE, 0, 0, ONE], (2, [2, 1, 4, 3, 6, 5])),
            ([0, ONE, ONE, 0], (3, [1, 3, 5, 2, 4, 6])),
            ([ONE, 0, 0, -ONE], (2, [5, 6, 3, 4, 1, 2])),
            ([0, -ONE, -ONE, 0], (3, [6, 4, 2, 5, 3, 1])),
        ] {
            let [a, b, c, d] = m;
            let orientation = Orientation::from_matrix([a, b, 0, c, d, 0, 0, 0, 1 << 30]).unwrap();
            let (out, _) = orientation.apply(vec![from.clone()], Subsampling::Gray);
            assert_eq!(
                (out[0].width, &out[0].data[..]),
                (expected.0, &expected.1[..]),
                "{m:?}"
            );
        }
    }

    /// Pixels of every size, in pictures larger than a tile, one pixel wide and padded.
    #[test]
    fn every_pixel_goes_where_it_belongs() {
        for (rotation, mirrored) in [0, 90, 180, 270]
            .into_iter()
            .flat_map(|r| [(r, false), (r, true)])
        {
            let orientation = Orientation { rotation, mirrored };
            for size in [1, 3, 4, 6, 8] {
                for (width, height) in [(70, 33), (1, 65), (64, 1), (1, 1)] {
                    let stride = width * size + 5;
                    // The last row has no padding.
                    let bytes = stride * (height - 1) + width * size;
                    let from: Vec<u8> = (0..bytes).map(|i| (i * 7 % 251) as u8).collect();
                    let mut to = vec![0; width * height * size];
                    orientation.pixels(&from, stride, size, (width, height), &mut to);
                    let turned = match orientation.swaps_sides() {
                        true => (height, width),
                        false => (width, height),
                    };
                    for (i, pixel) in to.chunks(size).enumerate() {
                        let place = (i % turned.0, i / turned.0);
                        let (x, y) = orientation.source(place, (width, height));
                        let stored = &from[y * stride + x * size..][..size];
                        assert_eq!(pixel, stored, "{orientation:?} {size} {place:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn odd_angles_are_none() {
        let m = [46340, 46340, 0, -46340, 46340, 0, 0, 0, 1 << 30];
        assert_eq!(Orientation::from_matrix(m), None);
    }

    #[test]
    fn half_height_chroma_becomes_half_width() {
        let p = |w, h| Plane {
            width: w,
            height: h,
            stride: w,
            data: vec![0; w * h],
        };
        let o = Orientation {
            rotation: 90,
            mirrored: false,
        };
        let (planes, s) = o.apply(vec![p(4, 2), p(2, 2), p(2, 2)], Subsampling::S422);
        assert_eq!(s, Subsampling::S440);
        assert_eq!((planes[1].width, planes[1].height), (2, 2));
        assert_eq!((planes[0].width, planes[0].height), (2, 4));
    }
}
