//! `blendfuse evaluate`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::analysis::run_decoding::RunDecoding;
use crate::cli::flags::data::LabelArgs;
use crate::cli::flags::decoding::{RulesArgs, ThresholdArgs};
use crate::cli::flags::scored_by::{self, ScoredBy};
use crate::cli::output::console;
use crate::cli::output::evaluation;
use crate::cli::output::numbers::{count, counted};
use crate::data::label::{Blend, Classes};
use crate::data::metadata::Reading;
use crate::data::near_names::NearNames;
use crate::eval::evaluation::Evaluation;
use crate::eval::probabilities::ProbabilityTable;
use crate::eval::submission::Predictions;
use crate::eval::submission_check;
use crate::eval::truth::{self, Truths};
use crate::{Error, Result};

/// Score predictions with the challenge's official metrics
///
/// ACC_presence: the share of clips whose predicted set of emotions is correct. ACC_salience: among
/// clips that show exactly two emotions, the share with both emotions and both saliences correct.
/// Clips without a prediction are left out, as in the official code, with a warning, unless the
/// predictions are those of whole folds.
#[derive(Args, Debug)]
#[command(after_help = "\
Takes every file that predict writes. Probabilities (from predict --probs or
--explain, out_of_fold.csv of cv, or filename,CLASS,CLASS,…) are decoded first,
with the rules and thresholds of their run where it is known (--run), and
label-distribution measures (Kullback-Leibler and others) are reported as well.

Examples:
  blendfuse evaluate predictions.json
  blendfuse evaluate predictions.zip --metadata truth.csv --json
  blendfuse evaluate probs.csv --run runs/fold0 --metadata truth.csv
  blendfuse evaluate probs.csv --metadata DATA/train_metadata.csv \\
      --presence-threshold 0.2 --salience-threshold 0.06")]
pub struct Evaluate {
    /// Predictions (.json or .zip), or probabilities (.csv or .npz)
    predictions: PathBuf,
    /// Metadata with the labels [default: from the challenge's clip names]
    #[arg(long, value_name = "FILE.csv")]
    metadata: Option<PathBuf>,
    #[command(flatten)]
    labels: LabelArgs,
    #[command(flatten)]
    scored_by: ScoredBy,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    thresholds: ThresholdArgs,
    /// Print everything as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Evaluate {
    /// Evaluates.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        let ending = self.predictions.extension().and_then(|e| e.to_str());
        let scored = match ending.map(str::to_lowercase).as_deref() {
            Some("csv" | "npz") => self.of_probabilities()?,
            Some("json" | "zip") => self.of_predictions()?,
            _ => {
                let folder = self.predictions.is_dir();
                let inside = self.predictions.join("out_of_fold.csv");
                return Err(Error::Data(format!(
                    "{}: {}expected predictions (.json or .zip) or probabilities (.csv or .npz){}",
                    self.predictions.display(),
                    if folder { "is a folder; " } else { "" },
                    match (folder, inside.is_file()) {
                        (true, true) => format!("; did you mean {}?", inside.display()),
                        (true, false) => ", as predict writes them".to_owned(),
                        _ => String::new(),
                    }
                )));
            }
        };
        let Scored {
            evaluation,
            classes,
            folds,
            run,
        } = scored;
        warn_of_gaps(&evaluation);
        if let (false, [first, others @ ..]) = (self.json, &folds[..]) {
            let others: String = others.iter().map(|fold| format!(", {fold}")).collect();
            console::note(&format!(
                "the predictions are those of fold{} {first}{others}; clips of other folds are not missing",
                if others.is_empty() { "" } else { "s" }
            ));
        }
        if !self.json {
            return console::print(&evaluation::text(&evaluation, &classes));
        }
        let mut report = evaluation::report(&evaluation, &classes);
        if !folds.is_empty() {
            report["folds"] = json!(folds);
        }
        if let Some(run) = run {
            report["run"] = json!(run.source());
        }
        console::print_json(&report)
    }

    fn of_predictions(&self) -> Result<Scored> {
        let run = self.scored_by.named(&self.predictions)?;
        let labels = self.labels_of(run.as_ref());
        let classes = truth::classes(self.metadata.as_deref(), &labels.reading())?;
        let predictions = Predictions::read(&self.predictions, &classes)?;
        let layout = submission_check::layout(&self.predictions);
        for warning in [submission_check::saliences(&predictions), layout] {
            warning.iter().for_each(|text| console::warning(text));
        }
        let names = predictions.clips.iter().map(|(name, _)| name.as_str());
        let truths = truths(self.metadata.as_deref(), labels, names, &classes)?;
        let evaluation = Evaluation::of(&predictions.clips, &truths, &classes)?;
        self.scored(evaluation, classes, &truths, run)
    }

    fn of_probabilities(&self) -> Result<Scored> {
        let table = ProbabilityTable::read(&self.predictions)?;
        let run = self.scored_by.find(&self.predictions, &table)?;
        let decoded = scored_by::decode(&table, &self.rules, &self.thresholds, run.as_ref())?;
        let classes = decoded.classes;
        let names = table.filenames.iter().map(String::as_str);
        let labels = self.labels_of(run.as_ref());
        let truths = truths(self.metadata.as_deref(), labels, names, &classes)?;
        console::note(&format!("decoded with {}", decoded.how));
        let decided = table.filenames.iter().cloned().zip(decoded.emotions);
        let decided: Vec<(String, Blend)> = decided.collect();
        let evaluation = Evaluation::of(&decided, &truths, &classes)?;
        if let Some(warning) = unnormalised(&table) {
            console::warning(&format!(
                "{warning}; measures of probabilities are left out"
            ));
            return self.scored(evaluation, classes, &truths, run);
        }
        let evaluation = evaluation.with_measures(&table, &decided, &truths)?;
        self.scored(evaluation, classes, &truths, run)
    }

    /// How labels are read: as the flags say, or the run.
    fn labels_of(&self, run: Option<&RunDecoding>) -> LabelArgs {
        let of_run = run.is_some_and(|run| run.data.normalise_labels);
        LabelArgs {
            normalise_labels: self.labels.normalise_labels || of_run,
        }
    }

    /// The evaluation without the clips that were never meant to be predicted, where the predictions are
    /// of whole folds: those of the metadata, or those that the run made.
    fn scored(
        &self,
        mut evaluation: Evaluation,
        classes: Classes,
        truths: &Truths,
        run: Option<RunDecoding>,
    ) -> Result<Scored> {
        let mut folds = Vec::new();
        if !evaluation.missing.is_empty() {
            let mut found = truths.whole_folds(&evaluation.missing);
            if let (None, Some(run), Some(path)) = (&found, &run, &self.metadata)
                && run.data.folds.is_some()
            {
                let reading = Reading::of(&run.data)?;
                // A test table may not allow the folds; it has none then.
                let again = Truths::from_metadata_with(path, &classes, &reading).ok();
                found = again.and_then(|truths| truths.whole_folds(&evaluation.missing));
            }
            if let Some(found) = found {
                evaluation.missing.clear();
                folds.extend(found);
            }
        }
        Ok(Scored {
            evaluation,
            classes,
            folds,
            run,
        })
    }
}

/// An evaluation with what it is of.
struct Scored {
    evaluation: Evaluation,
    classes: Classes,
    /// The folds that the predictions are of, where they are not of all.
    folds: Vec<usize>,
    /// The run that the scores are from, if it is known.
    run: Option<RunDecoding>,
}

/// A warning of scores that are no distributions.
pub fn unnormalised(table: &ProbabilityTable) -> Option<String> {
    let (count, first, sum) = table.unnormalised()?;
    let percent = match (sum - 100.0).abs() < 1.0 {
        true => ": if they are percentages, divide them by 100",
        false => ", so they are no probabilities of exclusive classes",
    };
    Some(format!(
        "the scores of {} do not sum to 1, such as {sum} of {first}{percent}",
        counted(count, "clip")
    ))
}

/// The labels, with a hint at --metadata where clip names do not contain them.
pub fn truths<'a>(
    metadata: Option<&std::path::Path>,
    labels: LabelArgs,
    names: impl IntoIterator<Item = &'a str>,
    classes: &Classes,
) -> Result<Truths> {
    Truths::of(metadata, &labels.reading(), names, classes).map_err(|error| match error {
        Error::Data(reason) if metadata.is_none() => Error::Data(format!(
            "{reason}; for other names give the labels with --metadata FILE.csv"
        )),
        error => error,
    })
}

fn warn_of_gaps(evaluation: &Evaluation) {
    let (above, most) = evaluation.above_most;
    if above > 0 {
        console::warning(&format!(
            "{} of {} show more than {most} emotions, the most that is predicted: ACC_presence is at most {:.4}",
            count(above),
            counted(evaluation.accuracy.clips, "clip"),
            1.0 - above as f64 / evaluation.accuracy.clips as f64
        ));
    }
    let example = |names: &[String]| names.first().cloned().unwrap_or_default();
    if !evaluation.missing.is_empty() {
        console::warning(&format!(
            "{} with labels but no prediction ({}, …): left out of the scores",
            counted(evaluation.missing.len(), "clip"),
            example(&evaluation.missing)
        ));
    }
    if !evaluation.unknown.is_empty() {
        console::warning(&format!(
            "{} with a prediction but no labels ({}, …): left out of the scores",
            counted(evaluation.unknown.len(), "clip"),
            example(&evaluation.unknown)
        ));
    }
    let [missing, unknown] =
        [&evaluation.missing, &evaluation.unknown].map(|names| names.iter().map(String::as_str));
    if let Some(near) = NearNames::find(missing, unknown) {
        console::warning(&format!(
            "names of {} without a prediction are similar to predicted ones, such as {near}: write names alike",
            counted(near.count, "clip")
        ));
    }
}
