//! A training run and what is checked before anything is written; the loop is in `fit`.

use std::path::PathBuf;

use ndarray::Array2;

use super::memory;
use super::step::StepLosses;
use super::stop::Stop;
use super::target::{Target, target};
use super::validation::ValidationFold;
use super::warnings;
use crate::artifact::checkpoint::Checkpoint;
use crate::artifact::history::EpochRecord;
use crate::artifact::manifest::{ClipCounts, Manifest};
use crate::config::{Config, Monitor};
use crate::data::dataset::Dataset;
use crate::data::fingerprint::InputFile;
use crate::data::folds::{fold, shared_actors};
use crate::data::standardise::{self, ColumnStats};
use crate::error::{Error, Result};
use crate::model::{EncoderShape, FusionNet};
use crate::nn::{Adam, AdamConfig};

/// Name and version of this program, as files record it.
pub const PROGRAM: &str = concat!("blendfuse ", env!("CARGO_PKG_VERSION"));

/// How a run differs from the configuration's plain course.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Validate on this fold; none: train on everything.
    pub fold: Option<usize>,
    /// Start from these weights.
    pub init: Option<PathBuf>,
    /// Stop after this many optimiser steps.
    pub max_steps: Option<usize>,
    /// Take rows in the order of the metadata.
    pub no_shuffle: bool,
    /// Name the operation where a value first stops being finite; slower, and changes no result.
    pub detect_anomaly: bool,
    /// Go on from the saved state in the output folder, if there is one.
    pub resume: bool,
    /// Looked at between steps: once asked, the run saves its state and ends.
    pub stop: Stop,
    /// Hashes of the data set's files, where they are known; none: they are read and hashed.
    pub inputs: Option<Vec<InputFile>>,
}

/// Follows a run. The library prints nothing; its caller does.
pub trait Observer {
    /// Something the user should know before reading the results.
    fn warning(&mut self, _text: &str) {}
    /// An epoch begins, of this many steps.
    fn epoch_begins(&mut self, _epoch: usize, _steps: usize) {}
    /// A step was taken.
    fn step(&mut self, _losses: &StepLosses) {}
    /// An epoch ended.
    fn epoch(&mut self, _record: &EpochRecord) {}
    /// The gate's weights a `(N, M)` on the validation fold after an epoch, where there is one.
    fn gate_weights(&mut self, _epoch: usize, _weights: &Array2<f64>) {}
}

/// Follows nothing.
impl Observer for () {}

/// What a run came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// As written to `manifest.json`.
    pub manifest: Manifest,
    /// All epochs.
    pub history: Vec<EpochRecord>,
}

/// A run that is ready: everything the user could have got wrong has been checked.
#[derive(Debug)]
pub struct Run<'a> {
    pub(super) dataset: &'a Dataset,
    pub(super) config: Config,
    pub(super) options: Options,
    pub(super) net: FusionNet<f32>,
    pub(super) adam: Adam<f32>,
    pub(super) train: Vec<usize>,
    pub(super) validation: Option<ValidationFold>,
    pub(super) target: Option<Target>,
    pub(super) stats: Option<Vec<ColumnStats>>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Run<'a> {
    /// Prepares a run and checks all that can be checked; writes nothing.
    ///
    /// # Errors
    /// [`Error::Config`], or one that names the fold, file or tensor at fault.
    pub fn prepare(dataset: &'a Dataset, config: &Config, options: Options) -> Result<Self> {
        config.check()?;
        let task = dataset.task();
        let config = &task.resolve(config);
        let mut warnings = Vec::new();
        let (train, validation) = match options.fold {
            Some(number) => {
                let fold = fold(&dataset.train, number)?;
                let actors = shared_actors(&dataset.train, &fold);
                if !actors.is_empty() {
                    warnings.push(format!(
                        "{} in both training and validation of fold {number}: scores will be optimistically biased ({})",
                        if actors.len() == 1 { "one actor is".into() } else { format!("{} actors are", actors.len()) },
                        warnings::listed(&actors)
                    ));
                }
                (
                    fold.train,
                    Some(ValidationFold::new(dataset, fold.validation)?),
                )
            }
            None => ((0..dataset.train.len()).collect(), None),
        };
        if train.len() < 2 {
            return Err(Error::Data(format!(
                "{} clip to train on; batch norm needs at least 2: label more clips, or hold out another fold",
                train.len()
            )));
        }
        let target = target(
            dataset,
            config,
            !options.no_shuffle,
            validation.as_ref(),
            &mut warnings,
        )?;
        if let Some(validation) = &validation {
            warnings::of_monitor(config, validation, &mut warnings);
        }
        warnings::of_classes(dataset, &train, validation.as_ref(), &mut warnings);
        let shapes: Vec<EncoderShape> = dataset
            .encoders
            .iter()
            .map(|encoder| EncoderShape {
                name: encoder.name.clone(),
                width: encoder.cols,
            })
            .collect();
        memory::check(config, &shapes, dataset.classes.len())?;
        let mut net = FusionNet::new(config, &shapes, dataset.classes.len())?;
        if let Some(path) = &options.init {
            Checkpoint::read(path)?.load_into(&mut net.params)?;
            net.clamp_temperature();
        }
        let adam = Adam::new(AdamConfig {
            lr: config.train.lr,
            weight_decay: config.train.weight_decay,
            ..AdamConfig::default()
        });
        let stats = config
            .data
            .standardize
            .then(|| standardise::fit(&dataset.train, &train));
        if let Some(stats) = &stats {
            warnings::of_constant_encoders(dataset, stats, &mut warnings);
        }
        Ok(Self {
            dataset,
            config: config.clone(),
            options,
            net,
            adam,
            train,
            validation,
            target,
            stats,
            warnings,
        })
    }

    /// Trainable numbers of the model.
    pub fn parameters(&self) -> usize {
        self.net.params.trainable_count()
    }

    /// The measure that decides which epoch is best.
    pub fn monitor(&self) -> Monitor {
        self.config.train.monitor
    }

    /// How many clips of each kind the run uses.
    pub fn clips(&self) -> ClipCounts {
        ClipCounts {
            train: self.train.len(),
            validation: self
                .validation
                .as_ref()
                .map_or(0, |fold| fold.clips().len()),
            target: self.target.as_ref().map_or(0, |target| target.clips),
        }
    }
}
