//! `blendfuse train`.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::time::Instant;

use clap::Args;
use serde::Serialize;

use crate::artifact::fault::TrainingFault;
use crate::artifact::manifest::{ClipCounts, Manifest};
use crate::cli::flags::common::{
    ConfigArgs, Threads, at_least_one, check_new_folder, holds_anything, quoted, whole_number,
};
use crate::cli::interrupt;
use crate::cli::output::console;
use crate::cli::output::event_log::EventLog;
use crate::cli::output::new_folds;
use crate::cli::output::numbers::{beta, count, counted, duration, share, threshold};
use crate::cli::output::progress::{TrainingProgress, working};
use crate::cli::output::remedy::in_flags;
use crate::config::Monitor;
use crate::data::dataset::Dataset;
use crate::data::task::Task;
use crate::experiments::trivial::{TRIVIAL, TrivialScores};
use crate::train::{Options, Outcome, Run, SavedWeights};
use crate::{Error, Result};

/// Train the fusion model on a data folder
///
/// With --fold K, fold K is the validation fold: it decides the best epoch, early stopping and the
/// decoding thresholds. Without --fold, all clips are used for training and the last epoch is kept.
#[derive(Args, Debug)]
#[command(after_help = "\
Writes into --out: weights.safetensors (best epoch; opens in PyTorch),
last.safetensors, history.csv, history.jsonl, manifest.json (configuration,
seed, versions, hashes of the inputs). View the output of --log-dir with
`tensorboard --logdir logs`.

Examples:
  blendfuse train DATA --out runs/fold0 --fold 0
  blendfuse train DATA --out runs/uda --fold 0 --set uda.enabled=true --seed 3
  blendfuse train DATA --out runs/all --set train.max_epochs=14 \\
      --set decode.presence_threshold=0.2 --set decode.salience_threshold=0.06
  blendfuse train DATA --out runs/fold0 --fold 0 --log-dir logs/fold0
  blendfuse train DATA --out runs/fold0 --fold 0 --resume
  blendfuse train DATA --out runs/votes --folds 5 --fold 0 --normalise-labels")]
pub struct Train {
    /// Data folder: train_metadata.csv, features/train/NAME.npz, … (docs/formats.md)
    data: PathBuf,
    /// Folder for the run's files; created if needed, must be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Validate on this fold and train on the others [default: train on all clips]
    #[arg(long, value_name = "K", value_parser = whole_number)]
    fold: Option<usize>,
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    threads: Threads,
    /// Start from these weights instead of random ones (safetensors, names as in docs/formats.md)
    #[arg(long, value_name = "WEIGHTS.safetensors")]
    init: Option<PathBuf>,
    /// Stop after N optimiser steps
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    max_steps: Option<NonZeroUsize>,
    /// Keep the clips in the order of the metadata in every epoch, for step-by-step comparisons
    #[arg(long)]
    no_shuffle: bool,
    /// Check every value, gradient and weight of every step, and name the operation where the first
    /// non-finite value appears; slower, does not affect results
    #[arg(long)]
    detect_anomaly: bool,
    /// Resume the interrupted run in --out, with the same data and configuration; the result is
    /// bit-identical to that of an uninterrupted run
    #[arg(long)]
    resume: bool,
    /// Folder for TensorBoard event files: losses, accuracies, learning rate and temperature, and
    /// with --fold histograms of the gate weights
    #[arg(long, value_name = "DIR")]
    log_dir: Option<PathBuf>,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// The number of encoders, and how many of them are kept for a clip.
fn encoders(total: usize, top_k: usize) -> String {
    let kept = if top_k < total {
        format!("{top_k} kept per clip")
    } else {
        format!("all kept for every clip: model.top_k={top_k}")
    };
    format!("{} ({kept})", counted(total, "encoder"))
}

/// The result as JSON.
#[derive(Serialize)]
struct Report<'a> {
    out: &'a PathBuf,
    weights: PathBuf,
    fold: Option<usize>,
    seed: u64,
    epochs: usize,
    best_epoch: usize,
    steps: usize,
    stopped: &'a str,
    train_loss: Option<f64>,
    val_loss: Option<f64>,
    acc_presence: Option<f64>,
    acc_salience: Option<f64>,
    salience_defined: bool,
    average: Option<f64>,
    kl: Option<f64>,
    overlap: Option<f64>,
    monitor: Monitor,
    presence_threshold: f64,
    salience_threshold: f64,
    alpha: f64,
    beta: f64,
    parameters: usize,
    clips: ClipCounts,
    kernel: &'a str,
    threads: usize,
    seconds: f64,
    warnings: &'a [String],
    usable: bool,
    fault: Option<&'a TrainingFault>,
}

impl Train {
    /// Trains.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        let config = self.config.load()?;
        if self.resume {
            if !holds_anything(&self.out) {
                check_new_folder(&self.out, "")?;
                console::note(&format!(
                    "--resume: there is nothing in {} yet; starting a new run",
                    self.out.display()
                ));
            }
        } else {
            check_new_folder(&self.out, ", or use --resume to continue the run there")?;
        }
        let begun = Instant::now();
        let spinner = working("reading and checking the data");
        let dataset = Dataset::open_configured(&self.data, &config.data);
        spinner.finish_and_clear();
        let dataset = dataset?;
        for note in dataset.notes() {
            console::warning(&in_flags(&note));
        }
        let options = Options {
            fold: self.fold,
            init: self.init.clone(),
            max_steps: self.max_steps.map(NonZeroUsize::get),
            no_shuffle: self.no_shuffle,
            detect_anomaly: self.detect_anomaly,
            resume: self.resume,
            shared_spans: None,
            stop: interrupt::stop_on_signal(),
            finish_when_stopped: false,
            saved: SavedWeights::BestAndLast,
            scores: false,
            scratch: false,
            inputs: None,
        };
        let run = Run::prepare(&dataset, &config, options)?;
        let clips = run.clips();
        console::progress(&format!(
            "task: {}",
            task_in_words(&dataset.task(), run.monitor())
        ));
        console::progress(&format!(
            "{}, {}, {} parameters\ntraining on {}{}",
            encoders(dataset.encoders.len(), config.model.top_k),
            plural(dataset.classes.len(), "class", "classes"),
            count(run.parameters()),
            counted(clips.train, "clip"),
            match self.fold {
                Some(fold) => format!(", validating on {} of fold {fold}", count(clips.validation)),
                None => String::new(),
            }
        ));
        let mut progress = TrainingProgress::new(config.train.max_epochs, run.monitor());
        let encoders = dataset.encoders.iter().map(|encoder| encoder.name.clone());
        let mut log = EventLog::new(
            &mut progress,
            self.log_dir.as_deref(),
            self.resume,
            encoders.collect(),
        )?;
        let outcome = run.train(&self.out, &mut log);
        let logged = log.finish();
        progress.finish();
        let outcome = outcome?;
        logged?;
        if let Some(path) = new_folds::write(&dataset, &self.out)? {
            console::note(&new_folds::text(&dataset, &path));
        }
        if let Some(fold) = self.fold {
            TrivialScores::of(&dataset, &[fold])?.write(&self.out.join(TRIVIAL))?;
        }
        let seconds = begun.elapsed().as_secs_f64();
        if self.json {
            console::print_json(&self.report(&outcome, seconds, &progress))?;
        } else {
            let by = config.data.standardize;
            let has_test = dataset.scored_test(by).is_some();
            console::print(&self.text(&outcome, seconds, has_test))?;
        }
        match outcome.manifest.fault {
            Some(fault) if !fault.usable => Err(Error::Unusable(fault.text)),
            Some(fault) => {
                console::warning(&fault.text);
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn report<'a>(
        &'a self,
        outcome: &'a Outcome,
        seconds: f64,
        progress: &'a TrainingProgress,
    ) -> Report<'a> {
        let manifest = &outcome.manifest;
        let best = manifest.best.as_ref();
        let measured = best.is_some_and(|best| best.acc_presence.is_some());
        let acc_salience = best.and_then(|best| best.acc_salience);
        Report {
            out: &self.out,
            weights: self.out.join("weights.safetensors"),
            fold: manifest.fold,
            seed: manifest.seed,
            epochs: outcome.history.len(),
            best_epoch: manifest.best_epoch,
            steps: outcome.history.last().map_or(0, |last| last.steps),
            stopped: &manifest.stopped,
            train_loss: best.map(|best| best.train_loss),
            val_loss: best.and_then(|best| best.val_loss),
            acc_presence: best.and_then(|best| best.acc_presence),
            acc_salience: acc_salience.or(measured.then_some(0.0)),
            salience_defined: acc_salience.is_some(),
            average: best.and_then(|best| best.average),
            kl: best.and_then(|best| best.kl),
            overlap: best.and_then(|best| best.overlap),
            monitor: manifest.config.train.monitor,
            presence_threshold: manifest.thresholds.presence,
            salience_threshold: manifest.thresholds.salience,
            alpha: manifest.thresholds.alpha,
            beta: manifest.thresholds.beta,
            parameters: manifest.parameters,
            clips: manifest.clips,
            kernel: &manifest.environment.kernel,
            threads: manifest.environment.threads,
            seconds,
            warnings: &progress.warnings,
            usable: manifest.fault.as_ref().is_none_or(|fault| fault.usable),
            fault: manifest.fault.as_ref(),
        }
    }

    fn text(&self, outcome: &Outcome, seconds: f64, has_test: bool) -> String {
        let manifest = &outcome.manifest;
        let out = quoted(&self.out);
        let mut text = format!(
            "\n{} in {}: {}\n",
            counted(outcome.history.len(), "epoch"),
            duration(seconds),
            manifest.stopped
        );
        if let Some(best) = manifest.best.as_ref().filter(|best| best.average.is_some()) {
            text += &format!(
                "best epoch {}: ACC_presence {}  ACC_salience {}  average {}{}\n",
                manifest.best_epoch,
                share(best.acc_presence),
                share(best.acc_salience),
                share(best.acc_salience.and(best.average)),
                match manifest.config.train.monitor {
                    Monitor::Overlap => format!("  overlap {}", share(best.overlap)),
                    Monitor::Kl => format!("  KL divergence {}", share(best.kl)),
                    _ => String::new(),
                }
            );
        }
        text += &thresholds(manifest);
        text += &format!(
            "wrote {out}/: weights.safetensors, last.safetensors, history.csv, manifest.json\n"
        );
        text += "next:\n";
        let data = quoted(&self.data);
        if has_test {
            text +=
                &format!("  blendfuse predict {out} {data} --split test --out predictions.zip\n");
        }
        if manifest.fold.is_some() {
            text += &format!(
                "  blendfuse predict {out} {data} --split train --held-out \\\n      --out held_out.json --explain held_out.csv\n"
            );
        }
        text
    }
}

/// The task, and the measure that decides which epoch is best.
fn task_in_words(task: &Task, monitor: Monitor) -> String {
    format!("{}\nmonitor: {}", task.in_words(), monitor.name())
}

fn thresholds(manifest: &Manifest) -> String {
    let chosen = manifest.thresholds;
    let config = &manifest.config.decode;
    let why = if chosen.searched {
        "chosen on the validation fold"
    } else if config.presence_threshold.is_some()
        && config.salience_threshold.is_some()
        && config.alpha.is_some()
    {
        "as configured"
    } else {
        "untuned defaults; --fold chooses them"
    };
    format!(
        "thresholds: presence {}, salience {}, alpha {}{} ({why})\n",
        threshold(chosen.presence),
        threshold(chosen.salience),
        threshold(chosen.alpha),
        beta(chosen.beta)
    )
}

fn plural(n: usize, one: &str, many: &str) -> String {
    format!("{} {}", count(n), if n == 1 { one } else { many })
}
