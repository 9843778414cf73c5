//! The score of every fold.

use super::canvas::{Anchor, Canvas, LABEL, MUTED, ONE_COLUMN};
use super::curve::{Level, apart};
use super::frame::Frame;
use super::scale::range_of_scores;
use super::{Figure, modality_ink};
use crate::config::Monitor;
use crate::encoders::Modality;
use crate::report::main_measure::Drawn;

/// The plot's left, right, top and bottom edge.
const EDGES: [f64; 4] = [36.0, ONE_COLUMN - 10.0, 10.0, 124.0];

/// What is drawn.
#[derive(Clone, Debug)]
pub struct FoldScores<'a> {
    /// The measure.
    pub main: Monitor,
    /// Number and score of each fold, once for each seed.
    pub folds: &'a [(usize, f64)],
    /// The mean over all.
    pub mean: f64,
    /// The interval of all clips together.
    pub ends: Option<[f64; 2]>,
    /// What answers without a model reach.
    pub trivial: Option<&'a Level>,
}

impl FoldScores<'_> {
    /// The drawing; `None` with fewer than two folds.
    pub fn figure(&self) -> Option<Figure> {
        let mut numbers: Vec<usize> = self.folds.iter().map(|(fold, _)| *fold).collect();
        numbers.sort_unstable();
        numbers.dedup();
        if numbers.len() < 2 {
            return None;
        }
        let drawn = Drawn::of(self.main);
        let scores = self.folds.iter().map(|(_, score)| *score);
        let levels = self.trivial.map(|level| level.value);
        let all = scores.chain(self.ends.into_iter().flatten()).chain(levels);
        let y = range_of_scores(all.map(|score| drawn.scale * score), drawn.limits);
        let frame = Frame::new(EDGES, [-0.5, numbers.len() as f64 - 0.5], y);
        let mut canvas = Canvas::new(ONE_COLUMN, 156.0);
        let ticks = numbers.iter().enumerate();
        let ticks = ticks.map(|(place, fold)| (place as f64, fold.to_string()));
        let ticks = apart(ticks, |x| frame.x.at(x));
        frame.x_ticks(&mut canvas, "Held-out fold", &ticks);
        frame.y_axis(&mut canvas, drawn.axis, 5);
        let ink = modality_ink(Modality::Video);
        let [left, right, ..] = EDGES;
        let height = |score: f64| frame.y.at(drawn.scale * score);
        if let Some([low, high]) = self.ends.map(|ends| ends.map(height)) {
            canvas.area(
                &[[left, low], [right, low], [right, high], [left, high]],
                ink,
                0.14,
            );
        }
        let mean = height(self.mean);
        canvas.line([[left, mean], [right, mean]], ink, 1.2, "");
        if let Some(level) = self.trivial {
            let y = height(level.value);
            canvas.line([[left, y], [right, y]], MUTED, 1.0, "4 2");
            canvas.text(
                [right - 2.0, y - 2.5],
                &level.name,
                Anchor::End,
                LABEL,
                MUTED,
            );
        }
        for (fold, score) in self.folds {
            let place = numbers.iter().position(|number| number == fold);
            let x = frame.x.at(place.unwrap_or_default() as f64);
            canvas.dot([x, height(*score)], 2.4, ink, 0.75);
        }
        Some(Figure::new(
            "fold_scores",
            "The score of every fold",
            self.caption(&drawn, numbers.len()),
            canvas,
        ))
    }

    fn caption(&self, drawn: &Drawn, folds: usize) -> String {
        let seeds = self.folds.len() / folds;
        let mut text = match seeds {
            1 => "Dots: the held-out clips of each fold.".to_owned(),
            _ => format!("Dots: the held-out clips of each fold, for each of {seeds} seeds."),
        };
        text += &format!(" Line: their mean, {}.", drawn.value(self.mean));
        if self.ends.is_some() {
            text += " Band: 95 % interval of all clips together.";
        }
        if let Some(level) = self.trivial {
            text += &format!(" Dashed: {}, {}.", level.name, drawn.value(level.value));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_fold_and_seed_is_a_dot() {
        let folds = [(0, 0.2), (3, 0.4), (0, 0.3), (3, 0.35)];
        let level = Level {
            name: "the most frequent blend".into(),
            value: 0.05,
        };
        let drawn = FoldScores {
            main: Monitor::Average,
            folds: &folds,
            mean: 0.3125,
            ends: Some([0.2, 0.4]),
            trivial: Some(&level),
        };
        let figure = drawn.figure().unwrap();
        assert_eq!(figure.svg().matches("<circle").count(), 4);
        assert!(figure.caption.contains("2 seeds"), "{}", figure.caption);
        assert!(figure.caption.contains("31.25 %"), "{}", figure.caption);
        let one = FoldScores {
            folds: &folds[..1],
            ..drawn
        };
        assert!(one.figure().is_none());
    }
}
