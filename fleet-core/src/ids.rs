//! Identifiers. Each is checked where it enters, so that keys, URLs and queue names built from it
//! need no escaping.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error("{what} must match {rule}, got {got:?}")]
pub struct InvalidId {
    pub what: &'static str,
    pub rule: &'static str,
    pub got: String,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(InvalidId { what: $what, rule: $rule, got: text.chars().take(80).collect() })
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidId;

            fn try_from(text: String) -> Result<Self, InvalidId> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

id!(
    /// One upload and everything made from it. A version 7 UUID, so ids sort by creation time.
    VideoId, "a video id", "32 lower-case hexadecimal digits",
    |t| t.len() == 32 && t.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
);

id!(
    /// Who is calling: the id of an API Gateway API key, never the key itself.
    TenantId, "a tenant id", "1 to 64 of A-Z a-z 0-9 _ -",
    |t| (1..=64).contains(&t.len()) && t.bytes().all(is_word)
);

id!(
    /// An EC2 instance id, or a made-up one of the same shape.
    InstanceId, "an instance id", "1 to 64 of A-Z a-z 0-9 _ -",
    |t| (1..=64).contains(&t.len()) && t.bytes().all(is_word)
);

fn is_word(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b == b'_' || b == b'-'
}

impl VideoId {
    pub fn new() -> Self {
        Self(uuid::Uuid::now_v7().simple().to_string())
    }
}

impl Default for VideoId {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn video_ids_sort_by_creation_and_round_trip() {
        let first = VideoId::new();
        std::thread::sleep(std::time::Duration::from_millis(2));
        let second = VideoId::new();
        assert!(first < second);
        assert_eq!(first.as_str().parse::<VideoId>(), Ok(first));
    }

    #[test]
    fn ids_that_would_need_escaping_are_refused() {
        for bad in ["", "../x", "a/b", "a b", "a#b", "{x}", &"a".repeat(65)] {
            assert!(bad.parse::<TenantId>().is_err(), "{bad:?}");
            assert!(bad.parse::<VideoId>().is_err(), "{bad:?}");
        }
    }
}
