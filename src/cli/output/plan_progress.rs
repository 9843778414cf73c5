//! Progress of a plan on stderr: one line per trial that ends, and a bar on a terminal.

use std::collections::BTreeMap;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::console;
use super::numbers::{counted, duration};
use super::progress::target;
use crate::plan::planned::Planned;
use crate::plan::result::TrialSummary;
use crate::plan::run::observer::{Begins, PlanObserver, Progress};

/// Shows the progress of a plan.
pub struct PlanProgress {
    bar: ProgressBar,
    running: BTreeMap<String, String>,
    /// Warnings, for the result.
    pub warnings: Vec<String>,
    /// The number of trials, and how many of them already had results.
    pub trials: (usize, usize),
}

impl PlanProgress {
    /// For a plan that has not started.
    pub fn new() -> Self {
        let bar = ProgressBar::with_draw_target(None, target());
        let style = ProgressStyle::with_template("  [{bar:20}] {pos}/{len}  {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self {
            bar,
            running: BTreeMap::new(),
            warnings: Vec::new(),
            trials: (0, 0),
        }
    }

    /// Adds trials and warnings to a result.
    pub fn add_to(&self, value: &mut Value) {
        value["trials"] = json!(self.trials.0);
        value["reused"] = json!(self.trials.1);
        value["warnings"] = json!(self.warnings);
    }

    /// Prints a note.
    pub fn note(&self, text: &str) {
        self.bar.suspend(|| console::note(text));
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| console::progress(text));
    }

    fn show(&self) {
        let running: Vec<&str> = self.running.values().map(String::as_str).collect();
        self.bar.set_message(running.join("; "));
    }

    fn ended(&mut self, planned: &Planned, what: &str, progress: &Progress) {
        self.running.remove(&planned.id);
        self.bar.set_position(progress.done as u64);
        let left = if progress.done == progress.total || !progress.left.is_finite() {
            String::new()
        } else {
            format!(", about {} left", duration(progress.left))
        };
        self.line(&format!(
            "{}/{}  {}  {what}  {}{left}",
            progress.done,
            progress.total,
            name(planned),
            duration(progress.seconds),
        ));
        self.show();
    }
}

/// The display name of a trial: its configuration, fold and seed.
fn name(planned: &Planned) -> String {
    let trial = &planned.trial;
    let fold = match trial.fold {
        Some(fold) => format!("fold {fold}"),
        None => "all clips".to_owned(),
    };
    format!("{}, {fold}, seed {}", planned.label, trial.seed)
}

impl PlanObserver for PlanProgress {
    fn begins(&mut self, begins: &Begins) {
        self.trials.0 += begins.trials;
        self.trials.1 += begins.reused;
        let mut text = counted(begins.trials, "trial");
        if begins.duplicates > 0 {
            text += &format!(" ({} more are duplicates)", begins.duplicates);
        }
        if begins.reused > 0 {
            text += &format!(", {} of them reused", begins.reused);
        }
        let to_do = begins.trials - begins.reused;
        if to_do > 0 && begins.jobs > 0 {
            text += &format!(
                "; {} in parallel on {}",
                begins.jobs,
                counted(begins.threads, "thread")
            );
        }
        self.line(&text);
        self.bar.set_length(begins.trials as u64);
        self.bar.set_position(begins.reused as u64);
    }

    fn adds(&mut self, trials: usize, reused: usize) {
        self.trials.0 += trials;
        self.trials.1 += reused;
        self.bar.inc_length(trials as u64);
        let done = match reused {
            0 => String::new(),
            _ => format!(", {reused} of them reused"),
        };
        self.line(&format!("{} added{done}", counted(trials, "trial")));
    }

    fn epoch(&mut self, planned: &Planned, epoch: usize) {
        let text = format!("{} epoch {epoch}", name(planned));
        self.running.insert(planned.id.clone(), text);
        self.show();
    }

    fn finished(&mut self, planned: &Planned, result: &TrialSummary, progress: &Progress) {
        let what = result
            .headline()
            .unwrap_or_else(|| counted(result.epochs, "epoch"));
        self.ended(planned, &what, progress);
    }

    fn failed(&mut self, planned: &Planned, reason: &str, progress: &Progress) {
        self.ended(planned, "FAILED", progress);
        // The line above is progress, which --quiet suppresses.
        let whose = match console::is_quiet() {
            true => format!("{} failed: ", name(planned)),
            false => "    ".to_owned(),
        };
        let reason = reason.replace(['\n', '\r'], " ");
        self.bar
            .suspend(|| console::line(&format!("{whose}{reason}")));
    }

    fn warning(&mut self, text: &str) {
        if !self.warnings.iter().any(|known| known == text) {
            self.warnings.push(text.to_owned());
            self.bar.suspend(|| console::warning(text));
        }
    }

    fn ends(&mut self) {
        self.running.clear();
        self.bar.set_message("");
        self.bar.set_position(0);
        self.bar.reset();
        self.bar.finish_and_clear();
    }
}
