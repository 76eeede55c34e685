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
                format!("the selection {} is not supported yet; use fps or every_seconds", other.name()),
            );
        }
    }
    if spec.image.format != Format::Jpeg {
        return refuse(
            "extract.image.format",
            format!("the format {} is not supported yet; use jpeg", spec.image.format.extension()),
        );
    }
    Ok(())
}

fn refuse(field: &'static str, message: String) -> Result<(), Refused> {
    Err(Refused { field, message })
}
