//! What the program says: results on stdout, everything else on stderr, one line each.

use std::io::{self, Write};
use std::path::PathBuf;

use serde::Serialize;

use crate::{Error, Result};

/// Prints a result. A reader that went away (`| head`) is no fault.
///
/// # Errors
/// [`Error::Write`] if stdout cannot be written for another reason.
pub fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(Error::Write {
            path: PathBuf::from("standard output"),
            source,
        }),
        _ => Ok(()),
    }
}

/// Prints a result as one JSON object.
///
/// # Errors
/// As [`print`].
pub fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Write {
        path: PathBuf::from("standard output"),
        source: error.into(),
    })?;
    print(&(text + "\n"))
}

/// A line on stderr.
pub fn line(text: &str) {
    // Nothing is left to tell if stderr is gone.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Something to know before results are believed.
pub fn warning(text: &str) {
    line(&format!("warning: {}", one_line(text)));
}

/// Something that explains a result.
pub fn note(text: &str) {
    line(&format!("note: {}", one_line(text)));
}

/// What went wrong.
pub fn error(text: &str) {
    line(&format!("error: {}", one_line(text)));
}

fn one_line(text: &str) -> String {
    text.replace(['\n', '\r'], " ")
}
