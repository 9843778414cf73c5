//! A plot's frame: axes with ticks, titles and grid lines.

use super::canvas::{Anchor, Canvas, GRID, INK, LABEL, MUTED, TITLE, text_width};
use super::scale::Scale;

/// A plot area with its two scales.
#[derive(Clone, Copy, Debug)]
pub struct Frame {
    /// Left, right, top and bottom edge.
    pub edges: [f64; 4],
    /// Horizontal scale.
    pub x: Scale,
    /// Vertical scale.
    pub y: Scale,
}

impl Frame {
    /// A frame with these edges (left, right, top, bottom) and ranges of values.
    pub fn new(edges: [f64; 4], x: [f64; 2], y: [f64; 2]) -> Self {
        let [left, right, top, bottom] = edges;
        Self {
            edges,
            x: Scale::new(x, [left, right]),
            y: Scale::new(y, [bottom, top]),
        }
    }

    /// The position of a pair of values.
    pub fn at(&self, x: f64, y: f64) -> [f64; 2] {
        [self.x.at(x), self.y.at(y)]
    }

    /// The bottom axis, with vertical grid lines.
    pub fn x_axis(&self, canvas: &mut Canvas, title: &str, ticks: usize) {
        let (values, digits) = self.x.ticks(ticks);
        let labels = values.iter().map(|x| (*x, signed(*x, digits)));
        self.x_ticks(canvas, title, &labels.collect::<Vec<_>>());
    }

    /// The same with given ticks.
    pub fn x_ticks(&self, canvas: &mut Canvas, title: &str, ticks: &[(f64, String)]) {
        let [left, right, top, bottom] = self.edges;
        for (value, label) in ticks {
            let x = self.x.at(*value);
            canvas.line([[x, top], [x, bottom]], GRID, 0.5, "");
            canvas.text([x, bottom + 10.0], label, Anchor::Middle, LABEL, INK);
        }
        canvas.line([[left, bottom], [right, bottom]], INK, 0.6, "");
        // Centred below the plot if it is wide enough, otherwise shifted into the drawing.
        let half = text_width(title, TITLE) / 2.0;
        let middle = ((left + right) / 2.0)
            .min(canvas.width - 4.0 - half)
            .max(half + 2.0);
        canvas.text([middle, bottom + 22.0], title, Anchor::Middle, TITLE, INK);
    }

    /// The left axis, with horizontal grid lines.
    pub fn y_axis(&self, canvas: &mut Canvas, title: &str, ticks: usize) {
        let [left, right, top, bottom] = self.edges;
        let (values, digits) = self.y.ticks(ticks);
        for value in &values {
            let y = self.y.at(*value);
            let label = signed(*value, digits);
            canvas.line([[left, y], [right, y]], GRID, 0.5, "");
            canvas.text([left - 4.0, y + 2.5], &label, Anchor::End, LABEL, INK);
        }
        let place = [left - 27.0, (top + bottom) / 2.0];
        canvas.vertical_text(place, title, Anchor::Middle, TITLE, INK);
    }

    /// A vertical line at a value, with a label above the plot.
    pub fn mark_x(&self, canvas: &mut Canvas, value: f64, label: &str) {
        let [_, _, top, bottom] = self.edges;
        let x = self.x.at(value);
        canvas.line([[x, top - 2.0], [x, bottom]], MUTED, 0.8, "3 2");
        canvas.text([x, top - 4.0], label, Anchor::Middle, LABEL, MUTED);
    }
}

/// A number with a typographic minus sign.
pub fn signed(value: f64, digits: usize) -> String {
    format!("{value:.digits$}").replace('-', "−")
}
