//! The official scores, as all commands print them.

use serde::Serialize;

use super::numbers::{count, share};
use crate::eval::metrics::Accuracy;

/// The official scores as JSON. If no clip shows exactly two emotions, ACC_salience is undefined: it
/// is given as 0, as in the official code, and `salience_defined` is false.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Score {
    acc_presence: f64,
    acc_salience: f64,
    average: f64,
    salience_defined: bool,
    clips: usize,
    blends: usize,
}

impl From<&Accuracy> for Score {
    fn from(accuracy: &Accuracy) -> Self {
        Self {
            acc_presence: accuracy.presence().unwrap_or(0.0),
            acc_salience: accuracy.salience().unwrap_or(0.0),
            average: accuracy.average(),
            salience_defined: accuracy.salience().is_some(),
            clips: accuracy.clips,
            blends: accuracy.blends,
        }
    }
}

/// The official scores in three lines.
pub fn text(accuracy: &Accuracy) -> String {
    let salience = match accuracy.salience() {
        Some(_) => format!(
            "{} of {} blends",
            count(accuracy.salience_correct),
            count(accuracy.blends)
        ),
        None => "undefined: no clip shows exactly two emotions".into(),
    };
    format!(
        "ACC_presence  {:>6}  {} of {} clips\nACC_salience  {:>6}  {salience}\naverage       {:>6}\n",
        share(accuracy.presence()),
        count(accuracy.presence_correct),
        count(accuracy.clips),
        share(accuracy.salience()),
        share(accuracy.defined_average()),
    )
}
