//! Progress of a training run on stderr: a bar on a terminal, otherwise one plain line per epoch.

use std::fmt::Write;
use std::io::IsTerminal;
use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressState, ProgressStyle};

use super::console;
use super::numbers::{count, counted, duration, share};
use crate::artifact::history::EpochRecord;
use crate::config::Monitor;
use crate::train::Observer;
use crate::train::step::StepLosses;

/// Shows the progress of a run.
pub struct TrainingProgress {
    bar: ProgressBar,
    max_epochs: usize,
    monitor: Monitor,
    begun: Instant,
    epochs: usize,
    shown: usize,
    loss: f64,
    steps: usize,
    /// Warnings, for the result.
    pub warnings: Vec<String>,
}

impl TrainingProgress {
    /// For a run of at most `max_epochs` epochs that follows this measure.
    pub fn new(max_epochs: usize, monitor: Monitor) -> Self {
        let bar = ProgressBar::with_draw_target(None, target());
        bar.set_style(style("  {prefix} [{bar:20}] step {pos}/{len}  {msg}"));
        Self {
            bar,
            max_epochs,
            monitor,
            begun: Instant::now(),
            epochs: 0,
            shown: 0,
            loss: 0.0,
            steps: 0,
            warnings: Vec::new(),
        }
    }

    fn line(&self, text: &str) {
        self.bar.suspend(|| console::progress(text));
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }

    fn time_left(&self) -> String {
        if self.epochs == 0 {
            return String::new();
        }
        let each = self.begun.elapsed().as_secs_f64() / self.epochs as f64;
        let left = self.max_epochs.saturating_sub(self.shown) as f64 * each;
        format!("  at most {} left", duration(left))
    }
}

impl Observer for TrainingProgress {
    fn warning(&mut self, text: &str) {
        self.warnings.push(text.to_owned());
        self.bar.suspend(|| console::warning(text));
    }

    fn span(&mut self, done: usize, encoders: usize) {
        self.bar.set_length(encoders as u64);
        self.bar.set_position(done as u64);
        self.bar.set_prefix("span of the training rows");
        if done == encoders {
            self.line(&format!(
                "span of the training rows: {} after {}",
                counted(encoders, "encoder"),
                duration(self.begun.elapsed().as_secs_f64())
            ));
            self.begun = Instant::now();
        }
    }

    fn epoch_begins(&mut self, epoch: usize, steps: usize) {
        self.bar.set_length(steps as u64);
        self.bar.set_position(0);
        self.bar
            .set_prefix(format!("epoch {epoch}/{}", self.max_epochs));
        (self.loss, self.steps) = (0.0, 0);
    }

    fn step(&mut self, losses: &StepLosses) {
        self.loss += losses.total;
        self.steps += 1;
        if !self.bar.is_hidden() {
            let mean = self.loss / self.steps as f64;
            self.bar
                .set_message(format!("loss {mean:.4}{}", self.time_left()));
            self.bar.inc(1);
        }
    }

    fn epoch(&mut self, record: &EpochRecord) {
        if self.epochs == 0 {
            self.line(&header(record, self.monitor));
        }
        self.epochs += 1;
        self.shown = record.epoch;
        self.line(&row(record, self.monitor));
    }
}

/// The measure of the last column: the monitor where no other column has it, else the average, which is
/// no measure where ACC_salience is undefined.
fn last_column(record: &EpochRecord, monitor: Monitor) -> (&'static str, Option<f64>) {
    match monitor {
        Monitor::Overlap => ("overlap", record.overlap),
        Monitor::Kl => ("KL", record.kl),
        _ => ("average", record.acc_salience.and(record.average)),
    }
}

fn header(record: &EpochRecord, monitor: Monitor) -> String {
    let mut line = format!("{:>5} {:>6} {:>8} {:>7}", "epoch", "steps", "lr", "loss");
    if record.train_domain_loss.is_some() {
        line += &format!(" {:>7}", "domain");
    }
    if record.val_loss.is_some() {
        line += &format!(
            "  {:>8} {:>8} {:>8} {:>8}",
            "val loss",
            "presence",
            "salience",
            last_column(record, monitor).0
        );
    }
    line
}

fn row(record: &EpochRecord, monitor: Monitor) -> String {
    let mut line = format!(
        "{:>5} {:>6} {:>8.1e} {:>7.4}",
        record.epoch, record.steps, record.lr, record.train_loss
    );
    if let Some(domain) = record.train_domain_loss {
        line += &format!(" {domain:>7.4}");
    }
    if let Some(loss) = record.val_loss {
        line += &format!(
            "  {loss:>8.4} {:>8} {:>8} {:>8}{}",
            share(record.acc_presence),
            share(record.acc_salience),
            share(last_column(record, monitor).1),
            if record.best { " *" } else { "" }
        );
    }
    line
}

/// Where bars are drawn: nowhere with `--quiet` or if stderr is not a terminal.
pub fn target() -> ProgressDrawTarget {
    if console::is_quiet() {
        ProgressDrawTarget::hidden()
    } else {
        ProgressDrawTarget::stderr()
    }
}

/// A bar over bytes; hidden if stderr is not a terminal.
pub fn bytes(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target());
    bar.set_style(style(
        "  [{bar:30}] {bytes}/{total_bytes}  {bytes_per_sec}  {eta} left",
    ));
    bar
}

/// A bar over clips; hidden if stderr is not a terminal.
pub fn clips(total: u64) -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(total), target());
    let template = "  [{bar:30}] {human_pos}/{human_len} clips  {rate}  {eta} left";
    bar.set_style(style(template).with_key("rate", clips_per_second));
    bar
}

fn clips_per_second(state: &ProgressState, out: &mut dyn Write) {
    // Errors while drawing a bar do not matter.
    let _ = write!(out, "{} clips/s", count(state.per_sec() as usize));
}

/// A spinner with a message, for steps that take a while; only on a terminal.
pub fn working(text: &str) -> ProgressBar {
    let bar = if std::io::stderr().is_terminal() && !console::is_quiet() {
        ProgressBar::new_spinner()
    } else {
        ProgressBar::hidden()
    };
    bar.set_message(text.to_owned());
    bar.enable_steady_tick(std::time::Duration::from_millis(120));
    bar
}

/// Shows that data are read while something reads them.
pub fn reading<T>(read: impl FnOnce() -> T) -> T {
    let spinner = working("reading and checking the data");
    let done = read();
    spinner.finish_and_clear();
    done
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
