//! A training run: all checks before anything is written, and the optimiser with `train.lr`. The loop is
//! in `fit.rs`.

use std::path::PathBuf;
use std::sync::Arc;

use ndarray::Array2;

use super::memory;
use super::span::{Span, most_coordinates};
use super::step::StepLosses;
use super::stop::Stop;
use super::target::{Target, target};
use super::validation::ValidationFold;
use super::warnings;
use crate::artifact::checkpoint::Checkpoint;
use crate::artifact::history::EpochRecord;
use crate::artifact::manifest::{ClipCounts, Manifest};
use crate::config::{Config, Monitor, ProjectionInputs};
use crate::data::dataset::{Dataset, Split};
use crate::data::fingerprint::InputFile;
use crate::data::folds::{fold, shared_actors};
use crate::data::standardise::{ActorStats, Standardisation, warning_of_few_clips};
use crate::error::{Error, Result};
use crate::model::FusionNet;
use crate::nn::{Adam, AdamConfig};
use crate::predict::{Predictor, Scores};

/// Name and version of this program, as files record it.
pub const PROGRAM: &str = concat!("blendfuse ", env!("CARGO_PKG_VERSION"));

/// Options of a run that are not part of the configuration.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Validate on this fold; `None`: train on all clips.
    pub fold: Option<usize>,
    /// Start from these weights.
    pub init: Option<PathBuf>,
    /// Stop after this many optimiser steps.
    pub max_steps: Option<usize>,
    /// Do not shuffle: take rows in the order of the metadata.
    pub no_shuffle: bool,
    /// Name the operation where a value first stops being finite; slower, without any effect on results.
    pub detect_anomaly: bool,
    /// Continue from the saved state in the output folder, if there is one.
    pub resume: bool,
    /// Folder of spans that other runs may share, with `train.inputs = "span"`; `None`: one of the run's own,
    /// removed at its end.
    pub shared_spans: Option<PathBuf>,
    /// Checked between steps: when a stop is requested, the run saves its state and ends with an error.
    pub stop: Stop,
    /// When a stop is requested, end as after the last epoch instead, with the best weights so far.
    pub finish_when_stopped: bool,
    /// Which weights files the run leaves.
    pub saved: SavedWeights,
    /// Score the clips of the fold and of the test split with the best weights: [`Outcome::scores`].
    pub scores: bool,
    /// The output folder is read and removed by this process: nothing waits for the disk, no state is saved
    /// between epochs, and the run leaves its models in [`Outcome::trained`]. Which of the two weights files it
    /// writes is its own affair.
    pub scratch: bool,
    /// Hashes of the data set's files, if known; `None`: the files are read and hashed.
    pub inputs: Option<Vec<InputFile>>,
}

/// The weights files that a run leaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum SavedWeights {
    /// `weights.safetensors`, and `last.safetensors` with the weights of the last epoch.
    #[default]
    BestAndLast,
    /// No `last.safetensors`.
    Best,
    /// Nor weights that would have to be formed for their file alone, as those over columns with
    /// `train.inputs = "span"`: for a run of which only the scores count.
    NotFormed,
}

/// Observes a run. The library prints nothing; its caller does.
pub trait Observer {
    /// Something the user should know before reading the results.
    fn warning(&mut self, _text: &str) {}
    /// The span of the training rows is known for this many of the encoders, with
    /// `train.inputs = "span"`.
    fn span(&mut self, _done: usize, _encoders: usize) {}
    /// An epoch begins, of this many steps.
    fn epoch_begins(&mut self, _epoch: usize, _steps: usize) {}
    /// A step was taken.
    fn step(&mut self, _losses: &StepLosses) {}
    /// An epoch ended.
    fn epoch(&mut self, _record: &EpochRecord) {}
    /// The gate's weights a `(N, M)` on the validation fold, if there is one, after an epoch.
    fn gate_weights(&mut self, _epoch: usize, _weights: &Array2<f64>) {}
}

/// Ignores all events.
impl Observer for () {}

/// The results of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// As written to `manifest.json`.
    pub manifest: Manifest,
    /// All epochs.
    pub history: Vec<EpochRecord>,
    /// The models, of a run whose output folder is scratch.
    pub trained: Option<Trained>,
    /// What the best weights say of held-out clips, if the options ask for it.
    pub scores: Option<RunScores>,
}

/// The models of a run, as its weights files would hold them.
#[derive(Clone, Debug)]
pub struct Trained {
    /// That of the best epoch, or the last one without a validation fold.
    pub best: Arc<Predictor>,
    /// That of the last epoch; the same one where it is the best.
    pub last: Arc<Predictor>,
}

/// The scores of clips by the best weights of a run. With `train.inputs = "span"` they come from the clips'
/// coordinates, so that they do not depend on whether weights over columns are formed.
#[derive(Clone, Debug)]
pub struct RunScores {
    /// Of the fold's clips, in its order; none without a fold.
    pub held_out: Option<Scores>,
    /// Of the test split, as [`Dataset::scored_test`] gives it.
    pub test: Option<Scores>,
}

/// A run that is ready to start: all of the user's input has been checked.
#[derive(Debug)]
pub struct Run<'a> {
    pub(super) dataset: &'a Dataset<'a>,
    pub(super) config: Config,
    pub(super) options: Options,
    // Over columns, or over coordinates once the span is there; until then it has no weights.
    pub(super) net: FusionNet<f32>,
    pub(super) adam: Adam<f32>,
    pub(super) span: Option<Span>,
    pub(super) parameters: usize,
    pub(super) train: Vec<usize>,
    pub(super) validation: Option<ValidationFold>,
    pub(super) target: Option<Target>,
    pub(super) standardisation: Option<Standardisation>,
    // Of the clips that train and validate, and of those in the test split that are the target or get coordinates.
    pub(super) actors: Option<ActorStats>,
    pub(super) test_actors: Option<ActorStats>,
    pub(super) warnings: Vec<String>,
}

impl<'a> Run<'a> {
    /// Prepares a run and checks all input; writes nothing.
    ///
    /// # Errors
    /// [`Error::Config`], or an error that names the fold, file or tensor at fault.
    pub fn prepare(dataset: &'a Dataset<'a>, config: &Config, options: Options) -> Result<Self> {
        config.check()?;
        let task = dataset.task();
        let config = &task.resolve(config);
        let mut warnings = Vec::new();
        let (train, validation) = divide(dataset, options.fold, &mut warnings)?;
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
        let (encoders, classes) = (&dataset.encoders, dataset.classes.len());
        let spans = config.train.inputs == ProjectionInputs::Span;
        let most_rows = train.len() + target.as_ref().map_or(0, |target| target.clips);
        let trained = most_coordinates(config, encoders, most_rows);
        memory::check(config, &trained, classes)?;
        let mut net = match spans {
            false => FusionNet::new(config, encoders, classes)?,
            true => FusionNet::without_weights(config, encoders, classes)?,
        };
        if let Some(path) = &options.init {
            let weights = Checkpoint::read(path)?;
            if spans {
                weights.check_fits(&net.params)?;
            } else {
                weights.load_into(&mut net.params)?;
                net.clamp_temperature();
            }
        }
        let parameters = net.params.trainable_count();
        let adam = Adam::new(AdamConfig {
            lr: config.train.lr,
            weight_decay: config.train.weight_decay,
            ..AdamConfig::default()
        });
        let standardisation = Standardisation::fit(&config.data, &dataset.train, &train);
        if let Some(standardisation) = &standardisation {
            warnings::of_constant_encoders(dataset, standardisation.training(), &mut warnings);
            if standardisation.is_per_actor() {
                warnings.extend(warning_of_few_clips(&dataset.train));
            }
        }
        let actors_of = |split: &Split, clips: &[usize]| match &standardisation {
            Some(rule) => rule.actors_of(split, clips, |encoder| encoder),
            None => Ok(None),
        };
        let validated = validation.as_ref().map_or(&[][..], ValidationFold::clips);
        let actors = actors_of(&dataset.train, &[&train[..], validated].concat())?;
        let adapts = target.as_ref().is_some_and(|target| target.from_test);
        let test = match adapts {
            true => dataset.test.as_ref(),
            false => scored_in_span(dataset, config, &options),
        };
        let test_actors = match test {
            Some(test) => actors_of(test, &(0..test.len()).collect::<Vec<_>>())?,
            None => None,
        };
        Ok(Self {
            dataset,
            config: config.clone(),
            options,
            net,
            adam,
            span: None,
            parameters,
            train,
            validation,
            target,
            standardisation,
            actors,
            test_actors,
            warnings,
        })
    }

    /// Number of parameters of the model, over columns.
    pub fn parameters(&self) -> usize {
        self.parameters
    }

    /// The measure that decides which epoch is best.
    pub fn monitor(&self) -> Monitor {
        self.config.train.monitor
    }

    /// Number of clips of each kind that the run uses.
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

/// The test split, of a run that scores it by its coordinates.
pub(super) fn scored_in_span<'a, 'm>(
    dataset: &'a Dataset<'m>,
    config: &Config,
    options: &Options,
) -> Option<&'a Split<'m>> {
    let scored = options.scores && config.train.inputs == ProjectionInputs::Span;
    let test = dataset.scored_test(config.data.standardize);
    test.filter(|_| scored)
}

/// The clips to train on, and the fold to validate on.
fn divide(
    dataset: &Dataset,
    held_out: Option<usize>,
    warnings: &mut Vec<String>,
) -> Result<(Vec<usize>, Option<ValidationFold>)> {
    let (train, validation) = match held_out {
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
            let validation = ValidationFold::new(dataset, fold.validation)?;
            (fold.train, Some(validation))
        }
        None => ((0..dataset.train.len()).collect(), None),
    };
    if train.len() < 2 {
        return Err(Error::Data(format!(
            "{} clip to train on; batch norm needs at least 2: label more clips, or hold out another fold",
            train.len()
        )));
    }
    Ok((train, validation))
}
