//! Intervals of a table's scores, and whether they differ beyond noise.

use super::main_measure;
use super::table::{Cell, DIGITS, Table};
use crate::config::Monitor;
use crate::eval::statistics::{Interval, Intervals, Unit, Verdict};
use crate::experiments::CrossValidation;
use crate::experiments::comparison::Row;
use crate::experiments::significance::Significance;

/// Digits of p-values: the smallest that random exchanges can give is 0.00001.
const P_DIGITS: usize = 5;

/// Rows that a conclusion names.
const MOST_NAMED: usize = 5;

/// Names and headings of the columns; all of them are about the main measure.
pub fn columns(main: Monitor) -> [(&'static str, &'static str); 6] {
    let interval = match main {
        Monitor::Presence => "ACC_presence, 95 % interval",
        Monitor::Salience => "ACC_salience, 95 % interval",
        Monitor::Overlap => "Overlap, 95 % interval",
        Monitor::Kl => "KL divergence, 95 % interval",
        Monitor::Average | Monitor::Auto | Monitor::Loss => "Average, 95 % interval",
    };
    [
        ("interval", interval),
        ("difference", "Difference"),
        ("difference_interval", "Difference, 95 % interval"),
        ("p", "p"),
        ("p_holm", "p (Holm)"),
        ("verdict", "Beyond noise?"),
    ]
}

/// The cells of one row.
pub fn cells(row: &Row) -> [Cell; 6] {
    cells_of(row.significance.as_ref())
}

/// The same of statistics alone.
pub(super) fn cells_of(significance: Option<&Significance>) -> [Cell; 6] {
    let Some(significance) = significance else {
        return std::array::from_fn(|_| Cell::Empty);
    };
    let main = ends(main_interval(&significance.intervals));
    let Some(against) = &significance.against else {
        return [
            main,
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
            Cell::Empty,
            Cell::text("reference"),
        ];
    };
    let verdict = match significance.verdict() {
        Some(Verdict::Better) => "better",
        Some(Verdict::Worse) => "worse",
        Some(Verdict::WithinNoise) | None => "within noise",
    };
    let difference = against.judged();
    [
        main,
        Cell::Difference(difference.estimate, DIGITS),
        ends(difference.interval.as_ref()),
        Cell::Number(against.test.p, P_DIGITS),
        significance
            .adjusted_p
            .map_or(Cell::Empty, |p| Cell::Number(p, P_DIGITS)),
        Cell::text(verdict),
    ]
}

/// The interval of the main measure.
fn main_interval(intervals: &Intervals) -> Option<&Interval> {
    intervals.main.as_ref().or(intervals.average.as_ref())
}

/// The ends of an interval.
pub(super) fn ends(interval: Option<&Interval>) -> Cell {
    interval.map_or(Cell::Empty, |interval| {
        Cell::Interval(interval.low, interval.high, DIGITS)
    })
}

/// Notes for the reader of these columns: what is compared with what, which differences may be
/// chance, and what the intervals do not include.
pub fn notes<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Vec<String> {
    let rows: Vec<(&str, &Significance)> = rows
        .into_iter()
        .filter_map(|row| {
            let name = row.entry.candidate.name.as_str();
            Some((name, row.significance.as_ref()?))
        })
        .collect();
    let Some((_, first)) = rows.first() else {
        return Vec::new();
    };
    let mut notes = vec![basis(first)];
    let reference = rows
        .iter()
        .find(|(_, significance)| significance.against.is_none());
    let compared: Vec<_> = rows
        .iter()
        .filter_map(|(name, significance)| Some((*name, significance.verdict()?)))
        .collect();
    if let (Some((reference, _)), false) = (reference, compared.is_empty()) {
        notes.push(format!(
            "Difference: the row minus \"{reference}\" on the same clips; p: permutation test, exchanging the two actor by actor; Holm: adjusted for the {} of this table. A row is beyond noise only where the Holm p is at most 0.05 and the interval of the same adjusted confidence (in the JSON file) excludes 0.",
            match compared.len() {
                1 => "1 comparison".to_owned(),
                several => format!("{several} comparisons"),
            }
        ));
        let of = |verdict: Verdict| -> Vec<&str> {
            let rows = compared.iter().filter(|(_, found)| *found == verdict);
            rows.map(|(name, _)| *name).collect()
        };
        let noise = of(Verdict::WithinNoise);
        if !noise.is_empty() {
            let all = compared.len();
            notes.push(format!(
                "WITHIN NOISE of \"{reference}\", so neither better nor worse: {} of {}.",
                noise.len(),
                match all {
                    1 => "1 row".to_owned(),
                    _ => format!("{all} rows"),
                }
            ));
        }
        notes.push(conclusion(
            reference,
            &of(Verdict::Better),
            &of(Verdict::Worse),
            noise.len(),
        ));
    }
    notes
}

/// One sentence: what follows from the comparisons with the reference.
pub(super) fn conclusion(reference: &str, better: &[&str], worse: &[&str], noise: usize) -> String {
    let list = |names: &[&str]| match names.len().saturating_sub(MOST_NAMED) {
        0 | 1 => names.join("; "),
        more => format!("{}; and {more} more", names[..MOST_NAMED].join("; ")),
    };
    match (better.is_empty(), worse.is_empty()) {
        (true, true) => format!(
            "CONCLUSION: these clips show no difference from \"{reference}\" in any row; choose by cost, or compare again with more seeds or more actors."
        ),
        (true, false) if noise == 0 => {
            format!("CONCLUSION: keep \"{reference}\"; every other row is worse beyond noise.")
        }
        (true, false) => format!(
            "CONCLUSION: keep \"{reference}\" or a row within noise of it; worse beyond noise: {}.",
            list(worse)
        ),
        (false, true) => format!(
            "CONCLUSION: better than \"{reference}\" beyond noise: {}.",
            list(better)
        ),
        (false, false) => format!(
            "CONCLUSION: better than \"{reference}\" beyond noise: {}; worse beyond noise: {}.",
            list(better),
            list(worse)
        ),
    }
}

/// What was resampled, and what that does not include.
pub(super) fn basis(significance: &Significance) -> String {
    let intervals = &significance.intervals;
    let mut text = format!(
        "Intervals and differences are over all held-out clips together, by bootstrap over {}",
        intervals.unit.counted(intervals.actors)
    );
    text += &match intervals.seeds {
        1 => "; one seed, so training noise is not included (--seeds N)".to_owned(),
        seeds => format!(" and {seeds} seeds"),
    };
    if intervals.unit != Unit::Actor {
        text += "; clips of unknown actors are treated as independent, which makes intervals too narrow if actors differ";
    }
    text + "."
}

/// The accuracies of one cross-validation with their intervals.
pub fn table(found: &CrossValidation, significance: &Significance) -> Table {
    let columns = [
        ("measure", "Measure"),
        ("estimate", "All clips together"),
        ("interval", "95 % interval"),
    ];
    let title = format!("Certainty: {}", found.candidate.name);
    let mut table = Table::new(title, &columns);
    let intervals = &significance.intervals;
    let mut rows = vec![("ACC_presence", &intervals.presence)];
    // Without blends there is no average of two.
    if intervals.salience.is_some() {
        rows.extend([
            ("ACC_salience", &intervals.salience),
            ("average", &intervals.average),
        ]);
    }
    // The accuracies have a row already.
    rows.extend(main_measure::column(found.main).map(|(_, name)| (name, &intervals.main)));
    for (name, interval) in rows {
        table.row(vec![
            Cell::text(name),
            Cell::number(interval.map(|interval| interval.estimate)),
            ends(interval.as_ref()),
        ]);
    }
    table.notes.push(basis(significance));
    table
}
