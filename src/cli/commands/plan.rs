//! `blendfuse plan`.

use std::path::{Path, PathBuf};

use clap::{ArgMatches, Args, FromArgMatches, Subcommand};
use serde_json::json;

use super::ablate::Ablate;
use super::baseline::Baseline;
use super::cv::CrossValidate;
use super::repro::Repro;
use super::sweep::{Sweep, Tune};
use crate::cli::flags::common::quoted;
use crate::cli::flags::executor::ExecutorArgs;
use crate::cli::flags::plan::PlanCommand;
use crate::cli::output::console;
use crate::cli::output::numbers::{bytes, counted};
use crate::plan::Executor;
use crate::plan::run::executor::Waiting;
use crate::plan::store::plan_folder::{Description, Listed, listed};
use crate::{Error, Result};

/// Print the trials of a plan as commands for any job scheduler
///
/// Takes an experiment command with its flags, but trains nothing. With --print, prints one
/// `blendfuse work` command per trial; run them in any order, on any machines that share the folder.
/// Trials that depend on their results (such as models trained on all clips) are listed the next time;
/// when none are left, plan writes the tables, as the command itself would. The default command is
/// `repro`.
#[derive(Args, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    subcommand_value_name = "COMMAND",
    subcommand_help_heading = "Experiment commands",
    disable_help_subcommand = true,
    after_help = "\
Examples:
  blendfuse plan cv DATA --out runs/cv
  blendfuse plan cv DATA --out runs/cv --print | parallel -j 8
  blendfuse plan DATA --out runs/repro --seeds 5 --print > commands
  blendfuse status runs/cv
  blendfuse collect runs/cv

The first prints how many trials are waiting and how much memory one needs.
Recipes for GNU parallel, HyperQueue, Ray and make: docs/scaling.md"
)]
pub struct Plan {
    // Before the subcommand, which is removed from the matches when it is read.
    #[command(flatten)]
    repro: Unnamed,
    #[command(subcommand)]
    of: Option<PlanOf>,
    /// Print one command per waiting trial
    #[arg(long, global = true)]
    print: bool,
}

/// `repro`, if no command is named: its flags and arguments are accepted beside the commands.
#[derive(Debug)]
struct Unnamed(Option<Box<Repro>>);

impl FromArgMatches for Unnamed {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        match matches.subcommand_name() {
            Some(_) => Ok(Self(None)),
            None => Repro::from_arg_matches(matches).map(|repro| Self(Some(Box::new(repro)))),
        }
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for Unnamed {
    fn augment_args(command: clap::Command) -> clap::Command {
        Repro::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        Repro::augment_args_for_update(command)
    }
}

#[derive(Debug, Subcommand)]
enum PlanOf {
    Cv(Box<CrossValidate>),
    Sweep(Box<Sweep>),
    Tune(Box<Tune>),
    Ablate(Box<Ablate>),
    Baseline(Box<Baseline>),
    Repro(Box<Repro>),
}

impl Plan {
    /// Plans.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run(self) -> Result<()> {
        let command: Box<dyn PlanCommand> = match (self.of, self.repro.0) {
            (Some(PlanOf::Cv(command)), _) => command,
            (Some(PlanOf::Sweep(command)), _) => command,
            (Some(PlanOf::Tune(command)), _) => command,
            (Some(PlanOf::Ablate(command)), _) => command,
            (Some(PlanOf::Baseline(command)), _) => command,
            (Some(PlanOf::Repro(command)), _) => command,
            (None, Some(repro)) => repro,
            (None, None) => {
                return Err(Error::Data(
                    "plan: expected a data folder, as in blendfuse plan cv DATA --out DIR".into(),
                ));
            }
        };
        list(command, self.print)
    }
}

fn list(mut command: Box<dyn PlanCommand>, print: bool) -> Result<()> {
    let plan = command.plan();
    plan.executor.check_not_given()?;
    plan.resume = true;
    plan.executor = ExecutorArgs::of(Executor::Listed(Waiting::default()));
    let (out, as_json) = (plan.out.clone(), plan.json);
    match command.run() {
        Ok(()) | Err(Error::HandedOn(_)) => {}
        Err(error) => return Err(error),
    }
    let waiting = match command.plan().executor.decided() {
        Executor::Listed(waiting) => waiting.trials(),
        _ => Vec::new(),
    };
    // The scheduler may start each line in any folder, on any machine.
    let out = std::path::absolute(&out).unwrap_or(out);
    let description = Description::read(&out)?;
    let command = |trial: &Listed| work(&out, &description, trial);
    let trials = listed(&out)?.len();
    if as_json {
        let waiting: Vec<_> = waiting
            .iter()
            .map(|trial| {
                let mut value = json!(trial);
                value["command"] = json!(command(trial));
                value
            })
            .collect();
        return console::print_json(&json!({ "out": out, "trials": trials, "waiting": waiting }));
    }
    if print {
        let lines: Vec<String> = waiting.iter().map(|trial| command(trial) + "\n").collect();
        console::print_raw(&lines.concat())?;
    }
    if waiting.is_empty() {
        console::note(&format!(
            "nothing is left to train; the tables are in {}",
            quoted(&out)
        ));
        return Ok(());
    }
    let most = waiting.iter().map(|trial| trial.memory_mib).max();
    console::note(&format!(
        "{} of {} are waiting; each needs up to {} of memory",
        waiting.len(),
        counted(trials, "trial"),
        bytes(most.unwrap_or_default() << 20)
    ));
    Ok(())
}

/// The command line that runs a trial. The kernel is part of a trial's name, so it is named too.
fn work(folder: &Path, plan: &Description, trial: &Listed) -> String {
    let program = std::env::current_exe().unwrap_or_else(|_| PathBuf::from("blendfuse"));
    format!(
        "env BLENDFUSE_KERNEL={} {} work {} {}",
        plan.kernel,
        quoted(&program),
        quoted(folder),
        trial.id
    )
}
