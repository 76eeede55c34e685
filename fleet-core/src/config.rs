//! Reading configuration through an injected lookup, so that tests need no environment and every
//! binary names each of its variables once.

use std::str::FromStr;

use thiserror::Error;

#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum ConfigError {
    #[error("{0} is not set")]
    Missing(&'static str),
    #[error("{name} is {value:?}: {why}")]
    Invalid {
        name: &'static str,
        value: String,
        why: String,
    },
}

/// A source of named values: the process environment, or a table in a test.
pub struct Lookup<'a>(&'a dyn Fn(&str) -> Option<String>);

impl<'a> Lookup<'a> {
    pub fn new(source: &'a dyn Fn(&str) -> Option<String>) -> Self {
        Self(source)
    }

    /// An empty value counts as unset: unit files and Terraform cannot always leave a name out.
    pub fn text(&self, name: &'static str) -> Option<String> {
        (self.0)(name).filter(|value| !value.is_empty())
    }

    pub fn required(&self, name: &'static str) -> Result<String, ConfigError> {
        self.text(name).ok_or(ConfigError::Missing(name))
    }

    pub fn parsed<T>(&self, name: &'static str) -> Result<Option<T>, ConfigError>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        let Some(value) = self.text(name) else {
            return Ok(None);
        };
        match value.parse() {
            Ok(parsed) => Ok(Some(parsed)),
            Err(why) => Err(ConfigError::Invalid {
                name,
                value,
                why: why.to_string(),
            }),
        }
    }

    pub fn parsed_or<T>(&self, name: &'static str, default: T) -> Result<T, ConfigError>
    where
        T: FromStr,
        T::Err: std::fmt::Display,
    {
        Ok(self.parsed(name)?.unwrap_or(default))
    }
}

/// The real environment; a value that is not UTF-8 counts as unset.
pub fn from_env(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_found_defaulted_or_named_in_the_error() {
        let table = |name: &str| match name {
            "A" => Some("3".to_owned()),
            "B" => Some("x".to_owned()),
            "C" => Some(String::new()),
            _ => None,
        };
        let lookup = Lookup::new(&table);
        assert_eq!(lookup.parsed_or("A", 7_u32), Ok(3));
        assert_eq!(lookup.parsed_or("C", 7_u32), Ok(7));
        assert_eq!(lookup.required("D"), Err(ConfigError::Missing("D")));
        let error = lookup.parsed_or("B", 7_u32).unwrap_err().to_string();
        assert!(error.starts_with("B is \"x\""), "{error}");
    }
}
