//! `blendfuse extract`: hands over to the Python package, where the encoders' libraries are.

use std::ffi::OsString;
use std::process::Command;

use clap::Args;

use crate::cli::output::console;
use crate::cli::python;
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
  blendfuse extract NEW_CLIPS --out NEW --like runs/fold0 --test
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
        let python = python::with_package("extract")?;
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
