//! `blendfuse extract`: hands over to the Python package, where the encoders' libraries are.

use std::env::consts::EXE_SUFFIX;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use clap::Args;

use crate::cli::invocation;
use crate::cli::output::console;
use crate::{Error, Result};

/// Extract feature files from clips
///
/// Decodes clips, runs the encoders of the paper, of the challenge or of your choice on them, and
/// writes one feature file for each encoder, which says how it was made. The encoders' libraries are
/// Python's: the flags are those of `python -m blendfuse.extract`, which this command starts.
#[derive(Args, Debug)]
#[command(after_help = "\
Needs Python 3.10 or newer with: pip install 'blendfuse[extract]'
The Python beside this program is taken, then that of the active environment,
then python3 of the path; BLENDFUSE_PYTHON names another one.

Examples:
  blendfuse extract CLIPS --out DATA --encoders light
  blendfuse extract CLIPS --out DATA --encoders clip,wavlm_large --crop face
  blendfuse extract CLIPS --out DATA --encoders paper --dry-run
  blendfuse extract --list
  blendfuse extract -- --help")]
pub struct Extract {
    /// Clips and flags; `blendfuse extract -- --help` lists them
    #[arg(
        value_name = "ARGUMENTS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    arguments: Vec<OsString>,
    /// Print what was written as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Extract {
    /// Runs the Python command in place of this process, or ends this process with its exit code.
    ///
    /// # Errors
    /// [`Error::Data`] if no Python has the package; [`Error::Read`] if the one that has it does not start.
    pub fn run(&self) -> Result<()> {
        let Some(python) = candidates().into_iter().find(has_package) else {
            return Err(Error::Data(
                "extract needs the Python package: pip install 'blendfuse[extract]' (and name another \
                 Python with BLENDFUSE_PYTHON)"
                    .into(),
            ));
        };
        let mut command = Command::new(&python);
        command
            .args(["-m", "blendfuse.extract"])
            .args(&self.arguments);
        for (is_set, flag) in [(self.json, "--json"), (console::is_quiet(), "--quiet")] {
            if is_set {
                command.arg(flag);
            }
        }
        let source = hand_over(command);
        Err(Error::Read {
            path: python,
            source,
        })
    }
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

/// Becomes `command`; returns the reason if that fails.
#[cfg(unix)]
fn hand_over(mut command: Command) -> std::io::Error {
    std::os::unix::process::CommandExt::exec(&mut command)
}

/// Runs `command` and ends with its exit code; returns the reason if it does not start.
#[cfg(not(unix))]
fn hand_over(mut command: Command) -> std::io::Error {
    match command.status() {
        Ok(status) => std::process::exit(status.code().unwrap_or(1)),
        Err(error) => error,
    }
}
