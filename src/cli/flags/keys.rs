//! Arguments that the library parses, with its messages as clap shows them; some begin with a
//! configuration key.

use std::ffi::OsStr;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command};

use crate::Error;
use crate::config::Config;

/// Parses a `T`. Shows only the part of the library's message that clap does not already print: clap
/// names the flag and the value.
#[derive(Debug)]
pub struct Parsed<T> {
    /// Whether completions offer the configuration keys.
    offers_keys: bool,
    parsed: PhantomData<fn() -> T>,
}

impl<T> Parsed<T> {
    /// A parser.
    pub fn new() -> Self {
        Self {
            offers_keys: false,
            parsed: PhantomData,
        }
    }

    /// A parser of what begins with a configuration key; completions offer the keys.
    pub fn with_key() -> Self {
        Self {
            offers_keys: true,
            ..Self::new()
        }
    }
}

impl<T> Clone for Parsed<T> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<T> TypedValueParser for Parsed<T>
where
    T: FromStr + Clone + Send + Sync + 'static,
    T::Err: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Value = T;

    fn parse_ref(
        &self,
        command: &Command,
        arg: Option<&Arg>,
        value: &OsStr,
    ) -> Result<Self::Value, clap::Error> {
        let read = |text: &str| {
            text.parse::<T>()
                .map_err(|error| without_flag(error.into()))
        };
        read.parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        if !self.offers_keys {
            return None;
        }
        let keys = Config::keys().into_iter();
        Some(Box::new(
            keys.map(|(key, _)| PossibleValue::new(format!("{key}="))),
        ))
    }
}

fn without_flag(error: Box<dyn std::error::Error + Send + Sync>) -> String {
    match error.downcast_ref() {
        Some(Error::Config { field, reason }) if field == "baseline" => reason.clone(),
        Some(Error::Config { field, reason }) => format!("{field}: {reason}"),
        Some(Error::UnknownKey { key, instead }) => format!("{key}: no such key{instead}"),
        Some(Error::Parameter { fault, .. }) => fault.to_string(),
        _ => error.to_string(),
    }
}
