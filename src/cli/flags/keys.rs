//! Arguments that the library reads, with its messages as clap shows them; some begin with a key of
//! the configuration.

use std::ffi::OsStr;
use std::marker::PhantomData;
use std::str::FromStr;

use clap::builder::{PossibleValue, TypedValueParser};
use clap::{Arg, Command, Error};

use crate::config::Config;

/// Reads whatever `T` reads. Of the library's message that part is told which clap does not say itself:
/// it names the flag and the value.
#[derive(Debug)]
pub struct Plain<T>(PhantomData<fn() -> T>);

impl<T> Plain<T> {
    /// The reader.
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

/// Reads whatever `T` reads, and tells the keys to those who ask for possible values: completions.
#[derive(Debug)]
pub struct Keyed<T>(PhantomData<fn() -> T>);

impl<T> Keyed<T> {
    /// The reader.
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
