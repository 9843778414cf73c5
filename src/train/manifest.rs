//! What a run was made from: configuration, seed, versions, kernel, and hashes of its inputs.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::checkpoint::{ChosenThresholds, EncoderEntry};
use super::history::EpochRecord;
use crate::error::{Error, Result};
use crate::kernels::micro::kernel_name;
use crate::model::Config;

/// One input file.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct InputFile {
    /// Path inside the data folder.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

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
    pub encoders: Vec<EncoderEntry>,
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

/// Hashes files inside a folder, side by side.
///
/// # Errors
/// [`Error::Read`].
pub fn hash_inputs(folder: &Path, files: &[PathBuf]) -> Result<Vec<InputFile>> {
    let mut inputs = files
        .par_iter()
        .map(|path| hash(folder, path))
        .collect::<Result<Vec<_>>>()?;
    inputs.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(inputs)
}

fn hash(folder: &Path, path: &Path) -> Result<InputFile> {
    let read = || -> std::io::Result<(u64, String)> {
        let mut file = File::open(path)?;
        let (mut hasher, mut buffer, mut bytes) = (Sha256::new(), vec![0; 1 << 20], 0);
        loop {
            let n = file.read(&mut buffer)?;
            if n == 0 {
                break;
            }
            hasher.update(&buffer[..n]);
            bytes += n as u64;
        }
        Ok((
            bytes,
            hasher
                .finalize()
                .iter()
                .map(|b| format!("{b:02x}"))
                .collect(),
        ))
    };
    let (bytes, sha256) = read().map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let path = path
        .strip_prefix(folder)
        .unwrap_or(path)
        .to_string_lossy()
        .replace('\\', "/");
    Ok(InputFile {
        path,
        bytes,
        sha256,
    })
}

/// The hash of one file.
///
/// # Errors
/// [`Error::Read`].
pub fn hash_file(path: &Path) -> Result<String> {
    hash(Path::new(""), path).map(|file| file.sha256)
}

/// One hash over all inputs, to recognise the same data.
pub fn digest(inputs: &[InputFile]) -> String {
    let mut hasher = Sha256::new();
    for input in inputs {
        hasher.update(format!("{} {}\n", input.path, input.sha256));
    }
    hasher
        .finalize()
        .iter()
        .map(|b| format!("{b:02x}"))
        .collect()
}

impl Manifest {
    /// Writes the manifest.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, path: &Path) -> Result<()> {
        crate::atomic::write(path, |out| {
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
