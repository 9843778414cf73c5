//! Where the trials of a plan run: on this machine or under Slurm.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::common::{at_least_one, whole_number};
use crate::cli::invocation;
use crate::plan::slurm::{Series, Slurm, check_idle};
use crate::{Error, Result};

/// The heading of these flags in the help.
const HEADING: &str = "Execution";

/// How often a trial is retried by default.
const RETRIES: usize = 2;

/// Where trials run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Name {
    /// This machine, now
    #[default]
    Local,
    /// Slurm: submit job arrays and return; see docs/scaling.md
    Slurm,
}

/// The flags of executors.
#[derive(Args, Debug, Default)]
pub struct ExecutorArgs {
    /// Where to run the trials; the results are the same, and a plan can start with one executor and
    /// continue with another
    #[arg(long, value_name = "WHO", value_enum, default_value_t = Name::Local, help_heading = HEADING)]
    executor: Name,
    /// Options for every sbatch, as one argument: --slurm-args '--partition=cpu --time=4:00:00'
    #[arg(long, value_name = "OPTIONS", allow_hyphen_values = true, help_heading = HEADING)]
    slurm_args: Option<String>,
    /// With Slurm: maximum number of tasks at a time
    #[arg(long, value_name = "N", value_parser = at_least_one, help_heading = HEADING)]
    array_limit: Option<NonZeroUsize>,
    /// With Slurm: how often to retry a trial that failed or whose process ended without a result;
    /// stopping with the state saved does not count [default: 2]
    #[arg(long, value_name = "N", value_parser = whole_number, help_heading = HEADING)]
    retries: Option<usize>,
}

/// What the flags come to.
#[derive(Debug)]
pub enum Executor {
    /// This process.
    Local,
    /// Jobs of Slurm.
    Slurm(Box<Slurm>),
}

impl ExecutorArgs {
    /// The executor of the plan in a folder.
    ///
    /// # Errors
    /// [`Error::Data`] for flags of Slurm without it, and where jobs of the plan are in Slurm's queue.
    pub fn decide(&self, folder: &Path) -> Result<Executor> {
        check_idle(folder)?;
        match self.executor {
            Name::Local => self.local(),
            Name::Slurm => self.slurm(folder),
        }
    }

    /// The first of Slurm's flags that was given.
    fn of_slurm(&self) -> Option<&'static str> {
        let given = [
            ("--slurm-args", self.slurm_args.is_some()),
            ("--array-limit", self.array_limit.is_some()),
            ("--retries", self.retries.is_some()),
        ];
        let given = given.into_iter().find(|(_, given)| *given);
        given.map(|(flag, _)| flag)
    }

    /// Refuses to be given where nothing is run.
    ///
    /// # Errors
    /// [`Error::Data`] naming the flag.
    pub fn check_not_given(&self) -> Result<()> {
        let executor = (self.executor != Name::Local).then_some("--executor");
        match executor.or(self.of_slurm()) {
            Some(flag) => Err(Error::Data(format!(
                "{flag}: has no effect with plan, which runs nothing; give it to the command itself, without plan"
            ))),
            None => Ok(()),
        }
    }

    fn local(&self) -> Result<Executor> {
        match self.of_slurm() {
            Some(flag) => Err(Error::Data(format!(
                "{flag}: requires --executor slurm; add that, or leave {flag} out"
            ))),
            None => Ok(Executor::Local),
        }
    }

    fn slurm(&self, folder: &Path) -> Result<Executor> {
        let text = self.slurm_args.as_deref().unwrap_or_default();
        let words = shlex::split(text).ok_or_else(|| {
            Error::Data(format!(
                "--slurm-args {text}: unclosed quote; expected shell-quoted options"
            ))
        })?;
        let limit = self.array_limit.map(NonZeroUsize::get);
        let series = Series::begin(folder, words, limit, self.retries.unwrap_or(RETRIES))?;
        Ok(Executor::Slurm(Box::new(Slurm {
            series,
            continued: false,
            program: this_program()?,
        })))
    }
}

/// The program that jobs run.
///
/// # Errors
/// [`Error::Read`] where the system does not tell.
pub fn this_program() -> Result<PathBuf> {
    invocation::program().map_err(|source| Error::Read {
        path: PathBuf::from("the program itself"),
        source,
    })
}
