//! Figures as SVG, in one visual language: a palette that is safe for colour blindness (Okabe and Ito),
//! direct labels, units on the axes, and fonts of 7 and 8 points at the width of one or two columns.
//!
//! The SVG writer is our own: there are only a few shapes, and text must stay text, have the classes
//! that the report's dark mode needs, and look the same in every program.

mod bars;
pub mod canvas;
mod curves;
pub mod differences;
mod frame;
mod groups;
mod heat;
mod scale;
mod scatter;
mod violin;

use std::path::Path;

use crate::analysis::Analysis;
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
    let folds = found.by_model.len() > 1;
    let drawn = [
        curves::top_k_curve(found),
        Some(bars::importance(found)),
        Some(bars::selection(found)),
        folds.then(|| heat::by_fold(found)),
        Some(violin::distributions(found)),
        Some(heat::cka(found)),
        Some(heat::cka_clustered(found)),
        Some(scatter::co_selection(found)),
        Some(groups::by_emotion(found)),
        Some(groups::by_set(found)),
        Some(scatter::calibration(found)),
        Some(groups::confusion(found)),
        bars::salience_error(found),
        Some(curves::learning(found)),
        (!found.removals.is_empty()).then(|| bars::removal(found)),
    ];
    drawn.into_iter().flatten().collect()
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
