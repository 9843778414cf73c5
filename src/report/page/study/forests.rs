//! Forests of a study's rows: their differences from a reference, and their scores side by side.

use crate::eval::statistics::{Interval, Unit};
use crate::report::figure::Figure;
use crate::report::figure::forest::{Estimate, Forest, MARKS};
use crate::report::lists::Lists;
use crate::report::main_measure::Drawn;
use crate::report::page::stored::{StoredRow, StoredStudy};

/// Configurations that a figure shows; of more, the best.
const MOST_ROWS: usize = 30;

/// The rows that have an estimate, the best first, in the unit of the figure; and how many there are, of
/// which the figure shows the first.
fn ranked(
    study: &StoredStudy,
    rows: &[StoredRow],
    estimated: impl Fn(&StoredRow) -> Option<(f64, Option<Interval>)>,
) -> (Vec<Estimate>, usize) {
    let drawn = Drawn::of(study.main);
    let scaled = |value: f64| drawn.scale * value;
    let mut lists = Lists::default();
    rows.iter().for_each(|row| lists.see(&row.name));
    let estimates = rows.iter().filter_map(|row| {
        let (value, interval) = estimated(row)?;
        Some(Estimate {
            name: lists.brief(&row.name),
            value: scaled(value),
            ends: interval.map(|ends| [scaled(ends.low), scaled(ends.high)]),
            verdict: row.verdict(),
        })
    });
    let mut estimates: Vec<Estimate> = estimates.collect();
    let higher = study.main.higher_is_better();
    estimates.sort_by(|a, b| match higher {
        true => b.value.total_cmp(&a.value),
        false => a.value.total_cmp(&b.value),
    });
    let all = estimates.len();
    estimates.truncate(MOST_ROWS);
    (estimates, all)
}

/// A forest of the differences of rows from the reference, the best first.
pub fn differences(study: &StoredStudy, rows: &[StoredRow], reference: &str) -> Option<Figure> {
    let drawn = Drawn::of(study.main);
    let (estimates, all) = ranked(study, rows, |row| {
        let difference = row.certainty.as_ref()?.against.as_ref()?.judged();
        Some((difference.estimate, difference.interval))
    });
    let mut caption = format!(
        "Each row minus “{reference}” on the same held-out clips, with its 95 % interval (bootstrap over {}). {MARKS}",
        drawn_from(rows)
    );
    if all > MOST_ROWS {
        caption += &format!(" The best {MOST_ROWS} of {all} rows.");
    }
    let forest = Forest {
        named: ["differences", "Differences from the reference"],
        axis: &drawn.change(),
        rows: &estimates,
        differences: true,
        digits: drawn.digits(),
        caption,
    };
    forest.figure()
}

/// What the intervals draw, and what they do not include.
fn drawn_from(rows: &[StoredRow]) -> String {
    let certain = rows.iter().filter_map(|row| row.certainty.as_ref());
    let unit = certain.map(|certainty| certainty.intervals.unit).next();
    let unit = unit.unwrap_or(Unit::Actor).plural();
    match rows.iter().any(|row| row.seeds() > 1) {
        true => format!("{unit} and seeds"),
        false => format!("{unit}; one seed, so training noise is not included"),
    }
}

/// A forest of scores, for values that have no order.
pub fn scores(study: &StoredStudy, rows: &[StoredRow], axis: &str) -> Option<Figure> {
    let drawn = Drawn::of(study.main);
    let (estimates, _) = ranked(study, rows, |row| {
        let interval = row.interval()?;
        Some((interval.estimate, Some(interval)))
    });
    let title = format!("Score by {axis}");
    let forest = Forest {
        named: ["search_scores", &title],
        axis: drawn.axis,
        rows: &estimates,
        differences: false,
        digits: drawn.digits(),
        caption: format!(
            "All held-out clips together with the 95 % interval (bootstrap over {}). Against the reference: {MARKS}",
            drawn_from(rows)
        ),
    };
    forest.figure()
}
