//! The data that all trials of a plan share: opened once, hashed once.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::config::{DataConfig, StandardiseBy};
use crate::data::dataset::Dataset;
use crate::data::fingerprint::{InputFile, digest};
use crate::error::{Error, Result};

/// The data as one configuration selects them.
#[derive(Debug)]
pub struct Opened {
    /// The data.
    pub dataset: Dataset<'static>,
    /// Hashes of its files.
    pub inputs: Vec<InputFile>,
    /// One hash over all of them.
    pub digest: String,
    /// The selection; opening the folder with it again gives the same data.
    pub selection: DataConfig,
}

/// A data folder. It is opened once for all configurations with the same encoders and classes.
#[derive(Debug)]
pub struct DataFolder {
    path: PathBuf,
    opened: Mutex<BTreeMap<String, Arc<Opened>>>,
}

impl DataFolder {
    /// The folder; nothing is read yet.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
            opened: Mutex::default(),
        }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The data as a configuration selects them.
    ///
    /// # Errors
    /// As [`Dataset::open_configured`] and [`Dataset::inputs`].
    pub fn open(&self, config: &DataConfig) -> Result<Arc<Opened>> {
        // Standardisation does not affect how the data are opened.
        let selection = DataConfig {
            standardize: StandardiseBy::Training,
            clip_values: 0.0,
            actor_shrinkage: DataConfig::default().actor_shrinkage,
            ..config.clone()
        };
        let key = serde_json::to_string(&selection)
            .map_err(|error| Error::Data(format!("data configuration: {error}")))?;
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = opened.get(&key) {
            return Ok(Arc::clone(known));
        }
        let dataset = Dataset::open_configured(&self.path, config)?;
        let inputs = dataset.inputs()?;
        let new = Arc::new(Opened {
            digest: digest(&inputs),
            inputs,
            dataset,
            selection,
        });
        opened.insert(key, Arc::clone(&new));
        Ok(new)
    }
}
