//! The one error type of the library.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

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
    #[error("{}{}: {}", origin(.field), one_line(.field), one_line(.reason))]
    Config {
        /// The dotted key, or a flag with its dashes.
        field: String,
        /// What was found, what is allowed.
        reason: String,
    },
    /// Data that is well formed but cannot be used as asked (no such fold, a clip without features).
    #[error("{0}")]
    Data(String),
    /// A folder that contains no trained model.
    #[error("{}: contains no weights.safetensors; expected the folder of a trained model", path.display())]
    NotAModel {
        /// The folder.
        path: PathBuf,
    },
    /// Failed trials of a plan; the others were run.
    #[error(
        "{failed} of {total} trials failed: {reasons}; the others are kept, --resume retries these"
    )]
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

/// The source of a setting; the name of a flag is enough.
fn origin(field: &str) -> &'static str {
    if field.starts_with("--") {
        ""
    } else {
        "configuration: "
    }
}

fn position<T: std::fmt::Display>(word: &str, at: &Option<T>) -> String {
    at.as_ref().map_or_else(String::new, |at| {
        format!(", {word} {}", shortened(&at.to_string(), LONGEST_NAME))
    })
}

/// Most characters of a name that a message repeats.
const LONGEST_NAME: usize = 120;

/// Most characters of another text that a message repeats.
const LONGEST: usize = 600;

fn one_line(text: &str) -> Cow<'_, str> {
    shortened(text, LONGEST)
}

/// Text for a message, possibly from a file: control characters are escaped, and if the result is longer
/// than `longest` characters, its middle is left out.
fn shortened(text: &str, longest: usize) -> Cow<'_, str> {
    let escapes = text.contains(char::is_control);
    if !escapes && text.chars().count() <= longest {
        return Cow::Borrowed(text);
    }
    let pieces: Vec<String> = text.chars().map(visible).collect();
    let length = |pieces: &[String]| {
        pieces
            .iter()
            .map(|piece| piece.chars().count())
            .sum::<usize>()
    };
    if length(&pieces) <= longest {
        return Cow::Owned(pieces.concat());
    }
    let end = longest / 3;
    let fitting = |pieces: &mut dyn Iterator<Item = &String>, room: usize| {
        let mut used = 0;
        let fits = |piece: &&String| {
            used += piece.chars().count();
            used <= room
        };
        pieces.take_while(fits).count()
    };
    let first = fitting(&mut pieces.iter(), longest - end);
    let last = fitting(&mut pieces.iter().rev(), end);
    let (start, end) = (&pieces[..first], &pieces[pieces.len() - last..]);
    Cow::Owned(format!("{} … {}", start.concat(), end.concat()))
}

/// A character, escaped if it is a control character.
fn visible(c: char) -> String {
    if c.is_control() {
        c.escape_default().to_string()
    } else {
        c.to_string()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_a_file_cannot_break_a_message_into_lines_nor_fill_the_screen() {
        let error = |array: &str, reason: String| {
            let path = "a.npz".into();
            let array = Some(array.to_owned());
            Error::Npz {
                path,
                array,
                reason,
            }
            .to_string()
        };
        assert_eq!(
            error("X\n\u{1b}[2J", "tab\there".into()),
            "a.npz, array X\\n\\u{1b}[2J: tab\\there"
        );
        let long = error("X", format!("{}: write it again", "é".repeat(100_000)));
        assert!(long.chars().count() < LONGEST + 30, "{}", long.len());
        assert!(long.ends_with("é: write it again"), "{long}");
        assert_eq!(error("é", "größe".into()), "a.npz, array é: größe");
        // Escapes count as they are written.
        let escaped = error(&"\0".repeat(100_000), "\0".repeat(100_000));
        let length = escaped.chars().count();
        assert!(length < LONGEST + LONGEST_NAME + 30, "{length}");
        assert!(escaped.ends_with("\\u{0}"), "{escaped}");
    }
}
