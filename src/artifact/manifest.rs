//! What a run was made from: configuration, seed, versions, kernel, and hashes of its inputs.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::checkpoint::ChosenThresholds;
use super::fault::TrainingFault;
use super::history::EpochRecord;
use crate::config::Config;
use crate::data::fingerprint::InputFile;
use crate::encoders::Encoder;
use crate::error::{Error, Result};
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
    pub fn write(&self, path: &Path) -> Result<()> {
        crate::files::atomic_file::write(path, |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            std::io::Write::write_all(out, b"\n")
        })
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
