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

/// The rows from the best mean of the main measure to the worst; those without a result last.
pub(super) fn best_first(rows: &[Row]) -> Vec<&Row> {
    let merit = |row: &Row| {
        row.main()
            .map(|(main, mean)| match main.higher_is_better() {
                true => mean,
                false => -mean,
            })
    };
    let mut sorted: Vec<&Row> = rows.iter().collect();
    sorted.sort_by(|a, b| match (merit(a), merit(b)) {
        (Some(a), Some(b)) => b.total_cmp(&a),
        (a, b) => b.is_some().cmp(&a.is_some()),
    });
    sorted
}

/// The average of both accuracies, empty where ACC_salience is undefined: half of an accuracy is no
/// average of two.
pub(super) fn average(summary: &Summary, over_seeds: bool) -> Cell {
    match summary.acc_salience {
        Some(_) => Cell::spread(Some(&summary.average), over_seeds),
        None => Cell::Empty,
    }
}

/// Columns of a table of encoders: the names of the main measure without one and of its change, and the
/// heading of the first.
pub(super) fn without_an_encoder(main: Monitor) -> (&'static str, &'static str, &'static str) {
    match main {
        Monitor::Presence => (
            "acc_presence_without",
            "acc_presence_change",
            "ACC_presence without it",
        ),
        Monitor::Overlap => ("overlap_without", "overlap_change", "Overlap without it"),
        Monitor::Kl => ("kl_without", "kl_change", "KL divergence without it"),
        Monitor::Salience | Monitor::Average | Monitor::Auto | Monitor::Loss => {
            ("average_without", "average_change", "Average without it")
        }
    }
}

/// How a main measure is drawn.
pub(super) struct Drawn {
    /// Its name in a sentence.
    pub(super) name: &'static str,
    /// The title of its axis.
    pub(super) axis: &'static str,
    /// The unit of its changes.
    unit: &'static str,
    /// Decimals of a value, and what is written behind it.
    value: (usize, &'static str),
    /// What a value is multiplied by.
    pub(super) scale: f64,
    /// The least and the greatest value that it can have, in the unit of the axis.
    pub(super) limits: [f64; 2],
}

impl Drawn {
    /// This measure.
    pub(super) fn of(main: Monitor) -> Self {
        let percent = |name, axis| Self {
            name,
            axis,
            unit: "percentage points",
            value: (2, " %"),
            scale: 100.0,
            limits: [0.0, 100.0],
        };
        match main {
            Monitor::Presence => percent("ACC_presence", "ACC_presence (%)"),
            Monitor::Salience => percent("ACC_salience", "ACC_salience (%)"),
            Monitor::Overlap => Self {
                name: "overlap",
                axis: "Overlap",
                unit: "1 is all",
                value: (4, ""),
                scale: 1.0,
                limits: [0.0, 1.0],
            },
            Monitor::Kl => Self {
                name: "KL divergence",
                axis: "KL divergence (nats)",
                unit: "nats",
                value: (4, ""),
                scale: 1.0,
                limits: [0.0, f64::INFINITY],
            },
            Monitor::Average | Monitor::Auto | Monitor::Loss => {
                percent("average accuracy", "Average accuracy (%)")
            }
        }
    }

    /// The title of an axis of changes.
    pub(super) fn change(&self) -> String {
        format!("Change of the {} ({})", self.name, self.unit)
    }

    /// A value in a sentence.
    pub(super) fn value(&self, value: f64) -> String {
        let (digits, unit) = self.value;
        format!("{:.digits$}{unit}", self.scale * value)
    }

    /// Decimals of a value.
    pub(super) fn digits(&self) -> usize {
        self.value.0
    }

    /// A value without its unit, as the first of two ends, or a standard deviation.
    pub(super) fn plain(&self, value: f64) -> String {
        let (digits, _) = self.value;
        format!("{:.digits$}", self.scale * value)
    }

    /// A difference with its sign.
    pub(super) fn signed(&self, value: f64) -> String {
        let (digits, _) = self.value;
        format!("{:+.digits$}", self.scale * value).replace('-', "−")
    }

    /// A difference with its sign and its unit.
    pub(super) fn difference(&self, value: f64) -> String {
        let unit = match self.scale {
            100.0 => " points",
            _ => "",
        };
        format!("{}{unit}", self.signed(value))
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
