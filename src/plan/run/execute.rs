//! Runs one trial in its own folder.

use std::collections::HashMap;
use std::path::Path;

use crate::artifact::description::ChosenThresholds;
use crate::artifact::history::EpochRecord;
use crate::baseline::{Baseline, BaselineEpoch};
use crate::config::{Config, DataConfig};
use crate::data::dataset::Split;
use crate::data::folds::fold;
use crate::data::label::Blend;
use crate::error::{Error, Result};
use crate::eval::metrics::Accuracy;
use crate::eval::objective::Objective;
use crate::eval::overlap::mean_overlap;
use crate::kernels::micro::kernel_name;
use crate::plan::data_folder::Opened;
use crate::plan::planned::Planned;
use crate::plan::result::TrialResult;
use crate::plan::store::trial_files::TrialFiles;
use crate::plan::trial::{BaselineKind, FORMAT_VERSION, TrialKind};
use crate::predict::Scores;
use crate::predict::clip_scores::{ClipScores, ScoreRows};
use crate::predict::score::MeanLosses;
use crate::train::run::PROGRAM;
use crate::train::{Observer, Options, Run, SavedWeights, Stop};

/// Trains, or resumes where a killed process stopped, in the trial's own folder, and scores the held-out and the test clips. The
/// state is saved every `checkpoint_seconds` and when `stop` is requested; a baseline starts again
/// from the beginning. `epoch` is called after every epoch.
pub(crate) fn execute(
    planned: &Planned,
    files: &TrialFiles,
    checkpoint_seconds: f64,
    stop: &Stop,
    epoch: &mut dyn FnMut(usize),
) -> Result<TrialResult> {
    let folder = &files.run(&planned.id);
    // A folder without a manifest was left by a process killed before its first step and holds nothing of use.
    if folder.exists() && !folder.join("manifest.json").exists() {
        std::fs::remove_dir_all(folder).map_err(|source| Error::Write {
            path: folder.clone(),
            source,
        })?;
    }
    match &planned.trial.kind {
        TrialKind::Fusion(config) => {
            let mut config = (**config).clone();
            config.train.checkpoint_seconds = checkpoint_seconds;
            let options = Options {
                fold: planned.trial.fold,
                resume: true,
                // Trials of one fold share the span of its clips.
                shared_spans: Some(files.spans()),
                stop: stop.clone(),
                inputs: Some(planned.data.inputs.clone()),
                // Others would be removed with the trial.
                saved: match planned.keep_weights {
                    true => SavedWeights::Best,
                    false => SavedWeights::NotFormed,
                },
                scores: true,
                ..Options::default()
            };
            fusion(planned, &config, folder, options, &mut Epochs(epoch))
        }
        TrialKind::Baseline(kind) => baseline(planned, kind, stop, epoch),
    }
}

/// Observes only epochs; warnings come with the result.
struct Epochs<'a>(&'a mut dyn FnMut(usize));

impl Observer for Epochs<'_> {
    fn epoch(&mut self, record: &EpochRecord) {
        (self.0)(record.epoch);
    }
}

fn baseline(
    planned: &Planned,
    kind: &BaselineKind,
    stop: &Stop,
    epoch: &mut dyn FnMut(usize),
) -> Result<TrialResult> {
    let Opened {
        dataset, digest, ..
    } = &*planned.data;
    let usual = DataConfig::default();
    let baseline = Baseline {
        dataset,
        spec: &kind.spec,
        recipe: kind.recipe.as_ref(),
        data: kind.data.as_deref().unwrap_or(&usual),
        inputs: kind.inputs,
        seed: planned.trial.seed,
        stop,
    };
    let mut observer = |record: &BaselineEpoch| epoch(record.epoch);
    let outcome = match planned.trial.fold {
        Some(fold) => baseline.validate(fold, &mut observer)?,
        None => baseline.retrain(&mut observer)?,
    };
    let kernel = kernel_name().map_err(|error| Error::Data(error.to_string()))?;
    let fault = outcome.fault(dataset.classes.len());
    Ok(TrialResult {
        format_version: FORMAT_VERSION,
        id: planned.id.clone(),
        program: PROGRAM.to_owned(),
        kernel: kernel.to_owned(),
        data: digest.clone(),
        trial: planned.trial.clone(),
        parameters: outcome.parameters,
        epochs: outcome.epochs,
        best_epoch: outcome.best_epoch,
        stopped: "reached max_epochs".to_owned(),
        losses: None,
        kl: outcome.loss,
        overlap: overlap_of(planned, outcome.thresholds, outcome.held_out.as_ref())?,
        thresholds: outcome.thresholds,
        accuracy: outcome.accuracy,
        classes: dataset.classes.names().to_vec(),
        held_out: outcome.held_out,
        test: outcome.test,
        history: Vec::new(),
        baseline_history: outcome.history,
        fault,
        unconverged: outcome.converged == Some(false),
        warnings: outcome.warnings,
    })
}

/// Mean overlap of the labels of held-out clips and their decoded shares, where the task follows it.
fn overlap_of(
    planned: &Planned,
    thresholds: ChosenThresholds,
    held_out: Option<&ClipScores>,
) -> Result<Option<f64>> {
    let decode = planned.trial.kind.decode();
    let Some(scores) = held_out.filter(|_| Objective::of(&decode).is_of_overlap()) else {
        return Ok(None);
    };
    let dataset = &planned.data.dataset;
    let decider = thresholds.decoder(&decode);
    let decided = scores.rows.decoded(&decider, &dataset.classes)?;
    let truths: HashMap<&str, &Blend> = dataset
        .train
        .clips
        .iter()
        .filter_map(|clip| Some((clip.filename.as_str(), clip.truth.as_ref()?)))
        .collect();
    let pairs = scores.clips.iter().zip(&decided);
    Ok(mean_overlap(pairs.filter_map(|(name, decided)| {
        Some((*truths.get(name.as_str())?, decided))
    })))
}

fn fusion(
    planned: &Planned,
    config: &Config,
    folder: &Path,
    options: Options,
    observer: &mut dyn Observer,
) -> Result<TrialResult> {
    let Opened {
        dataset, digest, ..
    } = &*planned.data;
    let outcome = Run::prepare(dataset, config, options)?.train(folder, observer)?;
    let (manifest, scores) = (outcome.manifest, outcome.scores);
    let (of_fold, of_test) = scores.map_or((None, None), |scores| (scores.held_out, scores.test));
    let test = dataset.scored_test(config.data.standardize).zip(of_test);
    let test = test.map(|(test, scores)| named(test, &(0..test.len()).collect::<Vec<_>>(), scores));
    let (mut held_out, mut accuracy) = (None, None);
    if let (Some(number), Some(scores)) = (planned.trial.fold, of_fold) {
        let clips = fold(&dataset.train, number)?.validation;
        let scores = named(&dataset.train, &clips, scores);
        let decoder = manifest.thresholds.decoder(&config.decode);
        let decided = scores.rows.decoded(&decoder, &dataset.classes)?;
        accuracy = Some(accuracy_of(&dataset.train, &clips, &decided));
        held_out = Some(scores);
    }
    let best = manifest.best.as_ref();
    Ok(TrialResult {
        format_version: FORMAT_VERSION,
        id: planned.id.clone(),
        program: PROGRAM.to_owned(),
        kernel: manifest.environment.kernel,
        data: digest.clone(),
        trial: planned.trial.clone(),
        parameters: manifest.parameters,
        epochs: outcome.history.len(),
        best_epoch: manifest.best_epoch,
        stopped: manifest.stopped,
        losses: best.and_then(validation_losses),
        kl: best.and_then(|best| best.kl),
        overlap: overlap_of(planned, manifest.thresholds, held_out.as_ref())?,
        thresholds: manifest.thresholds,
        accuracy,
        classes: dataset.classes.names().to_vec(),
        held_out,
        test,
        history: outcome.history,
        baseline_history: Vec::new(),
        fault: manifest.fault,
        unconverged: false,
        warnings: manifest.warnings,
    })
}

/// Scores with the names of their clips.
fn named(split: &Split, clips: &[usize], scores: Scores) -> ClipScores {
    let name = |&clip: &usize| split.clips[clip].filename.clone();
    ClipScores {
        clips: clips.iter().map(name).collect(),
        rows: ScoreRows::Heads {
            presence: scores.presence,
            salience: scores.salience,
        },
    }
}

/// What decisions on clips reach, where their labels are known.
fn accuracy_of(split: &Split, clips: &[usize], decided: &[Blend]) -> Accuracy {
    let truths = clips.iter().map(|&clip| split.clips[clip].truth.as_ref());
    let pairs = truths.zip(decided);
    Accuracy::of(pairs.filter_map(|(truth, decided)| Some((truth?, decided))))
}

/// The losses of an epoch on the validation fold.
fn validation_losses(record: &EpochRecord) -> Option<MeanLosses> {
    Some(MeanLosses {
        task: record.val_loss?,
        presence: record.val_presence_loss?,
        salience: record.val_salience_loss?,
    })
}
