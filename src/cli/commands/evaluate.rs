//! `blendfuse evaluate`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use crate::cli::flags::data::LabelArgs;
use crate::cli::flags::decoding::{RulesArgs, ThresholdArgs};
use crate::cli::output::console;
use crate::cli::output::numbers::{PlainTable, count, counted, cut, share, threshold};
use crate::cli::output::score;
use crate::cli::output::score::Score;
use crate::config::Monitor;
use crate::data::label::{Blend, Classes};
use crate::data::near_names::NearNames;
use crate::eval::decode::Decoding;
use crate::eval::distribution::Measures;
use crate::eval::evaluation::Evaluation;
use crate::eval::measures::MeasureValues;
use crate::eval::probabilities::ProbabilityTable;
use crate::eval::submission::Predictions;
use crate::eval::submission_check;
use crate::eval::truth::{self, Truths};
use crate::report::measures as report_measures;
use crate::{Error, Result};

/// Widest confusion matrix that is shown; beyond it the most frequent confusions are listed.
const WIDEST: usize = 16;
/// Number of sets or confusions that are shown; JSON has them all.
const LISTED: usize = 20;

/// Score predictions with the challenge's official metrics
///
/// ACC_presence: the share of clips whose predicted set of emotions is correct. ACC_salience: among
/// clips that show exactly two emotions, the share with both emotions and both saliences correct.
/// Clips without a prediction are left out, as in the official code, with a warning.
#[derive(Args, Debug)]
#[command(after_help = "\
A table of probabilities (from predict --probs, or filename,CLASS,CLASS,…) is
decoded first, and label-distribution measures (Kullback-Leibler and others)
are reported as well.

Examples:
  blendfuse evaluate predictions.json
  blendfuse evaluate predictions.zip --metadata truth.csv --json
  blendfuse evaluate probs.csv --metadata DATA/train_metadata.csv \\
      --presence-threshold 0.2 --salience-threshold 0.06")]
pub struct Evaluate {
    /// Predictions (.json or .zip), or probabilities (.csv)
    predictions: PathBuf,
    /// Metadata with the labels [default: from the challenge's clip names]
    #[arg(long, value_name = "FILE.csv")]
    metadata: Option<PathBuf>,
    #[command(flatten)]
    labels: LabelArgs,
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
        let (evaluation, classes) = match ending.map(str::to_lowercase).as_deref() {
            Some("csv") => self.of_probabilities()?,
            Some("json" | "zip") => self.of_predictions()?,
            _ => {
                let folder = self.predictions.is_dir();
                let inside = self.predictions.join("out_of_fold.csv");
                return Err(Error::Data(format!(
                    "{}: {}expected predictions (.json or .zip) or probabilities (.csv){}",
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
        warn_of_gaps(&evaluation);
        if self.json {
            console::print_json(&report(&evaluation, &classes))
        } else {
            console::print(&text(&evaluation, &classes))
        }
    }

    fn of_predictions(&self) -> Result<(Evaluation, Classes)> {
        let classes = truth::classes(self.metadata.as_deref(), &self.labels.reading())?;
        let predictions = Predictions::read(&self.predictions, &classes)?;
        let layout = submission_check::layout(&self.predictions);
        for warning in [submission_check::saliences(&predictions), layout] {
            warning.iter().for_each(|text| console::warning(text));
        }
        let names = predictions.clips.iter().map(|(name, _)| name.as_str());
        let truths = truths(self.metadata.as_deref(), self.labels, names, &classes)?;
        let evaluation = Evaluation::of(&predictions.clips, &truths, &classes)?;
        Ok((evaluation, classes))
    }

    fn of_probabilities(&self) -> Result<(Evaluation, Classes)> {
        let table = ProbabilityTable::read_csv(&self.predictions)?;
        let classes = self.rules.classes(&table.classes)?;
        let names = table.filenames.iter().map(String::as_str);
        let truths = truths(self.metadata.as_deref(), self.labels, names, &classes)?;
        let thresholds = self.thresholds.or(0.1, 0.1);
        let given = &self.thresholds;
        let untuned = given.presence_threshold.is_none() || given.salience_threshold.is_none();
        console::note(&format!(
            "decoded with presence threshold {} and salience threshold {}{}",
            threshold(thresholds.presence),
            threshold(thresholds.salience),
            if untuned {
                " (default 0.1; decode --search chooses thresholds)"
            } else {
                ""
            }
        ));
        let rows = table.aligned.view();
        let decoding = Decoding::of(&self.rules.config());
        let decoded = decoding.decode_rows(rows, &classes, thresholds)?;
        let decoded: Vec<(String, Blend)> = table.filenames.iter().cloned().zip(decoded).collect();
        let evaluation = Evaluation::of(&decoded, &truths, &classes)?;
        if let Some(warning) = unnormalised(&table) {
            console::warning(&format!(
                "{warning}; measures of probabilities are left out"
            ));
            return Ok((evaluation, classes));
        }
        let evaluation = evaluation.with_measures(&table, &decoded, &truths)?;
        Ok((evaluation, classes))
    }
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

/// The main measure that fits the true labels, with its value; without probabilities the overlap in
/// place of a divergence.
fn main_measure(evaluation: &Evaluation) -> (Monitor, Option<f64>) {
    let accuracy = &evaluation.accuracy;
    match (evaluation.task.main_measure(), &evaluation.measures) {
        (Monitor::Kl, Some(found)) => (Monitor::Kl, Some(found.kullback_leibler)),
        (Monitor::Kl | Monitor::Overlap, _) => (Monitor::Overlap, evaluation.overlap),
        (Monitor::Presence, _) => (Monitor::Presence, accuracy.presence()),
        _ => (Monitor::Average, Some(accuracy.average())),
    }
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

/// The measures under their names.
fn measures(measures: &Measures) -> [(&'static str, f64, bool); 6] {
    [
        ("kullback_leibler", measures.kullback_leibler, false),
        ("chebyshev", measures.chebyshev, false),
        ("clark", measures.clark, false),
        ("canberra", measures.canberra, false),
        ("cosine", measures.cosine, true),
        ("intersection", measures.intersection, true),
    ]
}

fn report(evaluation: &Evaluation, classes: &Classes) -> Value {
    let mut report = match json!(Score::from(&evaluation.accuracy)) {
        Value::Object(map) => map,
        _ => Map::new(),
    };
    let by_class: Vec<Value> = classes
        .names()
        .iter()
        .zip(&evaluation.by_class)
        .map(|(name, d)| {
            json!({
                "class": name, "clips": d.hits + d.misses, "precision": d.precision(),
                "recall": d.recall(), "f1": d.f1(),
            })
        })
        .collect();
    let by_truth: Vec<Value> = evaluation
        .by_truth
        .iter()
        .map(|(set, accuracy)| {
            json!({
                "set": set, "clips": accuracy.clips, "acc_presence": accuracy.presence(),
                "acc_salience": accuracy.salience(),
            })
        })
        .collect();
    let counts: Vec<Vec<usize>> = evaluation
        .confusion
        .counts
        .rows()
        .into_iter()
        .map(|row| row.to_vec())
        .collect();
    report.insert("by_class".into(), json!(by_class));
    report.insert("by_set".into(), json!(by_truth));
    report.insert(
        "confusion".into(),
        json!({ "sets": evaluation.confusion.labels, "counts": counts }),
    );
    if let Some(found) = &evaluation.measures {
        for (name, value, _) in measures(found) {
            report.insert(name.into(), json!(value));
        }
    }
    report.insert(
        "measures".into(),
        report_measures::json(&evaluation.values, classes),
    );
    report.insert("overlap".into(), json!(evaluation.overlap));
    let (measure, value) = main_measure(evaluation);
    report.insert("main_measure".into(), json!(measure));
    report.insert("main".into(), json!(value));
    let (above, most) = evaluation.above_most;
    report.insert("most_predicted_emotions".into(), json!(most));
    report.insert("clips_with_more_emotions".into(), json!(above));
    report.insert("not_predicted".into(), json!(evaluation.missing));
    report.insert("without_truth".into(), json!(evaluation.unknown));
    Value::Object(report)
}

fn text(evaluation: &Evaluation, classes: &Classes) -> String {
    let mut text = score::text(&evaluation.accuracy);
    let (measure, value) = main_measure(evaluation);
    if measure != Monitor::Average {
        if let Some(overlap) = evaluation.overlap {
            text += &format!("overlap       {overlap:.4}\n");
        }
        text += &format!(
            "main measure of these labels ({}): {} {}\n",
            evaluation.task.in_words(),
            measure.name(),
            share(value)
        );
    }
    if let Some(found) = &evaluation.measures {
        text += "\nlabel-distribution measures, mean over clips\n";
        for (name, value, higher) in measures(found) {
            let better = if higher { "higher" } else { "lower" };
            text += &format!("  {name:<17} {value:>8.4}  {better} is better\n");
        }
    }
    text += &further(&evaluation.values);
    text += "\nemotions, in singles and blends\n";
    let mut table = PlainTable::new(["", "clips", "precision", "recall", "F1"]);
    for (name, d) in classes.names().iter().zip(&evaluation.by_class) {
        let shares = [d.precision(), d.recall(), d.f1()].map(share);
        let clips = count(d.hits + d.misses);
        table.row([cut(name, 28), clips].into_iter().chain(shares));
    }
    text += &table.text();
    text += "\ntrue sets of emotions\n";
    let mut table = PlainTable::new(["", "clips", "ACC_presence", "ACC_salience"]);
    for (set, accuracy) in evaluation.by_truth.iter().take(LISTED) {
        let shares = [accuracy.presence(), accuracy.salience()].map(share);
        table.row(
            [cut(set, 40), count(accuracy.clips)]
                .into_iter()
                .chain(shares),
        );
    }
    text += &table.text();
    text += &more(evaluation.by_truth.len());
    text + &confusion(evaluation)
}

/// All other measures, and the clips of each size of the true set.
fn further(found: &MeasureValues) -> String {
    let mut text = "\nfurther measures (docs/measures.md)\n".to_owned();
    let mut table = PlainTable::new(["", "", "better"]);
    let mut undefined = Vec::new();
    for (measure, value) in found.iter() {
        match value {
            Ok(value) => {
                let better = if measure.higher_is_better {
                    "higher"
                } else {
                    "lower"
                };
                table.row([
                    measure.title.to_owned(),
                    share(Some(*value)),
                    better.to_owned(),
                ]);
            }
            Err(reason) => undefined.push((measure.title, reason.as_str())),
        }
    }
    text += &table.text();
    for (titles, reason) in report_measures::by_reason(&undefined) {
        text += &format!("  undefined: {titles}: {reason}\n");
    }
    if found.by_size.len() < 2 {
        return text;
    }
    text += "\nby the number of emotions shown\n";
    let mut table = PlainTable::new(["", "clips", "exact set", "Hamming loss", "predicted"]);
    for size in &found.by_size {
        table.row([
            count(size.size),
            count(size.clips),
            share(Some(size.exact_set)),
            share(Some(size.hamming)),
            format!("{:.2}", size.predicted_size),
        ]);
    }
    text + &table.text()
}

fn more(n: usize) -> String {
    match n.saturating_sub(LISTED) {
        0 => String::new(),
        more => format!("  … and {more} more (--json lists all)\n"),
    }
}

fn confusion(evaluation: &Evaluation) -> String {
    let (labels, counts) = (&evaluation.confusion.labels, &evaluation.confusion.counts);
    if labels.len() <= WIDEST {
        let mut text =
            "\nconfusion: row = truth, column = prediction, in the same order\n".to_owned();
        let width = labels
            .iter()
            .map(|l| l.chars().count())
            .max()
            .unwrap_or(0)
            .min(12);
        let header: String = (1..=labels.len()).map(|n| format!("{n:>4}")).collect();
        text += &format!("  {:>2} {:<width$}{header}\n", "", "");
        for (at, (label, row)) in labels.iter().zip(counts.rows()).enumerate() {
            let cell = |&n: &usize| match n {
                0 => format!("{:>4}", "."),
                n => format!("{n:>4}"),
            };
            let cells: String = row.iter().map(cell).collect();
            text += &format!("  {:>2} {:<width$}{cells}\n", at + 1, cut(label, width));
        }
        return text;
    }
    let mut wrong: Vec<(usize, &str, &str)> = counts
        .indexed_iter()
        .filter(|((row, column), n)| row != column && **n > 0)
        .map(|((row, column), &n)| (n, labels[row].as_str(), labels[column].as_str()))
        .collect();
    wrong.sort_by_key(|(n, ..)| std::cmp::Reverse(*n));
    let mut text = "\nmost frequent confusions\n".to_owned();
    let mut table = PlainTable::new(["truth", "predicted", "clips"]);
    for (n, truth, predicted) in wrong.iter().take(LISTED) {
        table.row([cut(truth, 32), cut(predicted, 32), count(*n)]);
    }
    text += &table.text();
    text + &more(wrong.len())
}
