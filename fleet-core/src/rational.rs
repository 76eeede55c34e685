//! An exact positive rational, as users write it: `1`, `0.5`, `"30000/1001"`.
//!
//! Times and rates never pass through floating point: 29.97 means 2997/100, not the nearest double.

use std::fmt;
use std::str::FromStr;

use num_rational::Ratio;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rational(Ratio<i64>);

#[derive(Debug, Error, Clone, PartialEq, Eq)]
#[error(
    "expected a number such as 2, 0.5 or \"30000/1001\" with at most 9 digits a side, got {0:?}"
)]
pub struct InvalidRational(String);

/// Digits on each side. Products of two such numbers and a 90 kHz clock stay inside i128.
const MAX_DIGITS: usize = 9;

impl Rational {
    /// Panics on a zero denominator: for constants; parse what users write.
    pub fn new(numerator: i64, denominator: i64) -> Self {
        Self(Ratio::new(numerator, denominator))
    }

    pub fn numerator(self) -> i64 {
        *self.0.numer()
    }

    pub fn denominator(self) -> i64 {
        *self.0.denom()
    }

    pub fn ratio(self) -> Ratio<i64> {
        self.0
    }

    pub fn is_zero(self) -> bool {
        self.numerator() == 0
    }

    /// None for zero.
    pub fn recip(self) -> Option<Self> {
        (!self.is_zero()).then(|| Self(self.0.recip()))
    }

    pub fn as_f64(self) -> f64 {
        self.numerator() as f64 / self.denominator() as f64
    }
}

impl FromStr for Rational {
    type Err = InvalidRational;

    fn from_str(text: &str) -> Result<Self, InvalidRational> {
        let bad = || InvalidRational(text.chars().take(60).collect());
        let parsed = match text.split_once('/') {
            Some((n, d)) => Some((digits(n).ok_or_else(bad)?, digits(d).ok_or_else(bad)?)),
            None => decimal(text),
        };
        match parsed {
            Some((n, d)) if d != 0 => Ok(Self(Ratio::new(n, d))),
            _ => Err(bad()),
        }
    }
}

fn digits(text: &str) -> Option<i64> {
    let fits = (1..=MAX_DIGITS).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| text.parse().ok()).flatten()
}

fn decimal(text: &str) -> Option<(i64, i64)> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if fraction.len() > MAX_DIGITS {
        return None;
    }
    let scale = 10_i64.pow(fraction.len() as u32);
    Some((digits(whole)? * scale + digits(fraction)?, scale))
}

impl fmt::Display for Rational {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.denominator() {
            1 => write!(f, "{}", self.numerator()),
            d => write!(f, "{}/{d}", self.numerator()),
        }
    }
}

impl Serialize for Rational {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.denominator() {
            1 => serializer.serialize_i64(self.numerator()),
            _ => serializer.collect_str(self),
        }
    }
}

impl<'de> Deserialize<'de> for Rational {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(serde_json::Number),
            Text(String),
        }
        let text = match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string(),
            Written::Text(text) => text,
        };
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_users_write_is_kept_exactly() {
        for (json, n, d) in [
            ("1", 1, 1),
            ("0.5", 1, 2),
            ("29.97", 2997, 100),
            ("\"30000/1001\"", 30000, 1001),
            ("\"0.040\"", 1, 25),
            ("0", 0, 1),
        ] {
            let got: Rational = serde_json::from_str(json).unwrap();
            assert_eq!(got, Rational::new(n, d), "{json}");
            let again: Rational =
                serde_json::from_str(&serde_json::to_string(&got).unwrap()).unwrap();
            assert_eq!(again, got);
        }
    }

    #[test]
    fn anything_else_is_refused_with_an_example() {
        for json in [
            "-1",
            "1e300",
            "\"1/0\"",
            "\"\"",
            "\"1/\"",
            "\"a\"",
            "null",
            "\"1.\"",
            "\".5\"",
            "\"12345678901\"",
        ] {
            assert!(serde_json::from_str::<Rational>(json).is_err(), "{json}");
        }
        assert!(
            "x".parse::<Rational>()
                .unwrap_err()
                .to_string()
                .contains("30000/1001")
        );
    }
}
