//! The one error type of the library. Its messages name the file, row or key and what was expected; they
//! name no command-line flag: the command line adds which flag helps (`cli/output/remedy.rs`).

mod kinds;
mod text;

use std::path::{Path, PathBuf};

pub use kinds::{AppendMismatch, Artifact, Difference, NeededBy, Occupant, ParameterFault};
use text::{one_line, position};

use crate::suggest::instead;

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
    /// Another error of the engine.
    #[error(transparent)]
    Engine(blendfuse_engine::Error),
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
    #[error("{}{}{}: {}", path.display(), position("line", .line), position("column", .column), one_line(.reason))]
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
    #[error("{}{}: {}", path.display(), position("array", .array), one_line(.reason))]
    Npz {
        /// The file.
        path: PathBuf,
        /// The array inside it, where one is at fault.
        array: Option<String>,
        /// What was found and what was expected.
        reason: String,
    },
    /// A file of another format (JSON, safetensors, zip, TOML) with a fault.
    #[error("{}{}: {}", path.display(), position("key", .key), one_line(.reason))]
    File {
        /// The file.
        path: PathBuf,
        /// The key or tensor inside it, where one is at fault.
        key: Option<String>,
        /// What was found and what was expected.
        reason: String,
    },
    /// A configuration value that cannot be used, or a key that does not exist.
    #[error("configuration: {}: {}", one_line(.field), one_line(.reason))]
    Config {
        /// The dotted key.
        field: String,
        /// What was found, what is allowed.
        reason: String,
    },
    /// Data that is well formed but cannot be used as asked (no such fold, a clip without features).
    #[error("{0}")]
    Data(String),
    /// A file or folder that is needed and does not exist, or is of another kind.
    #[error("{}: expected {expected}; {found}", path.display())]
    Missing {
        /// The file or folder.
        path: PathBuf,
        /// What it should be or contain.
        expected: String,
        /// What is there instead.
        found: String,
    },
    /// A file or folder that this program did not write, where something that it writes is expected.
    #[error("{}: {}; expected {expected}", path.display(), one_line(.found))]
    Unrecognised {
        /// The file or folder.
        path: PathBuf,
        /// What was expected.
        expected: Artifact,
        /// What was found instead.
        found: String,
    },
    /// An output folder that already contains something, which is never overwritten.
    #[error("{}: {by}", path.display())]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// What is there.
        by: Occupant,
    },
    /// A folder in which another process is working.
    #[error("{}: another process{} is using this folder; wait for it", path.display(), process(.pid))]
    InUse {
        /// The folder.
        path: PathBuf,
        /// The other process, if it left its number.
        pid: Option<u32>,
    },
    /// A run that cannot be resumed, because something that determines its result has changed.
    #[error("{}: was written with {differs}; resume with the same", path.display())]
    DifferentRun {
        /// The manifest of the run.
        path: PathBuf,
        /// What has changed.
        differs: Difference,
    },
    /// A folder without any file of the kind that is read.
    #[error("{}: expected {expected}; found {found}", path.display())]
    NoFiles {
        /// The folder.
        path: PathBuf,
        /// The files that it should contain.
        expected: String,
        /// What it contains.
        found: String,
        /// Whether there may be such files in subfolders, which were not searched.
        unsearched: bool,
    },
    /// A folder none of whose files has a name that matches the pattern.
    #[error("{}: none of its {files} .{extension} files matches the pattern", path.display())]
    NoMatch {
        /// The folder.
        path: PathBuf,
        /// The extension of the files.
        extension: String,
        /// How many files have it.
        files: usize,
    },
    /// Two files that belong to one clip.
    #[error("{first} and {second} both belong to clip {clip:?}; expected only one of them")]
    DuplicateClip {
        /// The clip.
        clip: String,
        /// One file, or an array of one.
        first: String,
        /// The other.
        second: String,
        /// Whether they contain frames: then clips can be named in several ways.
        frames: bool,
    },
    /// A table none of whose columns is known to hold the names of clips.
    #[error("{}, line 1: has no column with clip names ({})", path.display(), .tried.join(", "))]
    NoNameColumn {
        /// The table.
        path: PathBuf,
        /// The names of columns that were tried.
        tried: Vec<String>,
    },
    /// Domain-adversarial training (eq. 15) without unlabelled rows.
    #[error(
        "configuration: uda.enabled: found {found} for the unlabelled rows; add a test split, or hold out a fold with uda.target=validation"
    )]
    NoTargetRows {
        /// Which rows are missing.
        found: &'static str,
    },
    /// A clip that needs a label and has none, or no labelled clips at all.
    #[error("{} label {purpose}", unlabelled(.clip))]
    Unlabelled {
        /// The clip; `None`: all clips.
        clip: Option<String>,
        /// What the label is needed for, such as `to train on`.
        purpose: &'static str,
    },
    /// The name of an encoder that does not exist.
    #[error("{owner} has no encoder {name:?}{}", instead(.name, .known.iter().map(String::as_str)))]
    UnknownEncoder {
        /// What should have the encoder.
        owner: String,
        /// The name.
        name: String,
        /// The encoders that exist.
        known: Vec<String>,
    },
    /// An encoder whose features are needed and missing.
    #[error("{}: missing, but {needed_by}; {}", path.display(), needed_by.advice())]
    MissingFeatures {
        /// The file that does not exist.
        path: PathBuf,
        /// The encoder.
        encoder: String,
        /// What needs it.
        needed_by: NeededBy,
    },
    /// A configuration key that does not exist.
    #[error("configuration: {}: no such key{}", one_line(.key), one_line(.instead))]
    UnknownKey {
        /// The dotted key.
        key: String,
        /// The key that was probably meant, or those that exist; starts with punctuation.
        instead: String,
    },
    /// A parameter of a sweep that cannot be used.
    #[error("parameter {}: {fault}", one_line(.parameter))]
    Parameter {
        /// The parameter as it was written, `KEY=VALUES`; empty if there is none.
        parameter: String,
        /// What is wrong with it.
        fault: ParameterFault,
    },
    /// A trial that is not in the plan.
    #[error("{}: no trial {} is planned here", path.display(), one_line(.id))]
    UnknownTrial {
        /// The plan's folder.
        path: PathBuf,
        /// The identifier.
        id: String,
        /// The command of the plan.
        command: String,
    },
    /// A finished plan whose models were not kept.
    #[error("{}: none of the {models} fold models of {label} has its weights", path.display())]
    WeightsNotKept {
        /// The plan's folder.
        path: PathBuf,
        /// Number of models.
        models: usize,
        /// What was trained.
        label: String,
        /// The command of the plan.
        command: String,
    },
    /// A feature file to which rows with other options cannot be appended.
    #[error("{}, array {array}: {differs}", path.display())]
    CannotAppend {
        /// The file.
        path: PathBuf,
        /// The array inside it.
        array: &'static str,
        /// What differs.
        differs: AppendMismatch,
    },
    /// An external program that cannot be started.
    #[error("{program}: {source}")]
    Command {
        /// Its name.
        program: &'static str,
        /// The system's reason.
        source: std::io::Error,
    },
    /// Failed trials of a plan; the others were run.
    #[error("{failed} of {total} trials failed: {reasons}; the others are kept")]
    Trials {
        /// How many failed.
        failed: usize,
        /// How many the plan has.
        total: usize,
        /// Each different reason with a trial that it concerns.
        reasons: String,
    },
    /// Trials without a result that a table needs; see `blendfuse collect`.
    #[error("{missing} of {total} trials have no result: {reasons}")]
    Unfinished {
        /// How many have none.
        missing: usize,
        /// How many the plan has so far.
        total: usize,
        /// Each different reason, with how many it concerns.
        reasons: String,
    },
    /// Work that ran to its end, but whose result is not usable: a training that diverged or learned
    /// nothing.
    #[error("{0}")]
    Unusable(String),
    /// The work was interrupted; it can be resumed from the saved state.
    #[error("interrupted {0}")]
    Interrupted(String),
    /// A value that is not finite where the computation needs one.
    #[error("{what} is not finite{}{}{advice}{}", position("epoch", .epoch), position("batch", .batch), trace(*.traceable))]
    NonFinite {
        /// The quantity.
        what: String,
        /// The epoch, counted from 1.
        epoch: Option<usize>,
        /// The batch within the epoch, counted from 1.
        batch: Option<usize>,
        /// What to do; starts with punctuation, may be empty.
        advice: String,
        /// Whether anomaly detection, which was off, would name the operation.
        traceable: bool,
    },
}

/// ` (pid N)` where the process is known.
fn process(pid: &Option<u32>) -> String {
    pid.map_or_else(String::new, |pid| format!(" (pid {pid})"))
}

fn unlabelled(clip: &Option<String>) -> String {
    match clip {
        Some(clip) => format!("clip {clip} has no"),
        None => "no clip has a".to_owned(),
    }
}

/// The advice to detect anomalies.
fn trace(traceable: bool) -> &'static str {
    if traceable {
        ", and anomaly detection names the operation"
    } else {
        ""
    }
}

/// The library's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl From<blendfuse_engine::Error> for Error {
    fn from(error: blendfuse_engine::Error) -> Self {
        match error {
            blendfuse_engine::Error::Shape { op, expected, got } => {
                Error::Shape { op, expected, got }
            }
            blendfuse_engine::Error::Read { path, source } => Error::Read { path, source },
            blendfuse_engine::Error::Write { path, source } => Error::Write { path, source },
            blendfuse_engine::Error::File { path, key, reason } => {
                Error::File { path, key, reason }
            }
            other => Error::Engine(other),
        }
    }
}

impl Error {
    /// The shape error of the operation `op`, which takes what `expected` says and was given `got`.
    pub fn shape(op: &'static str, expected: impl Into<String>, got: impl Into<String>) -> Self {
        blendfuse_engine::Error::shape(op, expected, got).into()
    }

    /// A fault of a CSV file, at a line and a column where these are known.
    pub(crate) fn csv(
        path: &Path,
        line: Option<u64>,
        column: Option<&str>,
        reason: String,
    ) -> Self {
        Error::Csv {
            path: path.to_path_buf(),
            line,
            column: column.map(str::to_string),
            reason,
        }
    }

    /// Whether the user's input is at fault (exit code 2) rather than the run (exit code 1).
    pub fn is_input(&self) -> bool {
        !matches!(
            self,
            Error::Engine(_)
                | Error::Write { .. }
                | Error::NonFinite { .. }
                | Error::Trials { .. }
                | Error::Unfinished { .. }
                | Error::Unusable(_)
                | Error::Interrupted(_)
        )
    }

    /// Whether the same work may go well another time, as where a disk was full.
    pub fn may_pass(&self) -> bool {
        matches!(self, Error::Read { .. } | Error::Write { .. })
    }
}
