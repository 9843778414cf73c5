//! `blendfuse demo`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::Args;
use serde_json::json;

use crate::cli::flags::common::{Threads, check_new_folder, holds_anything, quoted};
use crate::cli::output::numbers::{PlainTable, count, counted, duration, share};
use crate::cli::output::progress::TrainingProgress;
use crate::cli::output::score::Score;
use crate::cli::output::{console, progress};
use crate::config::Config;
use crate::data::dataset::{Dataset, Split};
use crate::data::label::{Blend, Classes};
use crate::data::synth::{self, Preset, SynthOptions};
use crate::eval::frequency::Frequencies;
use crate::eval::join::join;
use crate::eval::metrics::Accuracy;
use crate::eval::probabilities::ProbabilityTable;
use crate::eval::submission::Predictions;
use crate::eval::truth::Truths;
use crate::formats::npz::write::Precision;
use crate::predict::{Predictor, explain};
use crate::train::{Options, Outcome, Run};
use crate::{Error, Result};

/// The default output folder.
const FOLDER: &str = "blendfuse-demo";

/// Run the whole pipeline on synthetic data: train, predict, score
///
/// Writes a small synthetic data set, trains on four of its folds with domain adaptation to the
/// unlabelled test split, predicts the test split, and scores it beside the two trivial baselines.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse demo
  blendfuse demo --out /tmp/demo --seed 3 --json")]
pub struct Demo {
    /// Folder for data, run and predictions, new or empty [default: blendfuse-demo, or
    /// blendfuse-demo-2, … if it is not empty]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Random seed of data and training
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Synthetic training clips, 94 or more; fewer are faster and less accurate
    #[arg(long, value_name = "N", default_value_t = 2456)]
    clips: usize,
    #[command(flatten)]
    threads: Threads,
    /// Print scores and paths as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// The results of the demo.
struct Shown {
    outcome: Outcome,
    model: Accuracy,
    single: (Blend, Accuracy),
    blend: (Blend, Accuracy),
}

impl Demo {
    /// Demonstrates.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        let out = self.folder()?;
        let begun = Instant::now();
        let options = SynthOptions {
            seed: self.seed,
            train_clips: self.clips,
            width_divisor: 32,
            precision: Precision::F16,
            ..SynthOptions::preset(Preset::Small)
        };
        let data = out.join("data");
        let bytes = synth::planned_bytes(&options).map_err(|error| match error {
            // The one of these options that has a flag here, under another name.
            Error::Config { reason, .. } => Error::Data(format!("--clips: {reason}")),
            other => other,
        })?;
        let bar = progress::bytes(bytes);
        let written = synth::write(&data, &options, &|bytes| bar.inc(bytes));
        bar.finish_and_clear();
        let written = written?;
        let shown = self.show(&out, &data, &written.test_truth)?;
        let seconds = begun.elapsed().as_secs_f64();
        if self.json {
            return console::print_json(&json!({
                "out": out,
                "acc_presence": shown.model.presence(),
                "acc_salience": shown.model.salience(),
                "average": shown.model.average(),
                "model": Score::from(&shown.model),
                "trivial_single": Score::from(&shown.single.1),
                "trivial_blend": Score::from(&shown.blend.1),
                "epochs": shown.outcome.history.len(),
                "parameters": shown.outcome.manifest.parameters,
                "seconds": seconds,
            }));
        }
        console::print(&text(&out, &written, &shown, seconds))
    }

    /// The requested folder, or the first free default name.
    fn folder(&self) -> Result<PathBuf> {
        if let Some(out) = &self.out {
            check_new_folder(out, "")?;
            return Ok(out.clone());
        }
        let taken = |path: &PathBuf| path.is_file() || holds_anything(path);
        let numbered = (2..).map(|n| PathBuf::from(format!("{FOLDER}-{n}")));
        let mut names = std::iter::once(PathBuf::from(FOLDER)).chain(numbered);
        // Ends: no folder holds infinitely many entries.
        Ok(names.find(|path| !taken(path)).unwrap_or_default())
    }

    fn show(&self, out: &Path, data: &Path, truth: &Path) -> Result<Shown> {
        let settings = [
            "uda.enabled=true",
            "model.projection_dim=64",
            "model.shared_dim=128",
            "model.gate_hidden=32",
            "model.head_hidden=64",
            "model.top_k=8",
            "train.lr=0.001",
            "train.max_epochs=30",
        ];
        let config = Config::load(None, &settings.map(str::to_owned), Some(self.seed))?;
        let dataset = Dataset::open_configured(data, &config.data)?;
        let options = Options {
            fold: Some(0),
            ..Options::default()
        };
        let run = out.join("run");
        let prepared = Run::prepare(&dataset, &config, options)?;
        let mut progress = TrainingProgress::new(config.train.max_epochs, prepared.monitor());
        let outcome = prepared.train(&run, &mut progress);
        progress.finish();
        let outcome = outcome?;

        let model = Predictor::load(&run)?;
        let test = dataset
            .test
            .as_ref()
            .ok_or_else(|| Error::Data("the demo has no test split".into()))?;
        let predictions = predict(out, &model, test)?;

        let truths = Truths::from_metadata(truth, &model.classes())?;
        let joined = join(&predictions.clips, &truths.clips)?;
        let always = |answer: &Blend| {
            let pairs = joined.pairs.iter().map(|(truth, _)| (*truth, answer));
            (answer.clone(), Accuracy::of(pairs))
        };
        let clips = dataset.train.clips.iter();
        let frequent = Frequencies::of(clips.filter_map(|clip| clip.truth.as_ref()));
        let (Some((single, _)), Some((blend, _))) =
            (frequent.singles.first(), frequent.blends.first())
        else {
            return Err(Error::Data("the demo has no labels".into()));
        };
        Ok(Shown {
            model: Accuracy::of(joined.pairs.iter().copied()),
            single: always(single),
            blend: always(blend),
            outcome,
        })
    }
}

/// Predicts the test split, and writes what `predict` can write.
fn predict(out: &Path, model: &Predictor, test: &Split) -> Result<Predictions> {
    let clips: Vec<usize> = (0..test.len()).collect();
    let scores = model.score(test, &clips, &[])?;
    let classes = model.classes();
    let decoder = model.description().decoder();
    let decisions = decoder.decode(scores.aligned.view(), &classes)?;
    explain::write_csv(
        &out.join("explain.csv"),
        model,
        test,
        (&clips, &scores, &decisions),
        &[],
        &decoder,
    )?;
    let names = test.clips.iter().map(|clip| clip.filename.clone());
    let names: Vec<String> = names.collect();
    let table = ProbabilityTable {
        filenames: names.clone(),
        classes: classes.clone(),
        presence: Some(scores.presence),
        salience: Some(scores.salience),
        aligned: scores.aligned,
    };
    table.write_csv(&out.join("probabilities.csv"))?;
    let predictions = Predictions {
        clips: names.into_iter().zip(decisions).collect(),
    };
    predictions.write(&out.join("predictions.json"), &classes)?;
    predictions.write(&out.join("submission.zip"), &classes)?;
    Ok(predictions)
}

fn text(out: &Path, written: &synth::SynthSummary, shown: &Shown, seconds: f64) -> String {
    let classes = Classes::challenge();
    let manifest = &shown.outcome.manifest;
    let folder = quoted(out);
    let mut text = format!(
        "\nGenerated {} synthetic clips of 58 actors with features of {};\n\
         trained a fusion model with {} parameters on folds 1 to 4 ({}, best {}),\n\
         adapted to the unlabelled test split, and predicted it: {} of new actors.\n\n",
        count(written.train_clips + written.test_clips),
        counted(written.encoders.len(), "encoder"),
        count(manifest.parameters),
        counted(shown.outcome.history.len(), "epoch"),
        manifest.best_epoch,
        counted(shown.model.clips, "clip"),
    );
    let mut table = PlainTable::new(["", "ACC_presence", "ACC_salience", "average"]);
    let mut row = |name: String, accuracy: &Accuracy| {
        let shares = [
            accuracy.presence(),
            accuracy.salience(),
            Some(accuracy.average()),
        ];
        table.row([name].into_iter().chain(shares.map(share)));
    };
    row("the model".into(), &shown.model);
    for (answer, accuracy) in [&shown.single, &shown.blend] {
        row(
            format!("always {}", explain::decision(answer, &classes)),
            accuracy,
        );
    }
    text += &table.text();
    text += &format!(
        "\nDone in {}. In {folder}/: data/, run/ (weights, history, manifest),\n\
         predictions.json, submission.zip (for CodaBench), probabilities.csv, explain.csv.\n\
         Next, the same on your own data:\n  \
         blendfuse inspect {folder}/data\n  \
         blendfuse train YOUR_DATA --out run --fold 0\n  \
         blendfuse predict run YOUR_DATA --split test --out predictions.zip\n",
        duration(seconds),
    );
    text
}
