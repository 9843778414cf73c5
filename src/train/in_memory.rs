//! What a run leaves in memory whose output folder is scratch.

use std::sync::Arc;

use super::run::{Run, Trained};
use crate::artifact::description::ChosenThresholds;
use crate::artifact::run_dir::Files;
use crate::error::Result;
use crate::predict::Predictor;

impl Run<'_> {
    /// Whether the last weights go to memory alone. Those over coordinates do not: weights over columns are formed
    /// as they are written.
    pub(super) fn stays_in_memory(&self) -> bool {
        self.options.scratch && self.span.is_none()
    }

    /// The models at the end of a run; `best_in_file` tells that the best one is in its file, and is not the last.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read) if another program removed a file meanwhile.
    pub(super) fn into_trained(
        self,
        files: &Files,
        epoch: usize,
        thresholds: ChosenThresholds,
        best_in_file: bool,
    ) -> Result<Trained> {
        let last = if self.stays_in_memory() {
            let description = self.description(epoch, thresholds);
            Predictor::of_trained(self.net, self.standardisation, description)
        } else {
            Predictor::load(&files.last)?
        };
        let last = Arc::new(last);
        let best = match best_in_file {
            true => Arc::new(Predictor::load(&files.weights)?),
            false => Arc::clone(&last),
        };
        Ok(Trained { best, last })
    }
}
