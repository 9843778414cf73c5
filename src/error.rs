//! The one error type of the library.

use std::borrow::Cow;
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
    at.as_ref().map_or_else(String::new, |at| {
        format!(", {word} {}", one_line(&at.to_string()))
    })
}

/// Most characters of a text that a message repeats.
const LONGEST: usize = 600;

/// A text that may hold what stands in a file: control characters are written as escapes, and of a
/// very long one the middle is left out.
fn one_line(text: &str) -> Cow<'_, str> {
    let length = text.chars().count();
    if length <= LONGEST && !text.contains(char::is_control) {
        return Cow::Borrowed(text);
    }
    let part = |text: &str, from: usize, count: usize| {
        let part = text.chars().skip(from).take(count);
        part.flat_map(|c| {
            let escaped = c.is_control().then(|| c.escape_default());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect::<String>()
    };
    if length <= LONGEST {
        return Cow::Owned(part(text, 0, length));
    }
    let end = LONGEST / 3;
    let (start, end) = (part(text, 0, LONGEST - end), part(text, length - end, end));
    Cow::Owned(format!("{start} … {end}"))
}

/// The library's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// Whether the user's input is at fault (exit code 2) rather than the run (exit code 1).
    pub fn is_input(&self) -> bool {
        !matches!(
            self,
            Error::Write { .. } | Error::NonFinite { .. } | Error::Trials { .. }
        )
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
    }
}
