//! The one error type of the library.

use std::path::PathBuf;

/// What went wrong, with the file, row or key that it concerns.
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
    /// A file or folder that could not be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file or folder that could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A CSV file with a fault; `line` counts from 1, the header being line 1.
    #[error("{}{}{}: {reason}", path.display(), position("line", .line), position("column", .column))]
    Csv {
        /// The file.
        path: PathBuf,
        /// The line, where one is at fault.
        line: Option<u64>,
        /// The column's name, where one is at fault.
        column: Option<String>,
        /// What was found and what was expected.
        reason: String,
    },
    /// An `.npy` or `.npz` file with a fault.
    #[error("{}{}: {reason}", path.display(), position("array", .array))]
    Npz {
        /// The file.
        path: PathBuf,
        /// The array inside it, where one is at fault.
        array: Option<String>,
        /// What was found and what was expected.
        reason: String,
    },
    /// A file of another format (JSON, safetensors, zip, TOML) with a fault.
    #[error("{}{}: {reason}", path.display(), position("key", .key))]
    File {
        /// The file.
        path: PathBuf,
        /// The key or tensor inside it, where one is at fault.
        key: Option<String>,
        /// What was found and what was expected.
        reason: String,
    },
    /// A configuration value that cannot be used, or a key that does not exist.
    #[error("configuration: {field}: {reason}")]
    Config {
        /// The dotted key.
        field: String,
        /// What was found, what is allowed.
        reason: String,
    },
    /// Data that is well formed but cannot be used as asked (no such fold, a clip without features).
    #[error("{0}")]
    Data(String),
    /// Trainings of a plan that failed; the others went on.
    #[error(
        "{failed} of {total} trials failed: {reasons}; the others are kept, --resume tries these again"
    )]
    Trials {
        /// How many failed.
        failed: usize,
        /// How many the plan has.
        total: usize,
        /// Each different reason with a trial that it concerns.
        reasons: String,
    },
    /// Somebody asked to stop; what is saved lets the same work go on.
    #[error("interrupted {0}")]
    Interrupted(String),
    /// A value that is not finite where the computation needs one.
    #[error("{what} is not finite{}{}{advice}", position("epoch", .epoch), position("batch", .batch))]
    NonFinite {
        /// The quantity.
        what: String,
        /// The epoch, counted from 1.
        epoch: Option<usize>,
        /// The batch within the epoch, counted from 1.
        batch: Option<usize>,
        /// What to do; starts with punctuation, may be empty.
        advice: String,
    },
}

fn position<T: std::fmt::Display>(word: &str, at: &Option<T>) -> String {
    at.as_ref()
        .map_or_else(String::new, |at| format!(", {word} {at}"))
}

/// The library's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether the user's input is at fault (exit code 2) rather than the run (exit code 1).
    pub fn is_input(&self) -> bool {
        !matches!(
            self,
            Error::Write { .. }
                | Error::NonFinite { .. }
                | Error::Trials { .. }
                | Error::Interrupted(_)
        )
    }
}
