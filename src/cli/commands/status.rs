//! `blendfuse status`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use crate::Result;
use crate::cli::flags::common::quoted;
use crate::cli::output::console;
use crate::cli::output::numbers::{counted, cut, duration};
use crate::plan::status::Status as PlanStatus;

/// The interval of `--watch`.
const PAUSE: Duration = Duration::from_secs(5);

/// Number of running, and of failed, trials that are listed.
const NAMED: usize = 10;

/// The longest name of a trial.
const NAME_WIDTH: usize = 60;

/// Show a plan's progress and the estimated time left
///
/// Counts the trials that are done, running, failed, stopped and waiting, and lists those that are
/// running or failed. Reads only the plan's folder, so it works for trials that run here, under Slurm
/// or under any other job scheduler.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse status runs/repro
  blendfuse status runs/repro --watch
  blendfuse status runs/repro --json")]
pub struct Status {
    /// Folder of the plan
    #[arg(value_name = "DIR")]
    dir: PathBuf,
    /// Update every 5 seconds until the plan is done or no process is running it
    #[arg(long, conflicts_with = "json")]
    watch: bool,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Status {
    /// Shows the status.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        let mut before = String::new();
        loop {
            let status = PlanStatus::of(&self.dir)?;
            if self.json {
                return console::print_json(&status);
            }
            let text = self.text(&status);
            if text != before {
                console::print(&text)?;
            }
            if !self.watch || !status.is_worked_on() {
                return Ok(());
            }
            before = text;
            std::thread::sleep(PAUSE);
        }
    }

    fn text(&self, status: &PlanStatus) -> String {
        let mut text = format!(
            "{} of {} done, {} running, {} failed, {} stopped, {} waiting",
            status.done,
            counted(status.trials, "trial"),
            status.running.len(),
            status.failed.len(),
            status.stopped,
            status.waiting
        );
        if let Some(seconds) = status.seconds_left {
            text += &format!("; about {} left", duration(seconds));
        }
        text.push('\n');
        if let Some(slurm) = &status.slurm {
            let jobs: Vec<String> = slurm.jobs.iter().map(u64::to_string).collect();
            text += &match jobs.is_empty() {
                true => format!(
                    "Slurm: nothing in the queue; {} submitted\n",
                    counted(slurm.round, "round")
                ),
                false => format!(
                    "Slurm: {} running, {} waiting; jobs {}\n",
                    counted(slurm.running_tasks, "task"),
                    slurm.waiting_tasks,
                    jobs.join(" ")
                ),
            };
        }
        for running in status.running.iter().take(NAMED) {
            text += &format!(
                "  running  {}  {} on {}\n",
                cut(&running.trial.to_string(), NAME_WIDTH),
                counted(running.epochs, "epoch"),
                running.host
            );
        }
        for failed in status.failed.iter().take(NAMED) {
            let reason = failed.reason.replace(['\n', '\r'], " ");
            text += &format!(
                "  failed   {}\n           {reason}\n",
                cut(&failed.trial.to_string(), NAME_WIDTH)
            );
        }
        for (all, what) in [
            (status.running.len(), "running"),
            (status.failed.len(), "failed"),
        ] {
            if all > NAMED {
                text += &format!("  and {} more {what}; --json names them all\n", all - NAMED);
            }
        }
        let dir = quoted(&self.dir);
        text += &match (status.is_done(), status.tables, status.is_worked_on()) {
            (true, true, _) => format!("the tables are in {dir}\n"),
            (true, false, false) => format!("next: blendfuse collect {dir}\n"),
            (false, _, false) => format!(
                "no process is running this plan; resume it with the original command and --resume, or show the results so far: blendfuse collect {dir}\n"
            ),
            _ => String::new(),
        };
        text
    }
}
