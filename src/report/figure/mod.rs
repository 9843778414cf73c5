//! Figures as SVG, in one visual language: a palette that is safe for colour blindness (Okabe and Ito),
//! direct labels, units on the axes, and fonts of 7 and 8 points at the width of one or two columns.
//!
//! The SVG writer is our own: there are only a few shapes, and text must stay text, have the classes
//! that the report's dark mode needs, and look the same in every program.

mod bars;
pub mod canvas;
pub mod curve;
mod curves;
pub mod fold_scores;
pub mod forest;
mod frame;
mod groups;
mod heat;
mod learning;
mod scale;
mod scatter;
pub mod search;
mod violin;

use std::path::Path;

use crate::analysis::Analysis;
use crate::artifact::history::EpochRecord;
use crate::config::Gate;
use crate::data::registry::{REGISTRY, find};
use crate::encoders::Modality;
use crate::error::Result;
use canvas::{Canvas, Ink};

/// A figure: a drawing with name, title and caption.
#[derive(Clone, Debug)]
pub struct Figure {
    /// File name without extension, also the anchor in the report.
    pub name: String,
    /// The title.
    pub title: String,
    /// How to read it, and the result; also the text alternative.
    pub caption: String,
    canvas: Canvas,
}

impl Figure {
    fn new(name: &str, title: &str, caption: String, canvas: Canvas) -> Self {
        Self {
            name: name.into(),
            title: title.into(),
            caption,
            canvas,
        }
    }

    /// The SVG text.
    pub fn svg(&self) -> String {
        self.canvas.svg(&self.name, &self.title, &self.caption)
    }

    /// Writes `NAME.svg`.
    ///
    /// # Errors
    /// [`Error::Write`](crate::Error::Write).
    pub fn write(&self, path: &Path) -> Result<()> {
        crate::files::atomic_file::write(path, |out| {
            std::io::Write::write_all(out, self.svg().as_bytes())
        })
    }

    /// Writes `NAME.png`.
    ///
    /// # Errors
    /// As [`Raster::png`](super::raster::Raster::png); [`Error::Write`](crate::Error::Write).
    #[cfg(feature = "cli")]
    pub fn write_png(&self, path: &Path, raster: &super::raster::Raster) -> Result<()> {
        let png = raster.png(&self.svg())?;
        crate::files::atomic_file::write(path, |out| std::io::Write::write_all(out, &png))
    }
}

/// All figures for which the analysis has data: those of the paper in its order, then the others.
pub fn figures(found: &Analysis) -> Vec<Figure> {
    if nothing_to_learn(found).is_some() {
        return Vec::new();
    }
    let weights = no_weights(found).is_none();
    let selection = no_selection(found).is_none();
    let folds = found.by_model.len() > 1 && weights;
    let several = found.encoders.len() > 1;
    let drawn = [
        curves::top_k_curve(found),
        weights.then(|| bars::importance(found)),
        selection.then(|| bars::selection(found)),
        folds.then(|| heat::by_fold(found)),
        weights.then(|| violin::distributions(found)),
        several.then(|| heat::cka(found)),
        (found.encoders.len() > 2).then(|| heat::cka_clustered(found)),
        no_pairs(found)
            .is_none()
            .then(|| scatter::co_selection(found)),
        weights.then(|| groups::by_emotion(found)).flatten(),
        weights.then(|| groups::by_set(found)).flatten(),
        Some(scatter::calibration(found)),
        Some(groups::confusion(found)),
        bars::salience_error(found),
        curves::learning(found),
        (!found.removals.is_empty()).then(|| bars::removal(found)),
    ];
    drawn.into_iter().flatten().collect()
}

/// Why figures of the analysis are not drawn, one sentence each.
pub fn left_out(found: &Analysis) -> Vec<String> {
    if let Some(reason) = nothing_to_learn(found) {
        return vec![format!("No figures of the models: {reason}.")];
    }
    let mut reasons = Vec::new();
    if let Some(reason) = no_weights(found) {
        reasons.push(format!(
            "No figures of importance (3, 5, 6, by emotion): {reason}."
        ));
    } else if found
        .by_emotion
        .iter()
        .filter(|group| group.clips > 0)
        .count()
        < 2
    {
        reasons.push("No importance by emotion: the clips show one emotion only.".to_owned());
    }
    if let Some(reason) = no_selection(found) {
        reasons.push(format!("No figure of selection (4): {reason}."));
    }
    match (found.encoders.len(), no_pairs(found)) {
        (1, _) => {
            reasons.push("No figures of pairs of encoders (7, 8): there is one encoder.".to_owned())
        }
        (_, Some(reason)) => {
            reasons.push(format!("No figure of joint selection (8): {reason}."));
        }
        _ => {}
    }
    if found.by_ratio.iter().all(|row| row.error.is_none()) {
        reasons
            .push("No figure of salience errors: no clip shows exactly two emotions.".to_owned());
    }
    reasons
}

/// Why the labels teach a model nothing.
fn nothing_to_learn(found: &Analysis) -> Option<String> {
    let [only] = found.classes.names() else {
        return None;
    };
    Some(format!(
        "{only} is the only class, so every answer is right and there is nothing to learn"
    ))
}

/// Why the gate's weights say nothing.
fn no_weights(found: &Analysis) -> Option<String> {
    if found.encoders.len() == 1 {
        return Some("there is one encoder".to_owned());
    }
    (found.run.config().model.gate == Gate::Uniform)
        .then(|| "the gate gives every encoder the same weight".to_owned())
}

/// Why which encoders are kept says nothing.
fn no_selection(found: &Analysis) -> Option<String> {
    let encoders = found.encoders.len();
    no_weights(found)
        .or_else(|| (found.top_k >= encoders).then(|| format!("all {encoders} encoders are kept")))
}

/// Why which pairs are kept together says nothing.
fn no_pairs(found: &Analysis) -> Option<String> {
    no_selection(found).or_else(|| {
        let pairs = found.co_selection.pairs.len();
        (pairs < FEWEST_PAIRS).then(|| match pairs {
            1 => "there is 1 pair of encoders".to_owned(),
            _ => format!("there are {pairs} pairs of encoders"),
        })
    })
}

/// Fewer pairs show no trend.
const FEWEST_PAIRS: usize = 6;

/// How many of something, in words: `1 encoder`, `5 encoders`.
fn counted(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    }
}

/// Loss and accuracy over epochs of models, each with its history and the epoch whose weights are kept.
/// `None` without an epoch.
pub fn learning_curves(models: &[(&[EpochRecord], usize)]) -> Option<Figure> {
    learning::curves(models)
}

/// The name of an encoder in the paper, or else its own name.
pub fn encoder_title(name: &str) -> String {
    find(name).map_or_else(|| name.to_owned(), |at| REGISTRY[at].title.to_owned())
}

/// Modality colours after the palette of Okabe and Ito (2008), dark enough to be read as text.
fn modality_ink(modality: Modality) -> Ink {
    let colour = match modality {
        Modality::Video => "#0072b2",
        Modality::Audio => "#b84e00",
        Modality::Multimodal => "#007a59",
        Modality::Other => "#666666",
    };
    let class = modality.name();
    Ink { colour, class }
}

/// The width of the widest label.
fn widest<'a>(labels: impl IntoIterator<Item = &'a String>, size: f64) -> f64 {
    let widths = labels
        .into_iter()
        .map(|label| canvas::text_width(label, size));
    widths.fold(0.0, f64::max)
}

/// The key: a line with the modalities in use, moved left if it would not fit.
fn modality_key(canvas: &mut Canvas, found: &Analysis, [left, y]: [f64; 2]) {
    let width = |name: &str| 18.5 + canvas::text_width(name, canvas::LABEL);
    let whole: f64 = found
        .by_modality
        .iter()
        .map(|group| width(group.modality.name()))
        .sum();
    let mut x = left.min(canvas.width - whole);
    for group in &found.by_modality {
        let ink = modality_ink(group.modality);
        canvas.bar([x, y - 5.5], [6.0, 6.0], ink);
        canvas.text(
            [x + 8.5, y],
            group.modality.name(),
            canvas::Anchor::Start,
            canvas::LABEL,
            canvas::INK,
        );
        x += width(group.modality.name());
    }
}

/// Encoders by modality, and in the order of the model within each.
fn by_modality_order(found: &Analysis) -> Vec<usize> {
    let mut order: Vec<usize> = Vec::new();
    for group in &found.by_modality {
        let of_group = (0..found.encoders.len()).filter(|&m| found.modalities[m] == group.modality);
        order.extend(of_group);
    }
    order
}
