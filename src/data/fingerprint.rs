//! Fingerprints of the inputs of a run: the SHA-256 of its files.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Error, Result};

/// One input file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InputFile {
    /// Path inside the data folder; with the suffix `#filename`, only the clips' names in that table.
    pub path: String,
    /// Size.
    pub bytes: u64,
    /// SHA-256, hexadecimal.
    pub sha256: String,
}

/// Size and SHA-256 of a stream of bytes.
#[derive(Clone, Debug, Default)]
pub struct Fingerprint {
    hasher: Sha256,
    bytes: u64,
}

impl Fingerprint {
    /// The fingerprint of a file.
    ///
    /// # Errors
    /// [`Error::Read`].
    pub fn of_file(path: &Path) -> Result<Fingerprint> {
        let read = || -> std::io::Result<Fingerprint> {
            let mut file = File::open(path)?;
            let (mut found, mut buffer) = (Fingerprint::default(), vec![0; 1 << 20]);
            loop {
                match file.read(&mut buffer)? {
                    0 => return Ok(found),
                    n => found.update(&buffer[..n]),
                }
            }
        };
        read().map_err(|source| Error::Read {
            path: path.to_path_buf(),
            source,
        })
    }

    /// Adds bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        self.hasher.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// SHA-256, hexadecimal.
    pub fn sha256(&self) -> String {
        let digest = self.hasher.clone().finalize();
        digest.iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The entry of a file in `folder`, or of a part of it named by `part`.
    pub fn entry(&self, folder: &Path, path: &Path, part: &str) -> InputFile {
        let inside = path.strip_prefix(folder).unwrap_or(path);
        InputFile {
            path: inside.to_string_lossy().replace('\\', "/") + part,
            bytes: self.bytes,
            sha256: self.sha256(),
        }
    }
}

/// One hash over all inputs, which identifies the data.
pub fn digest(inputs: &[InputFile]) -> String {
    let mut all = Fingerprint::default();
    for input in inputs {
        all.update(format!("{} {}\n", input.path, input.sha256).as_bytes());
    }
    all.sha256()
}
