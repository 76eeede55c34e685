//! What the fleet cannot carry out although it can be written down. Such a spec is refused when the
//! video is registered, before a byte of it is uploaded.

use fleet_core::ExtractSpec;
use fleet_core::limits::Refused;
use fleet_core::rational::Rational;
use fleet_core::spec::{Format, Naming, Select};

/// A WebP picture's sides are written with 14 bits.
const WEBP_SIDE: u32 = 16_383;

pub fn supported(spec: &ExtractSpec) -> Result<(), Refused> {
    if spec.image.format == Format::Webp {
        for (field, side) in [
            ("extract.image.width", spec.image.width),
            ("extract.image.height", spec.image.height),
        ] {
            if side.is_some_and(|side| side > WEBP_SIDE) {
                return refuse(
                    field,
                    format!(
                        "a WebP picture has at most {WEBP_SIDE} pixels a side; use jpeg or png"
                    ),
                );
            }
        }
    }
    match spec.naming {
        Naming::Time => distinct_names(&spec.select),
        Naming::Index => Ok(()),
    }
}

/// Names by time count milliseconds; two images closer than that would share one.
fn distinct_names(select: &Select) -> Result<(), Refused> {
    let too_close = match select {
        Select::Fps(rate) => *rate > Rational::new(1000, 1),
        Select::EverySeconds(step) => *step < Rational::new(1, 1000),
        Select::Timestamps(times) => {
            let mut names: Vec<i128> = times.iter().map(|t| milliseconds(*t)).collect();
            names.sort_unstable();
            names.windows(2).any(|pair| pair[0] == pair[1])
        }
        // Only the video can tell.
        _ => false,
    };
    if too_close {
        return refuse(
            "extract.naming",
            "naming by time counts milliseconds, and two of these images would have the same name; \
             use naming: index"
                .into(),
        );
    }
    Ok(())
}

fn milliseconds(t: Rational) -> i128 {
    let t = t.ratio();
    (i128::from(*t.numer()) * 1000).div_euclid(i128::from(*t.denom()))
}

fn refuse(field: &'static str, message: String) -> Result<(), Refused> {
    Err(Refused { field, message })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_carried_out_passes_and_the_rest_is_named() {
        let check = |json: &str| supported(&serde_json::from_str(json).unwrap());
        for json in [
            "{}",
            r#"{"select":{"fps":"30000/1001"}}"#,
            r#"{"select":{"every_seconds":2}}"#,
            r#"{"select":{"every_nth":2}}"#,
            r#"{"select":{"timestamps":[1,"1/3"]}}"#,
            r#"{"select":{"count":2}}"#,
            r#"{"select":{"keyframes":true}}"#,
            r#"{"select":{"scenes":{}}}"#,
            r#"{"select":{"all":true},"range":{"start":1,"end":2}}"#,
            r#"{"select":{"fps":50},"duplicates":"skip"}"#,
            r#"{"image":{"format":"png","width":16384}}"#,
            r#"{"image":{"format":"webp","width":16383,"height":9,"fit":"cover"}}"#,
            r#"{"image":{"orient":false,"square_pixels":false}}"#,
            r#"{"naming":"time","select":{"fps":1000}}"#,
            r#"{"naming":"time","select":{"timestamps":[0.001,0.002]}}"#,
            r#"{"naming":"index","select":{"fps":2000}}"#,
        ] {
            assert_eq!(check(json), Ok(()), "{json}");
        }
        for (json, field, word) in [
            (
                r#"{"image":{"format":"webp","width":16384}}"#,
                "extract.image.width",
                "16383",
            ),
            (
                r#"{"image":{"format":"webp","height":16384}}"#,
                "extract.image.height",
                "WebP",
            ),
            (
                r#"{"naming":"time","select":{"fps":1001}}"#,
                "extract.naming",
                "index",
            ),
            (
                r#"{"naming":"time","select":{"every_seconds":"1/1001"}}"#,
                "extract.naming",
                "milliseconds",
            ),
            (
                r#"{"naming":"time","select":{"timestamps":[1.0001,1.0002]}}"#,
                "extract.naming",
                "same name",
            ),
        ] {
            let refused = check(json).unwrap_err();
            assert_eq!(refused.field, field, "{json}");
            assert!(refused.message.contains(word), "{}", refused.message);
        }
    }
}
