//! What a run is made from, and whether one that resumes is made from the same.

use std::path::Path;

use super::run::{PROGRAM, Run};
use crate::artifact::checkpoint::EncoderEntry;
use crate::artifact::manifest::{Environment, Manifest};
use crate::data::fingerprint::{Fingerprint, InputFile, digest};
use crate::error::{Error, Result};
use crate::predict::decoding::unsearched;

impl Run<'_> {
    /// What the run is made from, before its first step.
    pub(super) fn manifest(&self, inputs: Vec<InputFile>) -> Result<Manifest> {
        Ok(Manifest {
            program: PROGRAM.to_owned(),
            seed: self.config.train.seed,
            fold: self.options.fold,
            no_shuffle: self.options.no_shuffle,
            init: self.hash_of_init()?,
            encoders: self.encoder_entries(),
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

    /// Refuses to resume a run that was made from something else.
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
            "another configuration"
        } else if manifest.fold != self.options.fold {
            "another fold"
        } else if digest(&manifest.inputs) != digest(inputs) {
            "other input files"
        } else if manifest.no_shuffle != self.options.no_shuffle {
            "another order of rows (--no-shuffle)"
        } else if manifest.init != init {
            "other initial weights (--init)"
        } else if !manifest.finished && manifest.environment.kernel != here.kernel {
            "another micro-kernel (BLENDFUSE_KERNEL), which changes the last bits"
        } else if !manifest.finished && manifest.program != PROGRAM {
            "another version of this program"
        } else {
            return Ok(());
        };
        Err(Error::File {
            path: file.to_owned(),
            key: None,
            reason: format!(
                "was written with {differs}; resume with the same, or choose another --out"
            ),
        })
    }

    pub(super) fn encoder_entries(&self) -> Vec<EncoderEntry> {
        let entries = self.dataset.encoders.iter().map(|encoder| EncoderEntry {
            name: encoder.name.clone(),
            modality: encoder.modality.to_string(),
            width: encoder.cols,
        });
        entries.collect()
    }
}
