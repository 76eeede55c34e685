//! What a JPEG is made of: 8-bit planes and how they are sampled. Pure.

/// How many times the chroma planes are smaller than luma.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subsampling {
    S444,
    S422,
    S420,
    S440,
    Gray,
}

/// One 8-bit plane, rows one after the other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plane {
    pub width: usize,
    pub height: usize,
    pub stride: usize,
    pub data: Vec<u8>,
}

impl Plane {
    /// Larger, by repeating the last column and row.
    pub fn padded(&self, width: usize, height: usize) -> Self {
        let mut data = Vec::with_capacity(width * height);
        for y in 0..height {
            let row = &self.data[y.min(self.height - 1) * self.stride..][..self.width];
            data.extend_from_slice(row);
            data.resize((y + 1) * width, row[self.width - 1]);
        }
        Self {
            width,
            height,
            stride: width,
            data,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padding_repeats_the_edges_and_drops_the_stride() {
        let plane = Plane {
            width: 2,
            height: 2,
            stride: 3,
            data: vec![1, 2, 9, 3, 4, 9],
        };
        let padded = plane.padded(3, 3);
        assert_eq!(padded.data, [1, 2, 2, 3, 4, 4, 3, 4, 4]);
        assert_eq!((padded.width, padded.height, padded.stride), (3, 3, 3));
    }
}
