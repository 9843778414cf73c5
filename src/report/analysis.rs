//! The files of an analysis: tables as CSV, everything as JSON, figures as SVG.

use std::path::{Path, PathBuf};

use ndarray::Array2;
use serde_json::{Value, json};

use super::clip_cells;
use super::figure::{encoder_title, figures, left_out};
use super::main_measure::{self, Drawn};
use super::table::{Cell, Table, write_json};
use crate::analysis::Analysis;
use crate::analysis::error_type::ErrorType;
use crate::analysis::importance::GroupReliance;
use crate::config::Monitor;
use crate::error::Result;
use crate::predict::explain::decision;

/// Digits of weights and correlations.
const DIGITS: usize = 4;

fn number(value: impl Into<Option<f64>>) -> Cell {
    value
        .into()
        .filter(|x: &f64| x.is_finite())
        .map_or(Cell::Empty, |x| Cell::Number(x, DIGITS))
}

/// All tables, with the names of their files.
pub fn tables(found: &Analysis) -> Vec<(&'static str, Table)> {
    vec![
        ("encoders", encoders(found)),
        ("modalities", modalities(found)),
        (
            "folds",
            by_group(found, &found.by_model, "Importance by fold"),
        ),
        ("fold_agreement", agreement(found)),
        (
            "emotions",
            by_group(
                found,
                &found.by_emotion,
                "Importance and selection by emotion",
            ),
        ),
        (
            "blends",
            by_group(
                found,
                &found.by_set,
                "Importance and selection by emotion set",
            ),
        ),
        ("cka", matrix(found, &found.cka)),
        ("co_selection", pairs(found)),
        ("kept", kept(found)),
        ("calibration", calibration(found)),
        ("salience_error", ratios(found)),
        ("classes", classes(found)),
        ("confusion", confusion(found)),
        ("clips", clips(found)),
    ]
}

fn encoders(found: &Analysis) -> Table {
    let (without, change, heading) = main_measure::without_an_encoder(found.main.measure);
    let columns = [
        ("encoder", "Encoder"),
        ("modality", "Modality"),
        ("importance", "Importance"),
        ("p5", "5 %"),
        ("median", "Median"),
        ("p95", "95 %"),
        ("selected", "Selected"),
        (without, heading),
        (change, "Change"),
        ("scores_moved", "Scores moved"),
    ];
    let mut table = Table::new("Encoders", &columns);
    let whole = found.main.value();
    for (m, name) in found.encoders.iter().enumerate() {
        let quantiles = found.spreads[m].quantiles;
        let removal = found.removals.iter().find(|removal| removal.encoder == m);
        let without = removal.map(|removal| removal.main_value());
        table.row(vec![
            Cell::text(name),
            Cell::text(found.modalities[m].name()),
            number(found.reliance[m].importance),
            number(quantiles[1]),
            number(quantiles[3]),
            number(quantiles[5]),
            number(found.reliance[m].selected),
            number(without),
            number(without.map(|without| without - whole)),
            number(removal.map(|removal| removal.moved)),
        ]);
    }
    table.notes.push(format!("Importance: mean gate weight before selection. Selected: share of clips that keep the encoder. {heading}: at prediction time, without retraining. Scores moved: mean total variation of the aligned scores."));
    table
}

fn modalities(found: &Analysis) -> Table {
    let columns = [
        ("modality", "Modality"),
        ("encoders", "Encoders"),
        ("importance", "Importance"),
        ("uniform", "Uniform share"),
        ("kept", "Kept per clip"),
    ];
    let mut table = Table::new("Modalities", &columns);
    for group in &found.by_modality {
        table.row(vec![
            Cell::text(group.modality.name()),
            Cell::Count(group.encoders as u64),
            number(group.importance),
            number(group.uniform),
            number(group.kept),
        ]);
    }
    table
}

fn by_group(found: &Analysis, groups: &[GroupReliance], title: &str) -> Table {
    let columns = [
        ("group", "Clips with"),
        ("clips", "Clips"),
        ("encoder", "Encoder"),
        ("importance", "Importance"),
        ("selected", "Selected"),
    ];
    let mut table = Table::new(title, &columns);
    for group in groups {
        for (encoder, name) in group.encoders.iter().zip(&found.encoders) {
            table.row(vec![
                Cell::text(&group.group),
                Cell::Count(group.clips as u64),
                Cell::text(name),
                number(encoder.importance),
                number(encoder.selected),
            ]);
        }
    }
    table
}

fn agreement(found: &Analysis) -> Table {
    let columns = [
        ("first", "Fold"),
        ("second", "Fold"),
        ("kendall", "Kendall τ"),
        ("spearman", "Spearman ρ"),
    ];
    let mut table = Table::new("Agreement of folds on importance", &columns);
    for pair in &found.agreements {
        table.row(vec![
            Cell::text(&pair.first),
            Cell::text(&pair.second),
            number(pair.kendall),
            number(pair.spearman),
        ]);
    }
    table
}

fn matrix(found: &Analysis, values: &Array2<f64>) -> Table {
    let names = found
        .encoders
        .iter()
        .map(|name| (name.as_str(), name.as_str()));
    let columns: Vec<_> = std::iter::once(("encoder", "Encoder"))
        .chain(names)
        .collect();
    let mut table = Table::new("Linear CKA", &columns);
    for (row, name) in values.rows().into_iter().zip(&found.encoders) {
        let cells = row.iter().map(|x| number(*x));
        table.row(std::iter::once(Cell::text(name)).chain(cells).collect());
    }
    table
}

fn pairs(found: &Analysis) -> Table {
    let columns = [
        ("first", "Encoder"),
        ("second", "Encoder"),
        ("cka", "Linear CKA"),
        ("together", "Kept together"),
        ("independent", "If independent"),
    ];
    let mut table = Table::new("CKA and co-selection", &columns);
    for pair in &found.co_selection.pairs {
        table.row(vec![
            Cell::text(&found.encoders[pair.first]),
            Cell::text(&found.encoders[pair.second]),
            number(pair.cka),
            number(pair.together),
            number(pair.independent),
        ]);
    }
    table
}

fn kept(found: &Analysis) -> Table {
    let axis = Drawn::of(found.main.measure).axis;
    let heading = match found.main.measure {
        Monitor::Average => "Average",
        _ => axis,
    };
    let column = match main_measure::column(found.main.measure) {
        Some((name, _)) => name,
        None if found.main.measure == Monitor::Presence => "acc_presence",
        None => "average",
    };
    let columns = [
        ("kept", "Encoders kept"),
        (column, heading),
        ("folds", "Folds"),
    ];
    let title = match found.main.measure {
        Monitor::Average => "Average accuracy against k".to_owned(),
        _ => format!("{axis} against k"),
    };
    let mut table = Table::new(title, &columns);
    let curve = &found.top_k_curve;
    let named = curve
        .scores
        .iter()
        .map(|score| (score.kept.to_string(), score));
    let uniform = curve
        .uniform
        .iter()
        .map(|score| ("uniform fusion".to_owned(), score));
    for (name, score) in named.chain(uniform) {
        table.row(vec![
            Cell::Text(name),
            Cell::Spread(score.mean, score.std, DIGITS),
            Cell::Count(score.folds.len() as u64),
        ]);
    }
    table
}

fn calibration(found: &Analysis) -> Table {
    let columns = [
        ("from", "p from"),
        ("to", "to"),
        ("pairs", "Pairs of clip and emotion"),
        ("predicted", "Mean p"),
        ("observed", "Share that shows it"),
    ];
    let mut table = Table::new("Calibration of presence", &columns);
    for bin in &found.calibration.bins {
        table.row(vec![
            Cell::Number(bin.from, 1),
            Cell::Number(bin.to, 1),
            Cell::Count(bin.count as u64),
            number(bin.predicted),
            number(bin.observed),
        ]);
    }
    table
}

fn ratios(found: &Analysis) -> Table {
    let columns = [
        ("ratio", "True ratio"),
        ("clips", "Clips"),
        ("pair_found", "Pair found"),
        ("correct", "Saliences right"),
        ("error", "Mean error"),
        ("bias", "Mean bias"),
    ];
    let mut table = Table::new("Salience error by true ratio", &columns);
    for row in &found.by_ratio {
        table.row(vec![
            Cell::text(&row.ratio),
            Cell::Count(row.clips as u64),
            Cell::Count(row.pair_found as u64),
            Cell::Count(row.correct as u64),
            number(row.error),
            number(row.bias),
        ]);
    }
    table
}

fn classes(found: &Analysis) -> Table {
    let columns = [
        ("emotion", "Emotion"),
        ("precision", "Precision"),
        ("recall", "Recall"),
        ("f1", "F1"),
    ];
    let mut table = Table::new("Detection of each emotion", &columns);
    for (class, detection) in found.by_class.iter().enumerate() {
        table.row(vec![
            Cell::text(found.classes.name(class)),
            number(detection.precision()),
            number(detection.recall()),
            number(detection.f1()),
        ]);
    }
    table
}

fn confusion(found: &Analysis) -> Table {
    let labels = &found.confusion.labels;
    let names = labels.iter().map(|name| (name.as_str(), name.as_str()));
    let columns: Vec<_> = std::iter::once(("true", "True, predicted as"))
        .chain(names)
        .collect();
    let mut table = Table::new("Confusion over emotion sets", &columns);
    for (row, name) in found.confusion.counts.rows().into_iter().zip(labels) {
        let cells = row.iter().map(|&count| Cell::Count(count as u64));
        table.row(std::iter::once(Cell::text(name)).chain(cells).collect());
    }
    table
}

fn clips(found: &Analysis) -> Table {
    let columns = [
        ("filename", "Clip"),
        ("model", "Model"),
        ("truth", "Truth"),
        ("decision", "Prediction"),
        ("error", "Error"),
        ("steps", "Steps of decoding"),
        ("encoders", "Encoders that counted most"),
        ("without", "Answer without"),
    ];
    let mut table = Table::new("Clips", &columns);
    let seen = &found.observations;
    let explained = clip_cells::ExplainedClips::of(found);
    for row in 0..seen.len() {
        let (truth, decided) = (&seen.truths[row], &seen.decided[row]);
        table.row(vec![
            Cell::text(&seen.filenames[row]),
            Cell::text(&found.model_names[seen.model[row]]),
            Cell::Text(decision(truth, &found.classes)),
            Cell::Text(decision(decided, &found.classes)),
            Cell::text(ErrorType::of(truth, decided).name()),
            Cell::Text(explained.steps(row)),
            Cell::Text(explained.encoders(row)),
            Cell::Text(explained.without(row)),
        ]);
    }
    table
}

/// All numbers except those of single clips.
pub fn json(found: &Analysis) -> Value {
    let drawn = figures(found);
    let listed = drawn.iter().map(
        |figure| json!({ "name": figure.name, "title": figure.title, "caption": figure.caption }),
    );
    let accuracy = &found.accuracy;
    json!({
        "run": found.run.path,
        "command": found.run.command,
        "models": found.model_names,
        "notes": found.run.notes,
        "encoders": found.encoders.iter().zip(&found.modalities).map(|(name, modality)| {
            json!({ "name": name, "title": encoder_title(name), "modality": modality })
        }).collect::<Vec<_>>(),
        "classes": found.classes.names(),
        "top_k": found.top_k,
        "accuracy": {
            "acc_presence": accuracy.presence(),
            "acc_salience": accuracy.salience(),
            "average": accuracy.average(),
            "clips": accuracy.clips,
            "blends": accuracy.blends,
            "interval": found.interval,
            "unit": found.unit.plural(),
        },
        "left_out": left_out(found),
        "reliance": found.reliance,
        "by_modality": found.by_modality,
        "by_model": found.by_model,
        "by_emotion": found.by_emotion,
        "by_set": found.by_set,
        "spreads": found.spreads,
        "fold_agreement": found.agreements,
        "cka": found.cka.rows().into_iter().map(|row| row.to_vec()).collect::<Vec<_>>(),
        "dendrogram": found.dendrogram,
        "co_selection": found.co_selection,
        "calibration": found.calibration,
        "salience_error": found.by_ratio,
        "kept": found.top_k_curve,
        "leave_one_out": found.removals,
        "figures": listed.collect::<Vec<_>>(),
        "tables": tables(found).iter().map(|(name, table)| {
            json!({ "name": name, "title": table.title, "notes": table.notes })
        }).collect::<Vec<_>>(),
    })
}

/// Writes all tables, figures and `analysis.json` into an existing folder, and returns their paths.
///
/// # Errors
/// [`Error::Write`](crate::Error::Write).
pub fn write(found: &Analysis, folder: &Path) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (name, table) in tables(found) {
        let path = folder.join(format!("{name}.csv"));
        table.write_csv(&path)?;
        written.push(path);
    }
    for figure in figures(found) {
        let path = folder.join(format!("{}.svg", figure.name));
        figure.write(&path)?;
        written.push(path);
    }
    // Last: its presence marks the folder as complete.
    let path = folder.join("analysis.json");
    write_json(&path, &json(found))?;
    written.push(path);
    Ok(written)
}
