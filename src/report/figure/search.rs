//! Figures of a search over several keys: its course, which keys matter, and the scores at each value.

use super::canvas::{Anchor, Canvas, INK, LABEL, MUTED, ONE_COLUMN, TITLE, within};
use super::curve::{apart, is_logarithmic};
use super::frame::Frame;
use super::heat::colour_bar;
use super::scale::{range, range_of_scores, sequential, text_on};
use super::{Figure, modality_ink, widest};
use crate::config::Monitor;
use crate::encoders::Modality;
use crate::report::key_importance::KeyImportance;
use crate::report::main_measure::Drawn;

/// Whether a score is better than another.
fn better(main: Monitor, score: f64, than: f64) -> bool {
    match main.higher_is_better() {
        true => score > than,
        false => score < than,
    }
}

/// The score of every configuration in the order in which they were tried, and the best so far. `None` with
/// fewer than two scores.
pub fn history(main: Monitor, scores: &[Option<f64>]) -> Option<Figure> {
    let there: Vec<(usize, f64)> = scores
        .iter()
        .enumerate()
        .filter_map(|(place, score)| Some((place + 1, (*score)?)))
        .collect();
    if there.len() < 2 {
        return None;
    }
    let drawn = Drawn::of(main);
    let y = range_of_scores(
        there.iter().map(|(_, score)| drawn.scale * score),
        drawn.limits,
    );
    let last = scores.len() as f64;
    let edges = [36.0, ONE_COLUMN - 10.0, 10.0, 134.0];
    let frame = Frame::new(edges, [0.5, last + 0.5], y);
    let mut canvas = Canvas::new(ONE_COLUMN, 166.0);
    let ticks = (1..=scores.len()).map(|number| (number as f64, number.to_string()));
    let ticks = apart(ticks, |x| frame.x.at(x));
    frame.x_ticks(&mut canvas, "Configuration, in the order tried", &ticks);
    frame.y_axis(&mut canvas, drawn.axis, 5);
    let ink = modality_ink(Modality::Video);
    let mut best: Option<(usize, f64)> = None;
    let mut steps = Vec::new();
    for &(number, score) in &there {
        if best.is_none_or(|(_, so_far)| better(main, score, so_far)) {
            if let Some((_, so_far)) = best {
                steps.push(frame.at(number as f64, drawn.scale * so_far));
            }
            best = Some((number, score));
            steps.push(frame.at(number as f64, drawn.scale * score));
        }
    }
    let (number, score) = best?;
    steps.push(frame.at(last + 0.5, drawn.scale * score));
    canvas.path(&steps, modality_ink(Modality::Audio), 1.4, "");
    for &(number, score) in &there {
        let place = frame.at(number as f64, drawn.scale * score);
        canvas.dot(place, 2.0, ink, 0.75);
    }
    canvas.ring(frame.at(number as f64, drawn.scale * score), 4.2, INK, 0.9);
    let caption = format!(
        "Dots: mean over folds of each configuration; line: the best so far; ringed: the best, number {number} with {}, chosen by these scores and so optimistically biased.",
        drawn.value(score)
    );
    Some(Figure::new(
        "search_history",
        "The course of the search",
        caption,
        canvas,
    ))
}

/// What each key explains of the scores. `None` where nothing can be told.
pub fn importance(keys: &[KeyImportance], configurations: usize) -> Option<Figure> {
    if keys.is_empty() {
        return None;
    }
    let names: Vec<String> = keys.iter().map(|key| key.key.clone()).collect();
    let (row, top) = (14.0, 6.0);
    let left = (widest(&names, LABEL) + 10.0).min(130.0);
    let bottom = top + keys.len() as f64 * row;
    let mut canvas = Canvas::new(ONE_COLUMN, bottom + 30.0);
    let edges = [left, ONE_COLUMN - 30.0, top, bottom];
    let frame = Frame::new(edges, [0.0, 100.0], [0.0, 1.0]);
    frame.x_axis(&mut canvas, "Variance of the score explained (%)", 4);
    for (i, key) in keys.iter().enumerate() {
        let y = top + i as f64 * row;
        let name = within(&key.key, LABEL, left - 6.0);
        canvas.text([left - 4.0, y + 9.5], &name, Anchor::End, LABEL, INK);
        let width = frame.x.at(100.0 * key.explained) - left;
        let ink = modality_ink(Modality::Video);
        canvas.bar([left, y + 3.0], [width.max(0.6), row - 6.0], ink);
        let share = format!("{:.0} %", 100.0 * key.explained);
        let right = [ONE_COLUMN - 3.0, y + 9.5];
        canvas.text(right, &share, Anchor::End, LABEL, MUTED);
    }
    let caption = format!(
        "How much of the differences between the {configurations} configurations' scores each key explains by itself: ε² between its values, or between quarters of them where there are many; chance is subtracted, so 0 means that nothing can be told. Keys that act only together are not seen."
    );
    Some(Figure::new(
        "search_importance",
        "Which keys matter",
        caption,
        canvas,
    ))
}

/// One configuration of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice<'a> {
    /// The key.
    pub key: &'a str,
    /// Its number in each configuration, with the score there.
    pub points: Vec<(f64, f64)>,
}

/// The scores of all configurations against a numeric key; `None` with fewer than two.
pub fn slice(main: Monitor, slice: &Slice<'_>) -> Option<Figure> {
    let values: Vec<f64> = slice.points.iter().map(|(value, _)| *value).collect();
    if values.len() < 2 {
        return None;
    }
    let drawn = Drawn::of(main);
    let y = range_of_scores(
        slice.points.iter().map(|(_, score)| drawn.scale * score),
        drawn.limits,
    );
    let log = is_logarithmic(&values);
    let on_axis = |x: f64| if log { x.ln() } else { x };
    let x = range(values.iter().map(|&x| on_axis(x)), false);
    let mut canvas = Canvas::new(ONE_COLUMN, 132.0);
    let frame = Frame::new([36.0, ONE_COLUMN - 10.0, 10.0, 100.0], x, y);
    let ticks = apart(ticks(&values, log), |x| frame.x.at(x));
    let title = match log {
        true => format!("{} (logarithmic)", slice.key),
        false => slice.key.to_owned(),
    };
    frame.x_ticks(&mut canvas, &title, &ticks);
    frame.y_axis(&mut canvas, drawn.axis, 4);
    let place = |(value, score): (f64, f64)| frame.at(on_axis(value), drawn.scale * score);
    for &point in &slice.points {
        canvas.dot(place(point), 2.0, modality_ink(Modality::Video), 0.65);
    }
    let points = slice.points.iter().copied();
    if let Some(best) = points.reduce(|a, b| if better(main, b.1, a.1) { b } else { a }) {
        canvas.ring(place(best), 4.2, INK, 0.9);
    }
    Some(Figure::new(
        &format!("search_{}", slice.key.replace('.', "_")),
        &format!("The score against {}", slice.key),
        "Each dot is a configuration, with its mean over folds; ringed: the best. The other keys differ from dot to dot as well.".into(),
        canvas,
    ))
}

/// Ticks between the lowest and the highest value: round ones, or powers of ten where there are two.
fn ticks(values: &[f64], log: bool) -> Vec<(f64, String)> {
    let [low, high] =
        [f64::min, f64::max].map(|of| values.iter().copied().reduce(of).unwrap_or(0.0));
    if log {
        let powers = (low.log10().ceil() as i32)..=(high.log10().floor() as i32);
        let powers: Vec<_> = powers
            .map(|power| {
                let value = 10f64.powi(power);
                (value.ln(), short(value))
            })
            .collect();
        if powers.len() > 1 {
            return powers;
        }
        return [low, high].map(|value| (value.ln(), short(value))).into();
    }
    let (values, digits) = super::scale::Scale::new([low, high], [0.0, 1.0]).ticks(5);
    let labels = values.into_iter();
    labels
        .map(|x| (x, super::frame::signed(x, digits)))
        .collect()
}

/// A number in few characters.
fn short(value: f64) -> String {
    let plain = format!("{value}");
    let rounded = format!("{value:.1e}").replace(".0e", "e");
    match plain.len() > 6 && rounded.len() < plain.len() {
        true => rounded,
        false => plain,
    }
}

/// A grid of two keys.
#[derive(Clone, Debug)]
pub struct Grid<'a> {
    /// The keys of rows and columns.
    pub keys: [&'a str; 2],
    /// Their values, in order.
    pub values: [&'a [String]; 2],
    /// `scores[row][column]`, where there is one.
    pub scores: &'a [Vec<Option<f64>>],
}

/// The scores of a grid of two keys as a heat map. `None` without a score.
pub fn grid(main: Monitor, grid: &Grid<'_>) -> Option<Figure> {
    let drawn = Drawn::of(main);
    let mut best: Option<([usize; 2], f64)> = None;
    let mut ends = [f64::INFINITY, f64::NEG_INFINITY];
    for (i, row) in grid.scores.iter().enumerate() {
        for (j, score) in row.iter().enumerate() {
            let Some(score) = *score else { continue };
            ends = [ends[0].min(score), ends[1].max(score)];
            if best.is_none_or(|(_, so_far)| better(main, score, so_far)) {
                best = Some(([i, j], score));
            }
        }
    }
    let (place, score) = best?;
    let [rows, columns] = grid.values;
    let left = (widest(rows, LABEL) + 22.0).min(110.0);
    let width = ((ONE_COLUMN - left - 6.0) / columns.len().max(1) as f64).min(44.0);
    let height = 15.0;
    let (top, side) = (6.0, width * columns.len() as f64);
    let turned = widest(columns, LABEL) > width - 2.0;
    let labels = if turned {
        widest(columns, LABEL).min(80.0) + 6.0
    } else {
        10.0
    };
    let bottom = top + height * rows.len() as f64;
    let mut canvas = Canvas::new(ONE_COLUMN, bottom + labels + 46.0);
    let share = |score: f64| (score - ends[0]) / (ends[1] - ends[0]).max(1e-12);
    for (i, name) in rows.iter().enumerate() {
        let y = top + i as f64 * height;
        let name = within(name, LABEL, left - 20.0);
        canvas.text([left - 4.0, y + 10.0], &name, Anchor::End, LABEL, INK);
        for j in 0..columns.len() {
            let x = left + j as f64 * width;
            let Some(score) = grid.scores[i][j] else {
                continue;
            };
            let colour = sequential(share(score));
            canvas.cell([x + 0.5, y + 0.5], [width - 1.0, height - 1.0], &colour);
            if width >= 20.0 {
                let label = match drawn.scale {
                    100.0 => format!("{:.1}", 100.0 * score),
                    _ => format!("{score:.3}"),
                };
                let middle = [x + width / 2.0, y + 10.0];
                canvas.cell_text(middle, &label, 6.5, text_on(&colour));
            }
        }
    }
    let [x, y] = [
        left + place[1] as f64 * width,
        top + place[0] as f64 * height,
    ];
    let corners = [
        [x, y],
        [x + width, y],
        [x + width, y + height],
        [x, y + height],
        [x, y],
    ];
    canvas.path(&corners, modality_ink(Modality::Audio), 1.6, "");
    for (j, name) in columns.iter().enumerate() {
        let x = left + (j as f64 + 0.5) * width;
        match turned {
            true => canvas.vertical_text(
                [x + 2.5, bottom + 4.0],
                &within(name, LABEL, 80.0),
                Anchor::End,
                LABEL,
                INK,
            ),
            false => canvas.text([x, bottom + 9.0], name, Anchor::Middle, LABEL, INK),
        }
    }
    canvas.text(
        [left + side / 2.0, bottom + labels + 9.0],
        grid.keys[1],
        Anchor::Middle,
        TITLE,
        INK,
    );
    let middle = [9.0, (top + bottom) / 2.0];
    canvas.vertical_text(middle, grid.keys[0], Anchor::Middle, TITLE, INK);
    let bar = [left + 22.0, bottom + labels + 17.0];
    let said = ends.map(|end| drawn.value(end));
    colour_bar(&mut canvas, bar, 80.0, said, drawn.axis, sequential);
    let caption = format!(
        "Mean over folds at every pair of values. Framed: the best, {}={}, {}={} with {}, chosen by these scores and so optimistically biased.",
        grid.keys[0],
        rows[place[0]],
        grid.keys[1],
        columns[place[1]],
        drawn.value(score)
    );
    Some(Figure::new(
        "search_grid",
        "The score at every pair of values",
        caption,
        canvas,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_course_of_a_search_names_its_best() {
        let scores = [Some(0.2), None, Some(0.5), Some(0.4)];
        let figure = history(Monitor::Average, &scores).unwrap();
        assert!(
            figure.caption.contains("number 3 with 50.00 %"),
            "{}",
            figure.caption
        );
        let figure = history(Monitor::Kl, &scores).unwrap();
        assert!(
            figure.caption.contains("number 1 with 0.2000"),
            "{}",
            figure.caption
        );
        assert!(!figure.svg().contains("NaN"));
        assert!(history(Monitor::Average, &scores[..2]).is_none());
    }

    #[test]
    fn a_grid_frames_its_best_and_leaves_out_what_is_missing() {
        let rows = ["2".to_owned(), "4".to_owned()];
        let columns = ["0.001".to_owned(), "0.01".to_owned()];
        let scores = [vec![Some(0.1), Some(0.3)], vec![None, Some(0.2)]];
        let of = Grid {
            keys: ["model.top_k", "train.lr"],
            values: [&rows, &columns],
            scores: &scores,
        };
        let figure = grid(Monitor::Average, &of).unwrap();
        assert!(
            figure
                .caption
                .contains("model.top_k=2, train.lr=0.01 with 30.00 %")
        );
        let svg = figure.svg();
        assert!(svg.contains(">30.0<") && svg.contains(">20.0<"), "{svg}");
        assert!(!svg.contains("NaN"));
        let none = [vec![None, None], vec![None, None]];
        assert!(
            grid(
                Monitor::Average,
                &Grid {
                    scores: &none,
                    ..of
                }
            )
            .is_none()
        );
    }

    #[test]
    fn values_of_keys_are_told_in_few_characters() {
        assert_eq!(short(0.0001), "0.0001");
        assert_eq!(short(0.00001), "1e-5");
        assert_eq!(short(22.0), "22");
        let of = |values: &[f64], log| -> Vec<String> {
            ticks(values, log)
                .into_iter()
                .map(|(_, label)| label)
                .collect()
        };
        assert_eq!(of(&[1e-4, 1e-2], true), ["0.0001", "0.001", "0.01"]);
        assert_eq!(of(&[2e-4, 8e-4], true), ["0.0002", "0.0008"]);
    }
}
