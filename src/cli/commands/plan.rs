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
use crate::cli::flags::plan::PlanArgs;
use crate::cli::invocation;
use crate::cli::output::console;
use crate::cli::output::numbers::{bytes, counted};
use crate::cli::study::FollowedStudy;
use crate::plan::store::description::PlanDescription;
use crate::plan::store::list::{ListedTrial, listed};
use crate::report::StudyReport;
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
        let print = self.print;
        match (self.of, self.repro.0) {
            (Some(PlanOf::Cv(command)), _) => {
                let (plan, study) = command.into_parts();
                list(&plan, study, print)
            }
            (Some(PlanOf::Ablate(command)), _) => {
                let (plan, study) = command.into_parts();
                list(&plan, study, print)
            }
            (Some(PlanOf::Sweep(command)), _) => {
                let (plan, study) = command.into_parts()?;
                list(&plan, study, print)
            }
            (Some(PlanOf::Tune(command)), _) => {
                let (plan, study) = command.into_parts()?;
                list(&plan, study, print)
            }
            (Some(PlanOf::Baseline(command)), _) => {
                let (plan, study) = command.into_parts()?;
                list(&plan, study, print)
            }
            (Some(PlanOf::Repro(command)), _) | (None, Some(command)) => {
                let (plan, study) = command.into_parts()?;
                list(&plan, study, print)
            }
            (None, None) => Err(Error::Data(
                "plan: expected a data folder, as in blendfuse plan cv DATA --out DIR".into(),
            )),
        }
    }
}

fn list<S: StudyReport>(plan: &PlanArgs, study: S, print: bool) -> Result<()> {
    plan.executor.check_not_given()?;
    let mut study = FollowedStudy::new(plan.open(study, true)?);
    let waiting = study.release()?;
    // The scheduler may start each line in any folder, on any machine.
    let out = std::path::absolute(&plan.out).unwrap_or_else(|_| plan.out.clone());
    let description = PlanDescription::read(&out)?;
    let command = |trial: &ListedTrial| work(&out, &description, trial);
    let trials = listed(&out)?.len();
    if plan.json {
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
    let most = waiting.iter().map(|trial| trial.memory_mib).max();
    console::note(&match (most, study.pending()) {
        (Some(most), _) => format!(
            "{} of {} are waiting; each needs up to {} of memory",
            waiting.len(),
            counted(trials, "trial"),
            bytes(most << 20)
        ),
        (None, 0) => format!(
            "nothing is left to train; the tables are in {}",
            quoted(&out)
        ),
        (None, running) => format!("{} are running", counted(running, "trial")),
    });
    Ok(())
}

/// The command line that runs a trial. The kernel is part of a trial's name, so it is named too.
fn work(folder: &Path, plan: &PlanDescription, trial: &ListedTrial) -> String {
    let program = invocation::program().unwrap_or_else(|_| PathBuf::from("blendfuse"));
    format!(
        "env BLENDFUSE_KERNEL={} {} work {} {}",
        plan.kernel,
        quoted(&program),
        quoted(folder),
        trial.id
    )
}
