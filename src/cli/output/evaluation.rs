//! An evaluation, as text and as JSON.

use serde_json::{Map, Value, json};

use super::numbers::{PlainTable, count, cut, share};
use super::score;
use super::score::Score;
use crate::config::Monitor;
use crate::data::label::Classes;
use crate::eval::distribution::Measures;
use crate::eval::evaluation::Evaluation;
use crate::eval::measures::MeasureValues;
use crate::report::measures as report_measures;

/// Widest confusion matrix that is shown; beyond it the most frequent confusions are listed.
const WIDEST: usize = 16;
/// Number of sets or confusions that are shown; JSON has them all.
const LISTED: usize = 20;

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

/// Everything as JSON.
pub fn report(evaluation: &Evaluation, classes: &Classes) -> Value {
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

/// Everything as text.
pub fn text(evaluation: &Evaluation, classes: &Classes) -> String {
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
