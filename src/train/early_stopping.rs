//! Stops training when the monitored measure no longer improves.

use serde::{Deserialize, Serialize};

use crate::config::Monitor;

/// The consequence of an epoch's measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdict {
    /// Whether this epoch is the best so far.
    pub best: bool,
    /// Whether training should stop.
    pub stop: bool,
}

/// The state; serialisable, to resume.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EarlyStopping {
    patience: usize,
    delta: f64,
    best: Option<f64>,
    waited: usize,
}

impl EarlyStopping {
    /// Stops after `patience` epochs that do not improve on the best by more than `delta`.
    pub fn new(patience: usize, delta: f64) -> Self {
        Self {
            patience,
            delta,
            best: None,
            waited: 0,
        }
    }

    /// Records an epoch's measure. NaN is never best. The first of several equal epochs wins.
    pub fn step(&mut self, monitor: Monitor, measure: f64) -> Verdict {
        let improves = match self.best {
            None => !measure.is_nan(),
            Some(best) if monitor.higher_is_better() => measure > best + self.delta,
            Some(best) => measure < best - self.delta,
        };
        if improves {
            self.best = Some(measure);
            self.waited = 0;
        } else {
            self.waited += 1;
        }
        Verdict {
            best: improves,
            stop: self.waited >= self.patience.max(1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(monitor: Monitor, measures: &[f64]) -> Vec<(bool, bool)> {
        let mut stopping = EarlyStopping::new(2, 0.1);
        measures
            .iter()
            .map(|&m| stopping.step(monitor, m))
            .map(|v| (v.best, v.stop))
            .collect()
    }

    #[test]
    fn a_gain_within_delta_is_none_and_patience_runs_out() {
        assert_eq!(
            verdicts(Monitor::Average, &[0.5, 0.55, 0.7, 0.7, 0.75]),
            [
                (true, false),
                (false, false),
                (true, false),
                (false, false),
                (false, true)
            ]
        );
        assert_eq!(
            verdicts(Monitor::Loss, &[1.0, 0.8, 0.75, 0.9]),
            [(true, false), (true, false), (false, false), (false, true)]
        );
    }

    #[test]
    fn nan_is_never_best() {
        assert_eq!(
            verdicts(Monitor::Loss, &[f64::NAN, 1.0, f64::NAN, f64::NAN]),
            [(false, false), (true, false), (false, false), (false, true)]
        );
    }
}
