//! Explanations of a model's decisions, as a table: one row for each clip and encoder.

use std::io::{self, Write};
use std::path::Path;

use super::predictor::Predictor;
use super::score::Scores;
use crate::data::dataset::Split;
use crate::data::label::{Blend, Classes, Part};
use crate::error::Result;
use crate::eval::decoder::Decoder;

/// The status of an encoder on a clip.
pub(crate) fn status(missing: bool, dropped: bool, kept: f64) -> &'static str {
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

const HEADS: [&str; 3] = ["presence", "salience", "aligned"];

/// Writes the names of the columns: `filename, encoder, modality, status, importance, kept_weight,
/// decision`, followed by presence, salience and aligned score of each class and by the decoding `steps`.
///
/// # Errors
/// Errors of `out`.
pub fn write_header(out: &mut impl Write, classes: &Classes) -> io::Result<()> {
    let fixed = [
        "filename",
        "encoder",
        "modality",
        "status",
        "importance",
        "kept_weight",
        "decision",
    ];
    let columns = HEADS
        .iter()
        .flat_map(|head| classes.names().iter().map(move |c| format!("{head}_{c}")));
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(
        fixed
            .map(str::to_owned)
            .into_iter()
            .chain(columns)
            .chain(["steps".to_owned()]),
    )?;
    csv.flush()
}

/// Writes one row for each encoder of each clip under [`write_header`]'s columns; the values of the
/// clip are repeated. `importance` is a (eq. 3), `kept_weight` is ã (eq. 4); `status` is `kept`, `not_kept`,
/// `missing` (the encoder lacks the clip) or `dropped` (left out on request). `clips`, `scores` and
/// `decisions` correspond row by row.
///
/// # Errors
/// Errors of `out`.
pub fn write_rows(
    out: &mut impl Write,
    model: &Predictor,
    split: &Split,
    (clips, scores, decisions): (&[usize], &Scores, &[Blend]),
    dropped: &[String],
    decoder: &Decoder,
) -> io::Result<()> {
    let description = model.description();
    let classes = model.classes();
    let heads = [&scores.presence, &scores.salience, &scores.aligned];
    let mut csv = csv::Writer::from_writer(out);
    for (row, &clip) in clips.iter().enumerate() {
        let shown = decision(&decisions[row], &classes);
        let aligned = scores.aligned.row(row).to_vec();
        let steps = decoder.explain(&aligned, &classes);
        for (m, encoder) in description.encoders.iter().enumerate() {
            let kept = scores.selected_weights[[row, m]];
            let missing = split.rows(m)[clip].is_none();
            let cells = [
                split.clips[clip].filename.clone(),
                encoder.name.clone(),
                encoder.modality.to_string(),
                status(missing, dropped.contains(&encoder.name), kept).to_owned(),
                number(scores.gate_weights[[row, m]]),
                number(kept),
                shown.clone(),
            ];
            let values = heads
                .iter()
                .flat_map(|scores| scores.row(row).into_iter().copied().map(number));
            csv.write_record(cells.into_iter().chain(values).chain([steps.clone()]))?;
        }
    }
    csv.flush()
}

/// Writes a table of both.
///
/// # Errors
/// [`Error::Write`](crate::Error::Write).
pub fn write_csv(
    path: &Path,
    model: &Predictor,
    split: &Split,
    rows: (&[usize], &Scores, &[Blend]),
    dropped: &[String],
    decoder: &Decoder,
) -> Result<()> {
    crate::files::atomic_file::write(path, |out| {
        write_header(out, &model.classes())?;
        write_rows(out, model, split, rows, dropped, decoder)
    })
}

/// Six digits after the point: weights are for reading; the probability table has every digit.
fn number(x: f64) -> String {
    format!("{x:.6}")
}
