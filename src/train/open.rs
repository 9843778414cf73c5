//! Opens a data folder as a configuration asks.

use std::path::Path;

use crate::config::DataConfig;
use crate::data::dataset::{Dataset, Selection};
use crate::error::{Error, Result};
use crate::suggest::instead;

/// Opens a data folder to train on, with the encoders, classes and neutral class of the
/// configuration.
///
/// # Errors
/// As [`Dataset::open_with`]; [`Error::Config`] for a neutral class that is not one of the classes.
pub fn open_dataset(path: &Path, config: &DataConfig) -> Result<Dataset> {
    let selection = Selection {
        encoders: config.encoders.clone(),
        classes: config.classes.clone(),
        hash: true,
    };
    let mut dataset = Dataset::open_with(path, &selection)?;
    if let Some(name) = &config.neutral {
        dataset.classes = dataset
            .classes
            .clone()
            .with_neutral_named(name)
            .ok_or_else(|| Error::Config {
                field: "data.neutral".into(),
                reason: format!(
                    "there is no class {name:?}{}",
                    instead(name, dataset.classes.names().iter().map(String::as_str))
                ),
            })?;
    }
    Ok(dataset)
}
