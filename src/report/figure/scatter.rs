//! Scatter plots.

use super::bars::clips_note;
use super::canvas::{Anchor, Canvas, INK, LABEL, MUTED, ONE_COLUMN, TITLE, Turned};
use super::frame::{Frame, signed};
use super::scale::range;
use super::{Figure, modality_ink};
use crate::analysis::Analysis;
use crate::encoders::Modality;
use crate::eval::statistics::Interval;
use crate::eval::statistics::correlation::Trend;

/// Figure 8: CKA against co-selection, with the trend and the line of independent selection.
pub fn co_selection(found: &Analysis) -> Figure {
    let pairs = &found.co_selection.pairs;
    let mut canvas = Canvas::new(ONE_COLUMN, 216.0);
    let x = range(pairs.iter().map(|pair| pair.cka), true);
    let y = range(pairs.iter().map(|pair| 100.0 * pair.together), true);
    let frame = Frame::new(
        [36.0, ONE_COLUMN - 8.0, 34.0, 184.0],
        x,
        [0.0, y[1].min(104.0)],
    );
    frame.x_axis(&mut canvas, "Linear CKA of the pair", 5);
    frame.y_axis(&mut canvas, "Kept together (% of clips)", 5);
    for pair in pairs {
        let place = frame.at(pair.cka, 100.0 * pair.together);
        canvas.dot(place, 1.3, modality_ink(Modality::Video), 0.45);
    }
    let ends = [x[0], x[1]];
    let mut line = |trend: Option<Trend>, ink, dash| {
        if let Some(trend) = trend {
            let points = ends.map(|x| frame.at(x, (100.0 * trend.at(x)).clamp(0.0, 104.0)));
            canvas.line(points, ink, 1.4, dash);
        }
    };
    line(found.co_selection.trend, INK, "");
    line(
        found.co_selection.independent_trend,
        modality_ink(Modality::Audio),
        "4 2",
    );
    let mut key = |y: f64, ink, dash, text: &str| {
        canvas.line([[36.0, y - 2.5], [52.0, y - 2.5]], ink, 1.4, dash);
        canvas.text([56.0, y], text, Anchor::Start, LABEL, INK);
    };
    let r = |value: &Option<Interval>| value.as_ref().map_or("undefined".into(), interval);
    let pearson = r(&found.co_selection.pearson);
    key(12.0, INK, "", &format!("trend: Pearson r = {pearson}"));
    let null = r(&found.co_selection.independent_pearson);
    key(
        23.0,
        modality_ink(Modality::Audio),
        "4 2",
        &format!("independent selection: r = {null}"),
    );
    let caption = format!(
        "{} pairs of encoders. Pearson r {pearson}, Spearman ρ {}; 95 % intervals from a bootstrap over encoders. Dashed: the trend if encoders with these selection frequencies were kept independently of each other; correlation of CKA with the excess over it: Spearman ρ {}. {}",
        pairs.len(),
        r(&found.co_selection.spearman),
        r(&found.co_selection.excess_spearman),
        clips_note(found)
    );
    Figure::new(
        "figure_8_co_selection",
        "Similarity and joint selection of encoders",
        caption,
        canvas,
    )
}

/// A correlation with its interval.
pub fn interval(value: &Interval) -> String {
    let [estimate, low, high] = [value.estimate, value.low, value.high].map(|x| signed(x, 2));
    format!("{estimate} [{low}, {high}]")
}

/// Reliability of the presence probabilities.
pub fn calibration(found: &Analysis) -> Figure {
    let calibration = &found.calibration;
    let mut canvas = Canvas::new(ONE_COLUMN, 262.0);
    let frame = Frame::new(
        [36.0, ONE_COLUMN - 12.0, 10.0, 180.0],
        [0.0, 1.0],
        [0.0, 1.0],
    );
    let none: [(f64, String); 0] = [];
    frame.x_ticks(&mut canvas, "", &none);
    frame.y_axis(&mut canvas, "Share that shows the emotion", 5);
    canvas.line([frame.at(0.0, 0.0), frame.at(1.0, 1.0)], MUTED, 0.8, "3 2");
    let place = Turned {
        at: frame.at(0.60, 0.64),
        degrees: -38.0,
    };
    canvas.turned_text(place, "perfectly calibrated", Anchor::Middle, LABEL, MUTED);
    let ink = modality_ink(Modality::Video);
    let points: Vec<[f64; 2]> = calibration
        .bins
        .iter()
        .filter_map(|bin| Some(frame.at(bin.predicted?, bin.observed?)))
        .collect();
    canvas.path(&points, ink, 1.4, "");
    points
        .iter()
        .for_each(|&point| canvas.dot(point, 2.4, ink, 1.0));
    let most = calibration
        .bins
        .iter()
        .map(|bin| bin.count)
        .max()
        .unwrap_or(1) as f64;
    let counts = Frame::new(
        [36.0, ONE_COLUMN - 12.0, 190.0, 232.0],
        [0.0, 1.0],
        [0.0, 1.5 * most],
    );
    counts.x_axis(&mut canvas, "Presence probability p", 5);
    for bin in &calibration.bins {
        let [left, top] = counts.at(bin.from, bin.count as f64);
        let right = counts.x.at(bin.to);
        canvas.bar([left + 0.7, top], [right - left - 1.4, 232.0 - top], ink);
    }
    canvas.text(
        [ONE_COLUMN - 13.0, 196.0],
        "pairs of clip and emotion",
        Anchor::End,
        LABEL,
        MUTED,
    );
    canvas.text(
        [32.0, counts.y.at(most) + 2.5],
        &format!("{most:.0}"),
        Anchor::End,
        LABEL,
        INK,
    );
    let text = format!(
        "ECE {:.3}, Brier {:.3}",
        calibration.expected_error, calibration.brier
    );
    canvas.text([44.0, 22.0], &text, Anchor::Start, TITLE, INK);
    let caption = format!(
        "How often an emotion is truly shown, by the model's presence probability, in ten bins; below, the pairs of clip and emotion in each bin. Expected calibration error {:.3}, Brier score {:.3}. {}",
        calibration.expected_error,
        calibration.brier,
        clips_note(found)
    );
    Figure::new("calibration", "Calibration of presence", caption, canvas)
}
