//! The clips of an analysis as the statistics need them: intervals, and differences with theirs.

use ndarray::ArrayView1;

use super::main_score::of_clip;
use crate::config::Monitor;
use crate::data::dataset::Split;
use crate::data::label::Blend;
use crate::error::Result;
use crate::eval::statistics::{
    ActorScores, Difference, Draws, Grouping, Interval, Resampling, ScoredClip, intervals,
    main_difference,
};

/// Clips with their predictions, each once, collected one by one.
#[derive(Clone, Debug)]
pub struct JudgedClips {
    measure: Monitor,
    clips: Vec<(usize, Blend, Blend, f64)>,
}

impl JudgedClips {
    /// No clips yet, judged by a measure.
    pub fn new(measure: Monitor) -> Self {
        Self {
            measure,
            clips: Vec::new(),
        }
    }

    /// Adds the clip at a place of the training split.
    ///
    /// # Errors
    /// As [`of_clip`].
    pub fn add(
        &mut self,
        clip: usize,
        [truth, decided]: [&Blend; 2],
        aligned: ArrayView1<'_, f64>,
    ) -> Result<()> {
        let value = of_clip(self.measure, truth, decided, aligned)?;
        self.clips
            .push((clip, truth.clone(), decided.clone(), value));
        Ok(())
    }

    fn scores(&self, split: &Split) -> Result<ActorScores> {
        let grouping = Grouping::by_actor(&split.clips);
        let clips = self
            .clips
            .iter()
            .map(|(clip, truth, predicted, main)| ScoredClip {
                clip: *clip,
                truth,
                predicted,
                main: *main,
            });
        ActorScores::judged_by(self.measure, &grouping, [clips])
    }

    /// The interval of the main measure, by bootstrap over actors; none with one actor.
    ///
    /// # Errors
    /// As [`ActorScores::judged_by`].
    pub fn interval(&self, split: &Split) -> Result<Option<Interval>> {
        let found = intervals(&self.scores(split)?, &Resampling::default())?;
        Ok(found.main.or(found.average))
    }

    /// The difference of these clips' main measure from that of the same clips predicted otherwise.
    ///
    /// # Errors
    /// As [`main_difference`].
    pub fn minus(&self, other: &Self, split: &Split) -> Result<Option<Difference>> {
        let [first, second] = [self.scores(split)?, other.scores(split)?];
        let resampling = Resampling::default();
        let draws = Draws::of([&first, &second], &resampling);
        main_difference(&first, &second, &draws, resampling.level)
    }
}
