//! Estimates with their intervals, one row each: differences from a reference, or scores side by side.

use super::canvas::{
    Anchor, Canvas, INK, Ink, LABEL, MUTED, ONE_COLUMN, PAPER, text_width, within,
};
use super::frame::{Frame, signed};
use super::scale::range;
use super::{Figure, modality_ink};
use crate::encoders::Modality;
use crate::eval::statistics::Verdict;

/// Height of a row: a line of text, and below it the estimate with its interval.
const ROW: f64 = 19.0;
/// The left and right edge of the plot.
const EDGES: [f64; 2] = [8.0, ONE_COLUMN - 8.0];

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub struct Estimate {
    /// What is estimated.
    pub name: String,
    /// The estimate, in the unit of the axis.
    pub value: f64,
    /// The ends of its interval.
    pub ends: Option<[f64; 2]>,
    /// What follows from it; none of what is not compared.
    pub verdict: Option<Verdict>,
}

/// What is drawn.
#[derive(Clone, Debug)]
pub struct Forest<'a> {
    /// Name and title of the figure.
    pub named: [&'a str; 2],
    /// The title of the axis.
    pub axis: &'a str,
    /// In the order in which they are drawn.
    pub rows: &'a [Estimate],
    /// Whether the rows are differences: a line marks 0, and numbers have signs.
    pub differences: bool,
    /// Decimals of the numbers.
    pub digits: usize,
    /// How to read it.
    pub caption: String,
}

/// The colour and the mark of a verdict.
fn told(verdict: Option<Verdict>) -> (Ink, &'static str) {
    match verdict {
        Some(Verdict::Better) => (modality_ink(Modality::Multimodal), "▲ "),
        Some(Verdict::Worse) => (modality_ink(Modality::Audio), "▼ "),
        Some(Verdict::WithinNoise) => (MUTED, "≈ "),
        None => (modality_ink(Modality::Video), ""),
    }
}

impl Forest<'_> {
    /// The drawing; `None` without rows.
    pub fn figure(self) -> Option<Figure> {
        let rows: Vec<&Estimate> = self
            .rows
            .iter()
            .filter(|row| row.value.is_finite())
            .collect();
        if rows.is_empty() {
            return None;
        }
        let top = 6.0;
        let bottom = top + rows.len() as f64 * ROW + 3.0;
        let mut canvas = Canvas::new(ONE_COLUMN, bottom + 28.0);
        let ends = rows.iter().flat_map(|row| {
            let [low, high] = row.ends.unwrap_or([row.value; 2]);
            [low, high, row.value]
        });
        let zero = self.differences.then_some(0.0);
        let values = range(ends.chain(zero), false);
        let frame = Frame::new([EDGES[0], EDGES[1], top, bottom], values, [0.0, 1.0]);
        frame.x_axis(&mut canvas, self.axis, 5);
        if self.differences {
            let x = frame.x.at(0.0);
            canvas.line([[x, top], [x, bottom]], MUTED, 0.9, "3 2");
        }
        for (i, row) in rows.iter().enumerate() {
            self.row(&mut canvas, &frame, row, top + i as f64 * ROW);
        }
        let [name, title] = self.named;
        Some(Figure::new(name, title, self.caption, canvas))
    }

    fn row(&self, canvas: &mut Canvas, frame: &Frame, row: &Estimate, top: f64) {
        let (ink, mark) = told(row.verdict);
        let numbers = format!("{mark}{}", self.numbers(row));
        let room = EDGES[1] - EDGES[0] - text_width(&numbers, LABEL) - 6.0;
        let line = top + 8.0;
        let name = within(&row.name, LABEL, room);
        // No line of the grid runs through the text.
        for (text, from) in [
            (&name, EDGES[0]),
            (&numbers, EDGES[1] - text_width(&numbers, LABEL)),
        ] {
            let width = text_width(text, LABEL);
            canvas.bar([from - 1.0, top + 0.5], [width + 2.0, 9.5], PAPER);
        }
        canvas.text([EDGES[0], line], &name, Anchor::Start, LABEL, INK);
        canvas.text([EDGES[1], line], &numbers, Anchor::End, LABEL, ink);
        let middle = top + 13.5;
        if let Some(ends) = row.ends {
            let [low, high] = ends.map(|end| frame.x.at(end));
            canvas.line([[low, middle], [high, middle]], ink, 1.4, "");
            for end in [low, high] {
                canvas.line([[end, middle - 2.0], [end, middle + 2.0]], ink, 1.0, "");
            }
        }
        canvas.dot([frame.x.at(row.value), middle], 2.6, ink, 1.0);
    }

    fn numbers(&self, row: &Estimate) -> String {
        let number = |value: f64| match self.differences && value > 0.0 {
            true => format!("+{}", signed(value, self.digits)),
            false => signed(value, self.digits),
        };
        match row.ends {
            Some([low, high]) => {
                format!("{} [{}, {}]", number(row.value), number(low), number(high))
            }
            None => number(row.value),
        }
    }
}

/// What the marks of differences mean, for captions.
pub const MARKS: &str =
    "▲ better and ▼ worse beyond noise, ≈ within noise (Holm's p over the table).";

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(name: &str, value: f64, ends: Option<[f64; 2]>) -> Estimate {
        Estimate {
            name: name.into(),
            value,
            ends,
            verdict: Some(Verdict::WithinNoise),
        }
    }

    fn drawn(rows: &[Estimate], differences: bool) -> Option<String> {
        let forest = Forest {
            named: ["differences", "Differences"],
            axis: "Difference (percentage points)",
            rows,
            differences,
            digits: 2,
            caption: String::new(),
        };
        forest.figure().map(|figure| figure.svg())
    }

    #[test]
    fn every_row_has_its_numbers_and_its_mark() {
        let rows = [
            estimate("a", -2.5, Some([-4.0, -1.0])),
            estimate("b", 0.25, None),
        ];
        let svg = drawn(&rows, true).unwrap();
        assert!(svg.contains("≈ −2.50 [−4.00, −1.00]"), "{svg}");
        assert!(svg.contains("≈ +0.25<"), "{svg}");
        assert_eq!(svg.matches("<circle").count(), 2);
        assert!(!svg.contains("NaN"));
        assert_eq!(drawn(&[], true), None);
        assert_eq!(drawn(&[estimate("x", f64::NAN, None)], true), None);
    }

    #[test]
    fn a_long_name_ends_before_the_numbers() {
        let rows = [estimate(&"encoder ".repeat(30), 0.0, Some([0.0, 0.0]))];
        let svg = drawn(&rows, false).unwrap();
        assert!(svg.contains("…</text>"), "{svg}");
    }
}
