//! Names of images inside the archive.

use fleet_core::spec::{Format, Naming};
use num_rational::Ratio;

/// `index` counts from 0, names from 1. `time` is the time asked for, or the frame's own.
pub fn image(naming: Naming, format: Format, index: u64, time: Ratio<i64>) -> String {
    let extension = format.extension();
    match naming {
        Naming::Index => format!("frame_{:06}.{extension}", index + 1),
        Naming::Time => {
            let ms = (i128::from(*time.numer()) * 1000).div_euclid(i128::from(*time.denom()));
            format!("t_{:06}.{:03}.{extension}", ms / 1000, ms % 1000)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_as_documented() {
        for (naming, index, time, name) in [
            (Naming::Index, 0, Ratio::new(0, 1), "frame_000001.jpg"),
            (
                Naming::Index,
                999_999,
                Ratio::new(0, 1),
                "frame_1000000.jpg",
            ),
            (
                Naming::Time,
                3,
                Ratio::new(12_345, 1000),
                "t_000012.345.jpg",
            ),
            (Naming::Time, 3, Ratio::new(1, 3), "t_000000.333.jpg"),
            (Naming::Time, 3, Ratio::new(86_399, 1), "t_086399.000.jpg"),
        ] {
            assert_eq!(image(naming, Format::Jpeg, index, time), name);
        }
    }
}
