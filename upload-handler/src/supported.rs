//! What the fleet can carry out today. A spec that parses but is not listed here is refused when
//! the video is registered, before a byte of it is uploaded.

use fleet_core::ExtractSpec;
use fleet_core::limits::Refused;
use fleet_core::spec::{Format, Select};

pub fn supported(spec: &ExtractSpec) -> Result<(), Refused> {
    match spec.select {
        Select::Fps(_) | Select::EverySeconds(_) => {}
        ref other => {
            return refuse(
                "extract.select",
                format!(
                    "the selection {} is not supported yet; use fps or every_seconds",
                    other.name()
                ),
            );
        }
    }
    if spec.image.format != Format::Jpeg {
        return refuse(
            "extract.image.format",
            format!(
                "the format {} is not supported yet; use jpeg",
                spec.image.format.extension()
            ),
        );
    }
    Ok(())
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
        ] {
            assert_eq!(check(json), Ok(()), "{json}");
        }
        for (json, field, word) in [
            (
                r#"{"select":{"every_nth":2}}"#,
                "extract.select",
                "every_nth",
            ),
            (
                r#"{"select":{"timestamps":[1]}}"#,
                "extract.select",
                "timestamps",
            ),
            (r#"{"select":{"count":2}}"#, "extract.select", "count"),
            (
                r#"{"select":{"keyframes":true}}"#,
                "extract.select",
                "keyframes",
            ),
            (r#"{"select":{"scenes":{}}}"#, "extract.select", "scenes"),
            (r#"{"select":{"all":true}}"#, "extract.select", "all"),
            (
                r#"{"image":{"format":"png"}}"#,
                "extract.image.format",
                "png",
            ),
            (
                r#"{"image":{"format":"webp"}}"#,
                "extract.image.format",
                "webp",
            ),
        ] {
            let refused = check(json).unwrap_err();
            assert_eq!(refused.field, field, "{json}");
            assert!(refused.message.contains(word), "{}", refused.message);
        }
    }
}
