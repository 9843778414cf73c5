//! The task's main measure in tables.

use super::table::{Cell, Table};
use crate::config::Monitor;
use crate::experiments::comparison::Row;
use crate::experiments::cross_validation::Summary;

/// The column of the main measure, where the accuracies and their average do not have it already.
pub(super) fn column(main: Monitor) -> Option<(&'static str, &'static str)> {
    match main {
        Monitor::Overlap => Some(("overlap", "Overlap")),
        Monitor::Kl => Some(("kl", "KL divergence")),
        Monitor::Loss => Some(("main_loss", "Main loss")),
        Monitor::Auto | Monitor::Average | Monitor::Presence | Monitor::Salience => None,
    }
}

/// The main measure of the rows of a table; the challenge's average where there is no result.
pub(super) fn of_rows(rows: &[Row]) -> Monitor {
    let mut results = rows.iter().filter_map(|row| row.result.as_ref().ok());
    results.next().map_or(Monitor::Average, |found| found.main)
}

/// The average of both accuracies, empty where ACC_salience is undefined: half of an accuracy is no
/// average of two.
pub(super) fn average(summary: &Summary, over_seeds: bool) -> Cell {
    match summary.acc_salience {
        Some(_) => Cell::spread(Some(&summary.average), over_seeds),
        None => Cell::Empty,
    }
}

/// Names the main measure, where it is not the challenge's average.
pub(super) fn note(table: &mut Table, main: Monitor) {
    let text = match main {
        Monitor::Auto | Monitor::Average => return,
        Monitor::Presence => {
            "Main measure: ACC_presence, the share of clips whose set of emotions is exactly right; of clips with one emotion each, the accuracy."
        }
        Monitor::Overlap => {
            "Main measure: overlap, the mean over clips of Σ min(true share, predicted share); 1 is best."
        }
        Monitor::Kl => {
            "Main measure: KL divergence of the scores from the labels, in nats, mean over clips; 0 is best."
        }
        Monitor::Salience => "Main measure: ACC_salience.",
        Monitor::Loss => "Main measure: the task loss, in nats; lower is better.",
    };
    table.notes.push(text.to_owned());
}
