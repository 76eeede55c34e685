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
        (from_width, from_height): (usize, usize),
        to: &mut [u8],
    ) {
        let (width, height) = if self.swaps_sides() {
            (from_height, from_width)
        } else {
            (from_width, from_height)
        };
        for y in 0..height {
            let row = &mut to[y * width * size..][..width * size];
            for (x, pixel) in row.chunks_exact_mut(size).enumerate() {
                let turned_x = if self.mirrored { width - 1 - x } else { x };
                let (sx, sy) = match self.rotation {
                    90 => (y, from_height - 1 - turned_x),
                    180 => (from_width - 1 - turned_x, from_height - 1 - y),
                    270 => (from_width - 1 - y, turned_x),
                    _ => (turned_x, y),
                };
                pixel.copy_from_slice(&from[sy * stride + sx * size..][..size]);
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
