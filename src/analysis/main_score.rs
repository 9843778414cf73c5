//! The main measure of a run's task, over clips.

use ndarray::ArrayView1;

use super::run::AnalysedRun;
use crate::config::Monitor;
use crate::data::label::Blend;
use crate::error::Result;
use crate::eval::distribution::Measures;
use crate::eval::metrics::Accuracy;
use crate::eval::objective::Objective;
use crate::eval::overlap::overlap;

/// The measure that the run's scores are decoded for.
pub fn main_measure(run: &AnalysedRun) -> Monitor {
    Objective::of(&run.config().decode).measure()
}

/// A clip's value of a measure that is a mean over clips; 0 of those that are counted from emotions.
///
/// # Errors
/// As [`Measures::of`].
pub fn of_clip(
    measure: Monitor,
    truth: &Blend,
    decided: &Blend,
    aligned: ArrayView1<'_, f64>,
) -> Result<f64> {
    Ok(match measure {
        Monitor::Overlap => overlap(truth, decided),
        Monitor::Kl => {
            let shares = truth.to_distribution(aligned.len());
            Measures::of(&shares, &aligned.to_vec())?.kullback_leibler
        }
        Monitor::Presence
        | Monitor::Salience
        | Monitor::Average
        | Monitor::Auto
        | Monitor::Loss => 0.0,
    })
}

/// Official counts, and the sum of a main measure that is a mean over clips.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MainScore {
    /// The measure.
    pub measure: Monitor,
    /// Official counts.
    pub accuracy: Accuracy,
    sum: f64,
}

impl MainScore {
    /// Of no clips.
    pub fn new(measure: Monitor) -> Self {
        Self {
            measure,
            accuracy: Accuracy::default(),
            sum: 0.0,
        }
    }

    /// Counts a clip: its truth, what was decided, and the aligned scores.
    ///
    /// # Errors
    /// As [`Measures::of`].
    pub fn count(
        &mut self,
        truth: &Blend,
        decided: &Blend,
        aligned: ArrayView1<'_, f64>,
    ) -> Result<()> {
        self.accuracy.count(truth, decided);
        self.sum += of_clip(self.measure, truth, decided, aligned)?;
        Ok(())
    }

    /// The measure's value; 0 where it is undefined, as the official scores have it.
    pub fn value(&self) -> f64 {
        let accuracy = &self.accuracy;
        match self.measure {
            Monitor::Overlap | Monitor::Kl => self.sum / accuracy.clips.max(1) as f64,
            Monitor::Presence => accuracy.presence().unwrap_or(0.0),
            Monitor::Salience => accuracy.salience().unwrap_or(0.0),
            Monitor::Average | Monitor::Auto | Monitor::Loss => accuracy.average(),
        }
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;
    use crate::data::label::Part;

    #[test]
    fn each_measure_is_of_what_it_says() {
        let part = |class, salience| Part { class, salience };
        let truth = Blend::new(vec![part(0, 60.0), part(1, 40.0)]);
        let decided = Blend::new(vec![part(0, 80.0), part(1, 20.0)]);
        let aligned = array![0.5, 0.5, 0.0];
        let value = |measure| {
            let mut score = MainScore::new(measure);
            score.count(&truth, &decided, aligned.view()).unwrap();
            score.value()
        };
        // The official salience rule: the order is right, so the presence is, but not the shares.
        assert_eq!(value(Monitor::Presence), 1.0);
        assert!((value(Monitor::Overlap) - 0.8).abs() < 1e-12);
        let divergence = 0.6 * (0.6f64 / 0.5).ln() + 0.4 * (0.4f64 / 0.5).ln();
        assert!((value(Monitor::Kl) - divergence).abs() < 1e-12);
        assert_eq!(MainScore::new(Monitor::Kl).value(), 0.0);
    }
}
