//! What a run was made from: configuration, seed, versions, kernel, and hashes of its inputs.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::description::ChosenThresholds;
use super::fault::TrainingFault;
use super::history::EpochRecord;
use crate::config::Config;
use crate::data::fingerprint::InputFile;
use crate::data::provenance::Provenance;
use crate::encoders::Encoder;
use crate::error::{Error, Result};
use crate::files::atomic_file::{Durability, write_as};
use crate::kernels::micro::kernel_name;

/// Where a run took place; the only part that may differ between two runs with the same seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Environment {
    /// The data folder as it was given.
    pub data: PathBuf,
    /// Micro-kernel of the matrix products; another one may change the last bits.
    pub kernel: String,
    /// Threads; they change no bit.
    pub threads: usize,
    /// Operating system and processor architecture.
    pub platform: String,
}

/// The contents of `manifest.json`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Manifest {
    /// Name and version of the program.
    pub program: String,
    /// The seed, also part of the configuration.
    pub seed: u64,
    /// The fold held out, if one was.
    pub fold: Option<usize>,
    /// Whether rows came in the order of the metadata.
    pub no_shuffle: bool,
    /// Hash of the weights that the run started from; none: random ones.
    pub init: Option<String>,
    /// The full configuration.
    pub config: Config,
    /// Encoders in the network's order.
    pub encoders: Vec<Encoder>,
    /// Classes in the order of every probability vector.
    pub classes: Vec<String>,
    /// Labelled training clips, validation clips, and unlabelled target clips.
    pub clips: ClipCounts,
    /// Trainable numbers of the model.
    pub parameters: usize,
    /// Whether training ran to its end.
    pub finished: bool,
    /// Why training ended.
    pub stopped: String,
    /// The epoch that `weights.safetensors` holds.
    pub best_epoch: usize,
    /// Decoding thresholds stored with the model.
    pub thresholds: ChosenThresholds,
    /// The best epoch's measures.
    pub best: Option<EpochRecord>,
    /// What is wrong with the finished run, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<TrainingFault>,
    /// What the user was warned of.
    pub warnings: Vec<String>,
    /// Input files, sorted by path.
    pub inputs: Vec<InputFile>,
    /// How the features of each encoder were made, of those whose files say so.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub provenance: BTreeMap<String, Provenance>,
    /// Where the run took place.
    pub environment: Environment,
}

impl Environment {
    /// This process, with the data folder as it was given.
    pub fn here(data: &Path) -> Self {
        Self {
            data: data.to_owned(),
            kernel: kernel_name().unwrap_or("none").into(),
            threads: rayon::current_num_threads(),
            platform: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

/// How many clips of each kind a run used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClipCounts {
    /// Labelled rows that the losses see.
    pub train: usize,
    /// Rows of the validation fold.
    pub validation: usize,
    /// Unlabelled rows that the domain adversary sees.
    pub target: usize,
}

impl Manifest {
    /// Writes the manifest.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(crate) fn write(&self, durability: Durability, path: &Path) -> Result<()> {
        write_as(durability, path, |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            std::io::Write::write_all(out, b"\n")
        })
    }

    /// How the features that a run was trained on were made, as its manifest says; empty for a weights
    /// file by itself.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::File`] if the manifest is not JSON.
    pub fn provenance_of(run: &Path) -> Result<BTreeMap<String, Provenance>> {
        #[derive(Deserialize)]
        struct Part {
            #[serde(default)]
            provenance: BTreeMap<String, Provenance>,
        }
        let path = run.join("manifest.json");
        if !path.is_file() {
            return Ok(BTreeMap::new());
        }
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        let part: Part = serde_json::from_str(&text).map_err(|e| Error::File {
            path,
            key: None,
            reason: format!("not a manifest of this program ({e})"),
        })?;
        Ok(part.provenance)
    }

    /// Reads a manifest.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::File`] if it is none.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        serde_json::from_str(&text).map_err(|e| Error::File {
            path: path.to_owned(),
            key: None,
            reason: format!("not a manifest of this program ({e})"),
        })
    }
}
