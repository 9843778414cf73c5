//! The Python that has the package `blendfuse.extract`, where the encoders' libraries are.

use std::env::consts::EXE_SUFFIX;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use super::invocation;
use crate::{Error, Result};

/// The Python with the package: the one beside this program, that of the active environment, or that of
/// the path; or the one that `BLENDFUSE_PYTHON` names. `what` is what needs it, for the message.
///
/// # Errors
/// [`Error::Data`] if none of them has the package, with what to install.
pub fn with_package(what: &str) -> Result<PathBuf> {
    candidates().into_iter().find(has_package).ok_or_else(|| {
        Error::Data(format!(
            "{what} needs the Python package: pip install 'blendfuse[extract]' (and name another \
                 Python with BLENDFUSE_PYTHON)"
        ))
    })
}

/// The Pythons that may have the package, the likeliest first.
fn candidates() -> Vec<PathBuf> {
    let named = std::env::var_os("BLENDFUSE_PYTHON").map(PathBuf::from);
    if let Some(python) = named.filter(|python| !python.as_os_str().is_empty()) {
        return vec![python];
    }
    let python = format!("python{EXE_SUFFIX}");
    let beside = invocation::program()
        .ok()
        .map(|program| program.with_file_name(&python));
    let folder = if cfg!(windows) { "Scripts" } else { "bin" };
    let environment = std::env::var_os("VIRTUAL_ENV")
        .map(|environment| PathBuf::from(environment).join(folder).join(&python));
    let there = beside
        .into_iter()
        .chain(environment)
        .filter(|python| python.is_file());
    there
        .chain(["python3", "python"].map(PathBuf::from))
        .collect()
}

/// Whether a Python has the package; without importing any of the encoders' libraries.
fn has_package(python: &PathBuf) -> bool {
    let probe = "import importlib.util, sys; sys.exit(importlib.util.find_spec('blendfuse.extract') is None)";
    let mut command = Command::new(python);
    command
        .args(["-c", probe])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}
