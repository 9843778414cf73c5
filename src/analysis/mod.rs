//! What trained models learned, as numbers: which encoders they rely on, how stable that is, how alike
//! the encoders are, and where the models err. Nothing here draws; [`crate::report`] does.

pub mod calibration;
pub mod cka;
pub mod cluster;
pub mod co_selection;
pub mod correlation;
pub mod error_type;
#[cfg(test)]
mod fixture;
pub mod importance;
pub mod kept_curve;
pub mod observations;
pub mod removal;
pub mod run;
pub mod salience_error;
pub mod stability;

use std::path::Path;

use ndarray::Array2;

use crate::data::dataset::Split;
use crate::data::label::Classes;
use crate::error::Result;
use crate::eval::confusion::{Confusion, Detection, by_class, by_truth};
use crate::eval::metrics::Accuracy;

use calibration::Calibration;
use cluster::Dendrogram;
use co_selection::CoSelection;
use importance::{GroupReliance, ModalityReliance, Reliance, Spread};
use kept_curve::KeptCurve;
use observations::Observations;
use removal::Removal;
use run::AnalysedRun;
use salience_error::RatioError;
use stability::FoldAgreement;

/// Follows an analysis, which can take a minute.
pub trait AnalysisObserver {
    /// A part begins.
    fn part(&mut self, _name: &str) {}
    /// So much of it is done.
    fn progress(&mut self, _done: usize, _of: usize) {}
}

/// Follows nothing.
impl AnalysisObserver for () {}

/// Everything that is found.
#[derive(Debug)]
pub struct Analysis {
    /// What was analysed.
    pub run: AnalysedRun,
    /// Encoders in the order of everything that is indexed by encoder.
    pub encoders: Vec<String>,
    /// Modality of each.
    pub modalities: Vec<String>,
    /// Classes in the order of every probability vector.
    pub classes: Classes,
    /// Encoders kept per clip, k.
    pub top_k: usize,
    /// Each model's name: its fold.
    pub model_names: Vec<String>,
    /// What the models say of the clips.
    pub observations: Observations,
    /// Official counts over all of them.
    pub accuracy: Accuracy,
    /// Each encoder over all clips.
    pub reliance: Vec<Reliance>,
    /// Under each model.
    pub by_model: Vec<GroupReliance>,
    /// By modality.
    pub by_modality: Vec<ModalityReliance>,
    /// By true emotion.
    pub by_emotion: Vec<GroupReliance>,
    /// By true emotion set.
    pub by_set: Vec<GroupReliance>,
    /// Distribution of each encoder's importance over clips.
    pub spreads: Vec<Spread>,
    /// Encoders whose distributions are drawn.
    pub representatives: Vec<usize>,
    /// Agreement of every two folds.
    pub agreements: Vec<FoldAgreement>,
    /// Linear CKA `(M, M)`, mean over the models; NaN where undefined.
    pub cka: Array2<f64>,
    /// Its tree.
    pub dendrogram: Dendrogram,
    /// CKA beside co-selection.
    pub co_selection: CoSelection,
    /// Reliability of presence.
    pub calibration: Calibration,
    /// True against decided emotion sets.
    pub confusion: Confusion,
    /// How each class fares.
    pub by_class: Vec<Detection>,
    /// Official counts by true emotion set.
    pub by_truth: Vec<(String, Accuracy)>,
    /// Salience error by true ratio.
    pub by_ratio: Vec<RatioError>,
    /// Scores against k.
    pub kept_curve: KeptCurve,
    /// Scores without each encoder.
    pub removals: Vec<Removal>,
}

/// Analyses the run in a folder with the data that it was trained on.
///
/// # Errors
/// As [`AnalysedRun::open`], [`observations::open_training_part`] and
/// [`Predictor::score`](crate::predict::Predictor::score).
pub fn analyse(path: &Path, data: &Path, observer: &mut dyn AnalysisObserver) -> Result<Analysis> {
    observer.part("reading the run and its data");
    let run = AnalysedRun::open(path)?;
    let split = observations::open_training_part(data, &run.models[0])?;
    observer.part("scoring clips");
    let seen = Observations::of(&run, &split)?;
    let description = run.models[0].predictor.description();
    let classes = run.models[0].predictor.classes();
    let encoders: Vec<String> = description
        .encoders
        .iter()
        .map(|e| e.name.clone())
        .collect();
    let modalities: Vec<String> = description
        .encoders
        .iter()
        .map(|e| e.modality.clone())
        .collect();
    let top_k = description.config.model.top_k.min(encoders.len());
    let model_names: Vec<String> = run
        .models
        .iter()
        .map(|model| {
            model
                .fold()
                .map_or("all clips".into(), |fold| format!("fold {fold}"))
        })
        .collect();
    observer.part("comparing embeddings");
    let cka = mean_cka(&run, &split, observer)?;
    observer.part("leaving out encoders");
    let removals = removal::removals(&run, &split, &seen, |done| {
        observer.progress(done, encoders.len());
    })?;
    observer.part("counting");
    let all: Vec<usize> = (0..seen.len()).collect();
    let reliance = importance::reliance(&seen, &all);
    let by_model = importance::by_model(&seen, &model_names);
    let pairs: Vec<_> = seen.pairs().collect();
    Ok(Analysis {
        by_modality: importance::by_modality(&reliance, &modalities),
        by_emotion: importance::by_emotion(&seen, &classes),
        by_set: importance::by_set(&seen, &classes),
        spreads: importance::spreads(&seen),
        representatives: importance::representatives(&reliance, &modalities),
        agreements: stability::agreements(&by_model),
        dendrogram: Dendrogram::of(&cka),
        co_selection: co_selection::compare(&cka, &seen),
        calibration: calibration::calibration(&seen),
        confusion: Confusion::of(&pairs, &classes),
        by_class: by_class(&pairs, &classes),
        by_truth: by_truth(&pairs, &classes),
        by_ratio: salience_error::by_ratio(&seen),
        accuracy: Accuracy::of(pairs.iter().copied()),
        kept_curve: kept_curve::kept_curve(&run),
        observations: seen,
        run,
        encoders,
        modalities,
        classes,
        top_k,
        model_names,
        reliance,
        by_model,
        cka,
        removals,
    })
}

/// Linear CKA over each model's training clips, the mean over models.
fn mean_cka(
    run: &AnalysedRun,
    split: &Split,
    observer: &mut dyn AnalysisObserver,
) -> Result<Array2<f64>> {
    let encoders = split.encoders();
    let mut sum = Array2::zeros((encoders, encoders));
    for (done, model) in run.models.iter().enumerate() {
        let clips = observations::training_clips(model, split)?;
        let embeddings = model.predictor.embeddings(split, &clips)?;
        let present: Vec<Vec<bool>> = (0..encoders)
            .map(|m| {
                clips
                    .iter()
                    .map(|&clip| split.rows(m)[clip].is_some())
                    .collect()
            })
            .collect();
        sum += &cka::pairwise_cka(&embeddings, &present)?;
        observer.progress(done + 1, run.models.len());
    }
    Ok(sum / run.models.len() as f64)
}
