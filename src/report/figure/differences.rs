//! Differences from a reference with their intervals, one line each.

use super::Figure;
use super::canvas::{Anchor, Canvas, INK, LABEL, MUTED, TWO_COLUMNS, text_width};
use super::frame::{Frame, signed};
use super::scale::range;
use crate::analysis::compare::Compared;
use crate::eval::statistics::Verdict;
use crate::report::compare::drawn;
use crate::report::main_measure::Drawn;

/// Height of a line.
const LINE: f64 = 18.0;
/// Space above the lines and below them, for the axis.
const ABOVE: f64 = 14.0;
const BELOW: f64 = 34.0;
/// The longest name that is written out.
const LONGEST: usize = 44;

/// The figure of a comparison; `None` if nothing is compared with the reference.
pub fn differences(found: &Compared) -> Option<Figure> {
    let lines = drawn(found);
    let reference = &found.sides[found.reference].side.name;
    let main = Drawn::of(found.main);
    let scaled = |value: f64| main.scale * value;
    let ends = lines.iter().flat_map(|(_, difference, _)| {
        let interval = difference.interval.map(|i| [i.low, i.high]);
        let ends = interval.unwrap_or([difference.estimate; 2]);
        ends.into_iter().chain([difference.estimate]).map(scaled)
    });
    if lines.is_empty() {
        return None;
    }
    let names: Vec<String> = lines.iter().map(|(name, ..)| shortened(name)).collect();
    let widest = names.iter().map(|name| text_width(name, LABEL));
    let left = 12.0 + widest.fold(40.0, f64::max);
    let right = TWO_COLUMNS - 62.0;
    let bottom = ABOVE + LINE * lines.len() as f64;
    let mut canvas = Canvas::new(TWO_COLUMNS, bottom + BELOW);
    let rows = [0.0, lines.len() as f64];
    let frame = Frame::new([left, right, ABOVE, bottom], range(ends, true), rows);
    frame.x_axis(&mut canvas, &main.change(), 6);
    frame.mark_x(&mut canvas, 0.0, "");
    for (row, ((_, difference, verdict), name)) in lines.iter().zip(&names).enumerate() {
        let y = ABOVE + LINE * (row as f64 + 0.5);
        // Shape and ink tell the verdict alike: filled where it is beyond noise.
        let ink = match verdict {
            Verdict::WithinNoise => MUTED,
            Verdict::Better | Verdict::Worse => INK,
        };
        canvas.text([left - 6.0, y + 2.5], name, Anchor::End, LABEL, INK);
        let [x, _] = frame.at(scaled(difference.estimate), 0.0);
        if let Some(interval) = difference.interval {
            let ends = [interval.low, interval.high].map(|end| frame.at(scaled(end), 0.0)[0]);
            canvas.line([[ends[0], y], [ends[1], y]], ink, 1.2, "");
        }
        canvas.dot([x, y], 2.6, ink, 1.0);
        let digits = if main.scale == 1.0 { 4 } else { 1 };
        let value = format!(
            "{}{}",
            signed(scaled(difference.estimate), digits),
            mark(*verdict)
        );
        canvas.text([right + 6.0, y + 2.5], &value, Anchor::Start, LABEL, ink);
    }
    let caption = format!(
        "Differences in the {} from {reference} over {} clips, with intervals at the confidence that Holm's procedure asks of each; * is beyond noise. {}",
        main.name,
        found.names.len(),
        told(&lines, found)
    );
    Some(Figure::new(
        "compare",
        "Differences from the reference",
        caption,
        canvas,
    ))
}

/// The verdicts in words, for readers who do not see the figure.
fn told(
    lines: &[(String, crate::eval::statistics::Difference, Verdict)],
    found: &Compared,
) -> String {
    let main = Drawn::of(found.main);
    let line = |(name, difference, verdict): &(String, _, Verdict)| {
        let difference: &crate::eval::statistics::Difference = difference;
        let verdict = match verdict {
            Verdict::Better => "better",
            Verdict::Worse => "worse",
            Verdict::WithinNoise => "within noise",
        };
        format!("{name}: {}, {verdict}", main.value(difference.estimate))
    };
    let lines: Vec<String> = lines.iter().map(line).collect();
    format!("{}.", lines.join("; "))
}

fn mark(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::WithinNoise => "",
        Verdict::Better | Verdict::Worse => " *",
    }
}

/// The end of a long path says more than its beginning.
fn shortened(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    match chars.len() > LONGEST {
        true => std::iter::once('…')
            .chain(chars[chars.len() - LONGEST + 1..].iter().copied())
            .collect(),
        false => name.to_owned(),
    }
}
