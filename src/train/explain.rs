//! Why a model decided as it did, as a table: one row for each clip and encoder.

use std::path::Path;

use super::decoding::rules;
use super::predict::Predictor;
use super::score::Scores;
use crate::data::dataset::Split;
use crate::data::label::{Blend, Classes, Part};
use crate::error::Result;
use crate::eval::decode::Thresholds;
use crate::eval::decoding_steps::decoding_steps;

/// What became of an encoder on a clip.
fn status(missing: bool, dropped: bool, kept: f64) -> &'static str {
    match (dropped, missing, kept > 0.0) {
        (true, ..) => "dropped",
        (_, true, _) => "missing",
        (.., true) => "kept",
        _ => "not_kept",
    }
}

/// A decision in one cell: `ang 70 + sad 30`.
pub fn decision(blend: &Blend, classes: &Classes) -> String {
    let part = |part: &Part| format!("{} {:.0}", classes.name(part.class), part.salience);
    blend
        .parts()
        .iter()
        .map(part)
        .collect::<Vec<_>>()
        .join(" + ")
}

/// Writes `filename, encoder, modality, status, importance, kept_weight, decision`, followed by
/// presence, salience and aligned score of each class and by the decoding `steps` in words, which repeat
/// for every encoder of a clip.
/// `importance` is a (eq. 3), `kept_weight` is ã (eq. 4); `status` is `kept`, `not_kept`, `missing`
/// (the encoder lacks the clip) or `dropped` (left out on request). `clips`, `scores` and
/// `decisions` go together row by row.
///
/// # Errors
/// [`Error::Write`](crate::Error::Write).
pub fn write_csv(
    path: &Path,
    model: &Predictor,
    split: &Split,
    (clips, scores, decisions): (&[usize], &Scores, &[Blend]),
    dropped: &[String],
    thresholds: Thresholds,
) -> Result<()> {
    let description = model.description();
    let classes = model.classes();
    let rules = rules(&description.config.decode);
    let heads = [
        ("presence", &scores.presence),
        ("salience", &scores.salience),
        ("aligned", &scores.aligned),
    ];
    crate::atomic::write(path, |out| {
        let mut csv = csv::Writer::from_writer(out);
        let fixed = [
            "filename",
            "encoder",
            "modality",
            "status",
            "importance",
            "kept_weight",
            "decision",
        ];
        let columns = heads
            .iter()
            .flat_map(|(head, _)| classes.names().iter().map(move |c| format!("{head}_{c}")));
        csv.write_record(
            fixed
                .map(str::to_owned)
                .into_iter()
                .chain(columns)
                .chain(["steps".to_owned()]),
        )?;
        for (row, &clip) in clips.iter().enumerate() {
            let shown = decision(&decisions[row], &classes);
            let aligned = scores.aligned.row(row).to_vec();
            let steps = decoding_steps(rules, &aligned, &classes, thresholds);
            for (m, encoder) in description.encoders.iter().enumerate() {
                let kept = scores.kept[[row, m]];
                let missing = split.rows(m)[clip].is_none();
                let cells = [
                    split.clips[clip].filename.clone(),
                    encoder.name.clone(),
                    encoder.modality.clone(),
                    status(missing, dropped.contains(&encoder.name), kept).to_owned(),
                    number(scores.weights[[row, m]]),
                    number(kept),
                    shown.clone(),
                ];
                let values = heads
                    .iter()
                    .flat_map(|(_, scores)| scores.row(row).into_iter().copied().map(number));
                csv.write_record(cells.into_iter().chain(values).chain([steps.clone()]))?;
            }
        }
        csv.flush()
    })
}

/// Six digits after the point: weights are for reading; the probability table has every digit.
fn number(x: f64) -> String {
    format!("{x:.6}")
}
