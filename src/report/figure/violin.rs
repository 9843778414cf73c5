//! Figure 6: the distribution of importance over clips.

use super::bars::clips_note;
use super::canvas::{Anchor, Canvas, INK, LABEL, MUTED, ONE_COLUMN, PAPER};
use super::frame::Frame;
use super::scale::range;
use super::{Figure, counted, encoder_title, modality_ink, modality_key, widest};
use crate::analysis::Analysis;
use crate::analysis::importance::percentile;
use crate::experiments::score::sample_std;

/// Number of points at which a density is evaluated.
const PLACES: usize = 80;
/// Height of a row.
const ROW: f64 = 24.0;

/// Violins of the representative encoders.
pub fn distributions(found: &Analysis) -> Figure {
    let chosen = &found.representatives;
    let titles: Vec<String> = chosen
        .iter()
        .map(|&m| encoder_title(&found.encoders[m]))
        .collect();
    let left = widest(&titles, LABEL) + 10.0;
    let top = 16.0;
    let bottom = top + chosen.len() as f64 * ROW;
    let mut canvas = Canvas::new(ONE_COLUMN, bottom + 30.0);
    modality_key(&mut canvas, found, [left, 8.0]);
    let ends = chosen.iter().map(|&m| {
        let mut values = found.observations.gate_weights.column(m).to_vec();
        values.sort_by(f64::total_cmp);
        100.0 * percentile(&values, 99.5)
    });
    let frame = Frame::new(
        [left, ONE_COLUMN - 10.0, top, bottom],
        range(ends, true),
        [0.0, 1.0],
    );
    frame.x_axis(
        &mut canvas,
        "Importance (% of the weight, before selection)",
        4,
    );
    let uniform = frame.x.at(100.0 / found.encoders.len() as f64);
    canvas.line([[uniform, top], [uniform, bottom]], MUTED, 0.8, "3 2");
    for (i, (&m, title)) in chosen.iter().zip(&titles).enumerate() {
        let middle = top + (i as f64 + 0.5) * ROW;
        let ink = modality_ink(found.modalities[m]);
        let mut values = found.observations.gate_weights.column(m).to_vec();
        values.sort_by(f64::total_cmp);
        let density = density(&values);
        let most = density
            .iter()
            .map(|place| place.1)
            .fold(0.0, f64::max)
            .max(1e-12);
        let edge = |sign: f64| {
            let at = move |&(x, height): &(f64, f64)| (x, sign * height / most * (ROW / 2.0 - 2.0));
            density.iter().map(at).collect::<Vec<_>>()
        };
        let mut outline = edge(-1.0);
        outline.extend(edge(1.0).into_iter().rev());
        let right = ONE_COLUMN - 10.0;
        let points = outline
            .iter()
            .map(|(x, y)| [frame.x.at(100.0 * x).clamp(left, right), middle + y]);
        canvas.area(&points.collect::<Vec<_>>(), ink, 0.75);
        let quarter =
            [25.0, 75.0].map(|percent| [frame.x.at(100.0 * percentile(&values, percent)), middle]);
        canvas.line(quarter, INK, 2.2, "");
        let median = [frame.x.at(100.0 * percentile(&values, 50.0)), middle];
        canvas.dot(median, 2.4, INK, 1.0);
        canvas.dot(median, 1.3, PAPER, 1.0);
        canvas.text([left - 4.0, middle + 2.5], title, Anchor::End, LABEL, INK);
    }
    let caption = format!(
        "{}. Shape: kernel density over {}, each scaled to the same height; dot: median; bar: middle half; dashed: equal weights for all encoders. {}",
        match chosen.len() == found.encoders.len() {
            true => "All encoders",
            false => "The most, the middle and the least important encoder of each modality",
        },
        counted(found.observations.len(), "clip"),
        clips_note(found)
    );
    Figure::new(
        "figure_6_distributions",
        "Distribution of importance over clips",
        caption,
        canvas,
    )
}

/// A Gaussian kernel density of ascending values by Silverman's rule, between their ends.
fn density(ascending: &[f64]) -> Vec<(f64, f64)> {
    let (Some(low), Some(high)) = (ascending.first(), ascending.last()) else {
        return Vec::new();
    };
    let count = ascending.len() as f64;
    let spread = percentile(ascending, 75.0) - percentile(ascending, 25.0);
    let std = sample_std(ascending).unwrap_or(0.0);
    let scale = if spread > 0.0 {
        std.min(spread / 1.34)
    } else {
        std
    };
    let width = (0.9 * scale * count.powf(-0.2)).max((high - low).max(1e-9) / 200.0);
    let place = |i: usize| low + (high - low) * i as f64 / (PLACES - 1) as f64;
    let at = |x: f64| {
        let kernels = ascending
            .iter()
            .map(|value| (-0.5 * ((x - value) / width).powi(2)).exp());
        kernels.sum::<f64>()
    };
    (0..PLACES).map(|i| (place(i), at(place(i)))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_density_is_highest_where_the_values_are() {
        let values = [0.0, 0.48, 0.49, 0.5, 0.5, 0.51, 0.52, 1.0];
        let found = density(&values);
        let peak = found.iter().max_by(|a, b| a.1.total_cmp(&b.1)).unwrap();
        assert!((peak.0 - 0.5).abs() < 0.03, "{peak:?}");
        assert_eq!(density(&[]), []);
        assert!(density(&[2.0; 5]).iter().all(|place| place.1.is_finite()));
    }
}
