//! Arguments that the library parses, with its messages as clap shows them; some begin with a
//! configuration key.

use std::ffi::OsStr;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};

use crate::config::Config;

/// Parses a `T`. Shows only the part of the library's message that clap does not already print: clap
/// names the flag and the value.
#[derive(Debug)]
pub struct Plain<T>(PhantomData<fn() -> T>);

impl<T> Plain<T> {
    /// A parser.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Clone for Plain<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T> TypedValueParser for Plain<T>
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
    ) -> Result<Self::Value, Error> {
        let read = |text: &str| {
            text.parse::<T>()
                .map_err(|error| without_flag(error.into()))
        };
        read.parse_ref(command, arg, value)
    }
}

fn without_flag(error: Box<dyn std::error::Error + Send + Sync>) -> String {
    match error.downcast_ref() {
        Some(crate::Error::Config { field, reason })
            if field.starts_with("--") || field == "baseline" =>
        {
            reason.clone()
        }
        Some(crate::Error::Config { field, reason }) => format!("{field}: {reason}"),
        _ => error.to_string(),
    }
}

/// Parses a `T`, and lists the configuration keys as possible values, for completions.
#[derive(Debug)]
pub struct Keyed<T>(PhantomData<fn() -> T>);

impl<T> Keyed<T> {
    /// A parser.
    pub fn new() -> Self {
        Self(PhantomData)
    }
}

impl<T> Clone for Keyed<T> {
    fn clone(&self) -> Self {
        Self::new()
    }
}

impl<T> TypedValueParser for Keyed<T>
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
    ) -> Result<Self::Value, Error> {
        Plain::<T>::new().parse_ref(command, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let keys = Config::keys().into_iter();
        Some(Box::new(
            keys.map(|(key, _)| PossibleValue::new(format!("{key}="))),
        ))
    }
}
