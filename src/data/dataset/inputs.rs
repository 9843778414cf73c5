//! The input files of a data set.

use std::path::Path;

use rayon::prelude::*;

use super::Dataset;
use crate::Result;
use crate::data::features::Features;
use crate::data::fingerprint::{Fingerprint, InputFile};

impl Dataset<'_> {
    /// Every file that was read with its hash, sorted by path, to record the inputs of a run. Of the test
    /// metadata only the clips' names count, because nothing else was read. Folds that were made and
    /// labels that were normalised are entries of their own.
    ///
    /// # Errors
    /// [`Error::Read`](crate::Error::Read).
    pub fn inputs(&self) -> Result<Vec<InputFile>> {
        let entry = |path: &Path| -> Result<InputFile> {
            Ok(Fingerprint::of_file(path)?.entry(&self.path, path, ""))
        };
        let mut inputs = vec![entry(&self.train.metadata)?];
        if self.new_folds.is_some() {
            // The metadata do not tell them, and they decide every trial.
            let mut folds = Fingerprint::default();
            for clip in &self.train.clips {
                folds.update(format!("{:?} {:?}\n", clip.filename, clip.fold).as_bytes());
            }
            inputs.push(folds.entry(&self.path, &self.train.metadata, "#new_folds"));
        }
        if self.normalised_labels {
            let mut labels = Fingerprint::default();
            for clip in &self.train.clips {
                labels.update(format!("{:?} {:?}\n", clip.filename, clip.target).as_bytes());
            }
            inputs.push(labels.entry(&self.path, &self.train.metadata, "#normalised_labels"));
        }
        let listing = self.path.join("encoders.toml");
        if listing.is_file() {
            inputs.push(entry(&listing)?);
        }
        if let Some(test) = &self.test {
            let mut names = Fingerprint::default();
            for clip in &test.clips {
                names.update(clip.filename.as_bytes());
                names.update(b"\n");
            }
            inputs.push(names.entry(&self.path, &test.metadata, "#filename"));
        }
        let features: Vec<&Features> = self.splits().flat_map(|split| &split.features).collect();
        let features: Vec<Result<InputFile>> = features
            .into_par_iter()
            .map(|features| {
                Ok(features
                    .fingerprint()?
                    .entry(&self.path, features.path(), ""))
            })
            .collect();
        for entry in features {
            inputs.push(entry?);
        }
        inputs.sort_by(|a, b| a.path.cmp(&b.path));
        // A fold that is the test split has its features in the same files.
        inputs.dedup();
        Ok(inputs)
    }
}
