//! How many segments, so that none is a remainder. Pure.
//!
//! Segments begin at keyframes. Where a few GOPs make a segment, dividing them without a look at
//! their number leaves some segments half as long as others; and a short fragment at the archive's
//! end, below the least size of an S3 part, must be downloaded to be joined to the directory.

/// At most `wanted` segments of `gops` GOPs, as alike as can be.
pub fn segments(wanted: usize, gops: usize) -> usize {
    let gops = gops.max(1);
    let each = gops.div_ceil(wanted.clamp(1, gops));
    gops.div_ceil(each)
}

/// The place of the point nearest to `target`, in rising order; the earlier of two as near.
pub fn nearest(points: &[i128], target: i128) -> Option<usize> {
    let after = points.partition_point(|p| *p < target);
    let before = after.checked_sub(1);
    match (before, points.get(after)) {
        (Some(before), Some(point)) if target - points[before] > point - target => Some(after),
        (Some(before), _) => Some(before),
        (None, Some(_)) => Some(after),
        (None, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn segments_hold_like_numbers_of_gops() {
        let cases = [
            (17, 30, 15),
            (15, 30, 15),
            (16, 16, 16),
            (20, 16, 16),
            (1, 9, 1),
            (4, 9, 3),
            (8, 9, 5),
            (5, 0, 1),
            (0, 5, 1),
        ];
        for (wanted, gops, expected) in cases {
            assert_eq!(segments(wanted, gops), expected, "{wanted} of {gops}");
        }
    }

    #[test]
    fn the_nearest_point_is_found_also_at_the_ends() {
        let points = [10, 20, 40];
        let cases = [(0, 0), (10, 0), (14, 0), (15, 0), (16, 1), (31, 2), (99, 2)];
        for (target, expected) in cases {
            assert_eq!(nearest(&points, target), Some(expected), "{target}");
        }
        assert_eq!(nearest(&[], 1), None);
    }
}
