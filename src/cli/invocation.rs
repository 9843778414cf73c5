//! How the command line was called: by the system as a program, or by another program in its own process, as
//! by the Python package.

use std::ffi::OsString;
use std::io;
use std::path::PathBuf;
use std::sync::OnceLock;

/// A call by another program.
#[derive(Debug)]
struct Call {
    program: PathBuf,
    arguments: Vec<OsString>,
}

static CALL: OnceLock<Call> = OnceLock::new();

/// Notes the program that others can start in place of this one, and its arguments. Only the first call counts:
/// a process is one command.
pub fn set(program: PathBuf, arguments: Vec<OsString>) {
    let _first = CALL.set(Call { program, arguments });
}

/// The arguments, without the program's name.
pub fn arguments() -> Vec<OsString> {
    match CALL.get() {
        Some(call) => call.arguments.clone(),
        None => std::env::args_os().skip(1).collect(),
    }
}

/// The path of the program, to start another of it.
///
/// # Errors
/// Where the system does not tell.
pub fn program() -> io::Result<PathBuf> {
    match CALL.get() {
        Some(call) => Ok(call.program.clone()),
        None => std::env::current_exe(),
    }
}
