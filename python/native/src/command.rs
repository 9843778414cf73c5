//! The command, run in Python's process.

use std::ffi::OsString;
use std::path::PathBuf;

use pyo3::prelude::*;

/// Runs the command with these arguments, and gives its exit code; help and wrong usage end the process.
/// `program` is what starts another process of it. To be called once, in a process that does nothing else.
#[pyfunction]
pub fn run_command(py: Python<'_>, program: PathBuf, arguments: Vec<OsString>) -> u8 {
    py.detach(|| blendfuse::cli::main_of(program, arguments))
}
