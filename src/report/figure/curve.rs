//! The score against one number: Figure 2 of the paper, and the same of any other key.

use super::canvas::{Anchor, Canvas, INK, LABEL, MUTED, ONE_COLUMN, text_width};
use super::frame::Frame;
use super::scale::{range, range_of_scores};
use super::{Figure, modality_ink};
use crate::config::Monitor;
use crate::encoders::Modality;
use crate::report::main_measure::Drawn;

/// The plot's left, right, top and bottom edge.
const EDGES: [f64; 4] = [36.0, ONE_COLUMN - 10.0, 10.0, 154.0];

/// The score at one value.
#[derive(Clone, Debug, PartialEq)]
pub struct CurvePoint {
    /// The value.
    pub x: f64,
    /// As it was written.
    pub label: String,
    /// The mean over folds and seeds.
    pub mean: f64,
    /// Its sample standard deviation over folds.
    pub std: Option<f64>,
    /// Each fold (with several seeds, their mean).
    pub folds: Vec<f64>,
    /// The interval of all clips together.
    pub ends: Option<[f64; 2]>,
}

/// A horizontal line for comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Level {
    /// What reaches it.
    pub name: String,
    /// The score.
    pub value: f64,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Curve<'a> {
    /// Name and title of the figure.
    pub named: [&'a str; 2],
    /// The title of the horizontal axis.
    pub axis: &'a str,
    /// The measure.
    pub main: Monitor,
    /// By value, ascending.
    pub points: &'a [CurvePoint],
    /// The range of the axis, where it is wider than the points.
    pub across: Option<[f64; 2]>,
    /// For comparison.
    pub levels: &'a [Level],
    /// What follows the explanation of the marks.
    pub caption: &'a str,
}

/// Whether values are better told apart on a logarithmic axis: all above 0, over a factor of 20, and
/// nearer to even steps in the logarithm than in the value.
pub fn is_logarithmic(values: &[f64]) -> bool {
    let (Some(low), Some(high)) = (
        values.iter().copied().reduce(f64::min),
        values.iter().copied().reduce(f64::max),
    ) else {
        return false;
    };
    low > 0.0 && high / low >= 20.0 && {
        let mut sorted = values.to_vec();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2];
        let place = |x: f64| (x - low) / (high - low);
        place(median) < 0.25
    }
}

/// Labels of ticks with their positions, without those that would overlap.
pub fn apart(
    ticks: impl IntoIterator<Item = (f64, String)>,
    at: impl Fn(f64) -> f64,
) -> Vec<(f64, String)> {
    let mut last = f64::NEG_INFINITY;
    let free = ticks.into_iter().filter(|(value, label)| {
        let half = text_width(label, LABEL) / 2.0;
        let free = at(*value) - half > last + 3.0;
        if free {
            last = at(*value) + half;
        }
        free
    });
    free.collect()
}

impl Curve<'_> {
    /// The drawing; `None` with fewer than two values.
    pub fn figure(&self) -> Option<Figure> {
        if self.points.len() < 2 {
            return None;
        }
        let drawn = Drawn::of(self.main);
        let values: Vec<f64> = self.points.iter().map(|point| point.x).collect();
        let log = self.across.is_none() && is_logarithmic(&values);
        let on_axis = |x: f64| if log { x.ln() } else { x };
        let x = match self.across {
            Some(across) => across,
            None => range(values.iter().map(|&x| on_axis(x)), false),
        };
        let levels = self.levels_in_range();
        let shown = self.points.iter().flat_map(|point| {
            let [low, high] = point.ends.unwrap_or([point.mean; 2]);
            let std = point.std.unwrap_or(0.0);
            let ends = [low, high, point.mean - std, point.mean + std];
            ends.into_iter().chain(point.folds.iter().copied())
        });
        let all = shown.chain(levels.iter().map(|level| level.value));
        let frame = Frame::new(
            EDGES,
            x,
            range_of_scores(all.map(|y| drawn.scale * y), drawn.limits),
        );
        let mut canvas = Canvas::new(ONE_COLUMN, 186.0);
        let ticks = self
            .points
            .iter()
            .map(|point| (on_axis(point.x), point.label.clone()));
        let ticks = apart(ticks, |x| frame.x.at(x));
        let axis = match log {
            true => format!("{} (logarithmic)", self.axis),
            false => self.axis.to_owned(),
        };
        frame.x_ticks(&mut canvas, &axis, &ticks);
        frame.y_axis(&mut canvas, drawn.axis, 5);
        let place = |x: f64, y: f64| frame.at(on_axis(x), drawn.scale * y);
        self.band(&mut canvas, &place);
        self.draw_levels(&mut canvas, &frame, &levels, &drawn);
        self.draw_points(&mut canvas, &place);
        let [name, title] = self.named;
        Some(Figure::new(name, title, self.caption(&drawn), canvas))
    }

    /// The levels that do not squeeze the curve: within twice its height of it.
    fn levels_in_range(&self) -> Vec<&Level> {
        let values = self.points.iter().flat_map(|point| {
            let [low, high] = point.ends.unwrap_or([point.mean; 2]);
            point.folds.iter().copied().chain([low, high])
        });
        let [low, high] = range(values, false);
        let far = 2.0 * (high - low);
        let near = |level: &&Level| (low - far..=high + far).contains(&level.value);
        self.levels.iter().filter(near).collect()
    }

    fn band(&self, canvas: &mut Canvas, place: &dyn Fn(f64, f64) -> [f64; 2]) {
        let ends: Option<Vec<(f64, [f64; 2])>> = self
            .points
            .iter()
            .map(|point| Some((point.x, point.ends?)))
            .collect();
        let Some(ends) = ends else { return };
        let upper = ends.iter().map(|&(x, [_, high])| place(x, high));
        let lower = ends.iter().rev().map(|&(x, [low, _])| place(x, low));
        let outline: Vec<[f64; 2]> = upper.chain(lower).collect();
        canvas.area(&outline, modality_ink(Modality::Video), 0.14);
    }

    fn draw_levels(&self, canvas: &mut Canvas, frame: &Frame, levels: &[&Level], drawn: &Drawn) {
        let [left, right, _, bottom] = EDGES;
        let inks = [modality_ink(Modality::Audio), MUTED];
        for (i, level) in levels.iter().enumerate() {
            let ink = inks[i % inks.len()];
            let y = frame.y.at(drawn.scale * level.value);
            canvas.line([[left, y], [right, y]], ink, 1.1, "4 2");
            // Below the line, or above it where the axis is near.
            let label = format!("{}, {}", level.name, drawn.value(level.value));
            let below = if y + 9.0 < bottom { y + 7.5 } else { y - 2.5 };
            canvas.text([right - 2.0, below], &label, Anchor::End, LABEL, ink);
        }
    }

    fn draw_points(&self, canvas: &mut Canvas, place: &dyn Fn(f64, f64) -> [f64; 2]) {
        let ink = modality_ink(Modality::Video);
        for point in self.points {
            for &fold in &point.folds {
                canvas.dot(place(point.x, fold), 1.2, ink, 0.4);
            }
            if let Some(std) = point.std {
                let bar = [point.mean - std, point.mean + std].map(|end| place(point.x, end));
                canvas.line(bar, ink, 1.0, "");
            }
        }
        let means: Vec<_> = self
            .points
            .iter()
            .map(|point| place(point.x, point.mean))
            .collect();
        canvas.path(&means, ink, 1.4, "");
        means
            .iter()
            .for_each(|&mean| canvas.dot(mean, 2.4, ink, 1.0));
        if let Some(best) = self.best() {
            canvas.ring(place(best.x, best.mean), 4.2, INK, 0.9);
        }
    }

    fn best(&self) -> Option<&CurvePoint> {
        let higher = self.main.higher_is_better();
        let mut points = self.points.iter();
        let first = points.next()?;
        Some(points.fold(first, |best, next| {
            match (next.mean > best.mean) == higher && next.mean != best.mean {
                true => next,
                false => best,
            }
        }))
    }

    /// What the marks are, and the best value.
    fn caption(&self, drawn: &Drawn) -> String {
        let Some(best) = self.best() else {
            return String::new();
        };
        let mut text = match best.folds.len() {
            1 => "Dots: the score of one fold.".to_owned(),
            folds => format!(
                "Large dots: mean over {folds} folds; lines: ± one sample standard deviation over folds; small dots: folds."
            ),
        };
        if self.points.iter().all(|point| point.ends.is_some()) {
            text += " Band: 95 % interval of all held-out clips together.";
        }
        text += &format!(
            " Ringed: the best, {} with {}, chosen by these scores and so optimistically biased.",
            best.label,
            drawn.value(best.mean)
        );
        for level in self.levels {
            text += &format!(
                " {}: {}.",
                capitalised(&level.name),
                drawn.value(level.value)
            );
        }
        match self.caption {
            "" => text,
            more => format!("{text} {more}"),
        }
    }
}

/// A sentence's first word.
fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(x: f64, mean: f64) -> CurvePoint {
        CurvePoint {
            x,
            label: x.to_string(),
            mean,
            std: Some(0.02),
            folds: vec![mean - 0.02, mean + 0.02],
            ends: Some([mean - 0.05, mean + 0.05]),
        }
    }

    fn curve(points: &[CurvePoint], levels: &[Level], main: Monitor) -> Option<Figure> {
        let curve = Curve {
            named: ["sweep", "Score against train.lr"],
            axis: "train.lr",
            main,
            points,
            across: None,
            levels,
            caption: "",
        };
        curve.figure()
    }

    #[test]
    fn the_best_is_ringed_whichever_way_is_better() {
        let points = [point(1.0, 0.3), point(2.0, 0.5), point(3.0, 0.4)];
        let figure = curve(&points, &[], Monitor::Average).unwrap();
        assert!(
            figure.caption.contains("the best, 2 with 50.00 %"),
            "{}",
            figure.caption
        );
        let figure = curve(&points, &[], Monitor::Kl).unwrap();
        assert!(
            figure.caption.contains("the best, 1 with 0.3000"),
            "{}",
            figure.caption
        );
        let svg = figure.svg();
        assert_eq!(svg.matches("<polygon").count(), 1);
        assert!(!svg.contains("NaN") && !svg.contains("inf"));
        assert!(curve(&points[..1], &[], Monitor::Kl).is_none());
    }

    #[test]
    fn a_level_far_below_is_told_and_not_drawn() {
        let points = [point(1.0, 0.5), point(2.0, 0.52)];
        let level = |value| Level {
            name: "uniform fusion".into(),
            value,
        };
        let near = curve(&points, &[level(0.4)], Monitor::Average).unwrap();
        assert!(near.svg().contains("uniform fusion, 40.00 %</text>"));
        let far = curve(&points, &[level(0.04)], Monitor::Average).unwrap();
        assert!(!far.svg().contains("uniform fusion, 4.00 %</text>"));
        assert!(
            far.caption.contains("Uniform fusion: 4.00 %."),
            "{}",
            far.caption
        );
    }

    #[test]
    fn rates_are_drawn_on_a_logarithmic_axis_and_counts_are_not() {
        assert!(is_logarithmic(&[1e-4, 1e-3, 1e-2]));
        assert!(!is_logarithmic(&[1.0, 10.0, 20.0, 36.0]));
        assert!(!is_logarithmic(&[0.0, 0.1, 0.5]));
        assert!(!is_logarithmic(&[]));
    }
}
