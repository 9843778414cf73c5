//! The engine's error type.

use std::path::PathBuf;

/// Why an operation, a layer or a file of weights was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Operands whose shapes do not fit together.
    #[error("{op}: expected {expected}, got {got}")]
    Shape {
        /// The operation that refused.
        op: &'static str,
        /// What it takes.
        expected: String,
        /// What it was given.
        got: String,
    },
    /// A [product](crate::nn::Precomputed) that was formed ahead for other weights or another batch
    /// than it was used for; says which.
    #[error(
        "linear: the precomputed product is stale: {0}; use it in the next forward pass, on its batch"
    )]
    StaleProduct(&'static str),
    /// A file that could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file that could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file of weights with a fault, or of another model.
    #[error("{}{}: {reason}", path.display(), key.as_ref().map_or_else(String::new, |key| format!(", key {key}")))]
    File {
        /// The file.
        path: PathBuf,
        /// The tensor inside it that is at fault, where it is one.
        key: Option<String>,
        /// What was found and what was expected.
        reason: String,
    },
}

impl Error {
    /// The shape error of the operation `op`, which takes what `expected` says and was given `got`.
    pub fn shape(op: &'static str, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Error::Shape {
            op,
            expected: expected.into(),
            got: got.into(),
        }
    }
}

/// The engine's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;
