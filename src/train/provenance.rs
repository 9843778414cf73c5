//! The inputs of a run, and whether a resumed run has the same.

use std::path::Path;

use super::run::{PROGRAM, Run};
use crate::artifact::manifest::{Environment, Manifest};
use crate::data::fingerprint::{Fingerprint, InputFile, digest};
use crate::error::{Difference, Error, Result};
use crate::predict::decoding::unsearched;

impl Run<'_> {
    /// The manifest before the first step.
    pub(super) fn manifest(&self, inputs: Vec<InputFile>) -> Result<Manifest> {
        Ok(Manifest {
            program: PROGRAM.to_owned(),
            seed: self.config.train.seed,
            fold: self.options.fold,
            no_shuffle: self.options.no_shuffle,
            init: self.hash_of_init()?,
            encoders: self.dataset.encoders.clone(),
            classes: self.dataset.classes.names().to_vec(),
            clips: self.clips(),
            parameters: self.parameters(),
            finished: false,
            stopped: "not yet".to_owned(),
            best_epoch: 0,
            thresholds: unsearched(&self.config.decode),
            best: None,
            fault: None,
            warnings: self.warnings.clone(),
            inputs,
            provenance: self.dataset.provenance(),
            environment: Environment::here(&self.dataset.path),
            config: self.config.clone(),
        })
    }

    /// The hash of the weights that the run starts from.
    fn hash_of_init(&self) -> Result<Option<String>> {
        let Some(path) = &self.options.init else {
            return Ok(None);
        };
        Ok(Some(Fingerprint::of_file(path)?.sha256()))
    }

    /// Refuses to resume a run with other inputs.
    pub(super) fn check_same(
        &self,
        file: &Path,
        manifest: &Manifest,
        inputs: &[InputFile],
    ) -> Result<()> {
        // How long to train and how often to save may change between parts of one run.
        let mut comparable = manifest.config.clone();
        comparable.train.max_epochs = self.config.train.max_epochs;
        comparable.train.checkpoint_seconds = self.config.train.checkpoint_seconds;
        let here = Environment::here(&self.dataset.path);
        let init = self.hash_of_init()?;
        let differs = if comparable != self.config {
            Difference::Configuration
        } else if manifest.fold != self.options.fold {
            Difference::Fold
        } else if digest(&manifest.inputs) != digest(inputs) {
            Difference::Inputs
        } else if manifest.no_shuffle != self.options.no_shuffle {
            Difference::RowOrder
        } else if manifest.init != init {
            Difference::InitialWeights
        } else if !manifest.finished && manifest.environment.kernel != here.kernel {
            Difference::Kernel
        } else if !manifest.finished && manifest.program != PROGRAM {
            Difference::Program
        } else {
            return Ok(());
        };
        Err(Error::DifferentRun {
            path: file.to_owned(),
            differs,
        })
    }
}
