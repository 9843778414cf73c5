//! Analysis of trained models: which encoders they rely on, how stable that is, how similar the encoders
//! are, and where the models are wrong. Only numbers; `report` draws the figures.

pub(crate) mod calibration;
pub mod cka;
pub(crate) mod clip_explanation;
pub(crate) mod cluster;
pub(crate) mod co_selection;
pub mod compare;
pub(crate) mod error_type;
#[cfg(test)]
mod fixture;
pub(crate) mod importance;
pub(crate) mod judged;
pub mod main_score;
pub mod observations;
pub(crate) mod removal;
pub mod run;
pub(crate) mod run_decoding;
pub(crate) mod salience_error;
pub(crate) mod settings;
pub(crate) mod stability;
pub(crate) mod top_k_curve;

use std::path::Path;

use ndarray::Array2;

use crate::data::dataset::Split;
use crate::data::label::Classes;
use crate::encoders::Modality;
use crate::error::Result;
use crate::eval::confusion::{Confusion, Detection, by_class, by_truth};
use crate::eval::metrics::Accuracy;
use crate::eval::statistics::{Grouping, Interval, Unit};

use calibration::Calibration;
use cluster::Dendrogram;
use co_selection::CoSelection;
use importance::{GroupReliance, ModalityReliance, Reliance, WeightSpread};
use judged::JudgedClips;
use main_score::{MainScore, main_measure};
use observations::Observations;
use removal::Removal;
use run::AnalysedRun;
use salience_error::RatioError;
use stability::FoldAgreement;
use top_k_curve::TopKCurve;

/// Observes the progress of an analysis, which can take a minute.
pub trait AnalysisObserver {
    /// A stage starts.
    fn part(&mut self, _name: &str) {}
    /// `done` of `of` steps of the stage are done.
    fn progress(&mut self, _done: usize, _of: usize) {}
}

/// Observes nothing.
impl AnalysisObserver for () {}

/// All results of an analysis.
#[derive(Debug)]
pub struct Analysis {
    /// The analysed run.
    pub run: AnalysedRun,
    /// Encoder names, in the order of everything indexed by encoder.
    pub encoders: Vec<String>,
    /// Modality of each.
    pub modalities: Vec<Modality>,
    /// Classes, in the order of every probability vector.
    pub classes: Classes,
    /// Encoders kept per clip, k.
    pub top_k: usize,
    /// Each model's name: its fold.
    pub model_names: Vec<String>,
    /// The outputs of the models for the clips.
    pub observations: Observations,
    /// Official scores over all of them.
    pub accuracy: Accuracy,
    /// The main measure of the run's task over all of them.
    pub main: MainScore,
    /// Its interval, by bootstrap over actors; none with one actor.
    pub interval: Option<Interval>,
    /// What intervals draw as a whole.
    pub unit: Unit,
    /// Importance over all clips.
    pub reliance: Vec<Reliance>,
    /// Importance under each model.
    pub by_model: Vec<GroupReliance>,
    /// Importance by modality.
    pub by_modality: Vec<ModalityReliance>,
    /// Importance by true emotion.
    pub by_emotion: Vec<GroupReliance>,
    /// Importance by true emotion set.
    pub by_set: Vec<GroupReliance>,
    /// Distribution of each encoder's importance over clips.
    pub spreads: Vec<WeightSpread>,
    /// Encoders whose distributions are drawn.
    pub representatives: Vec<usize>,
    /// Agreement of each pair of folds.
    pub agreements: Vec<FoldAgreement>,
    /// Linear CKA `(M, M)`, mean over the models; NaN where undefined.
    pub cka: Array2<f64>,
    /// The clustering by CKA.
    pub dendrogram: Dendrogram,
    /// CKA and co-selection.
    pub co_selection: CoSelection,
    /// Reliability of presence.
    pub calibration: Calibration,
    /// True and predicted emotion sets.
    pub confusion: Confusion,
    /// Detection of each class.
    pub by_class: Vec<Detection>,
    /// Official scores by true emotion set.
    pub by_truth: Vec<(String, Accuracy)>,
    /// Salience error by true ratio.
    pub by_ratio: Vec<RatioError>,
    /// Scores against k.
    pub top_k_curve: TopKCurve,
    /// Scores without each encoder.
    pub removals: Vec<Removal>,
}

/// Analyses the run in a folder, with the data that it was trained on.
///
/// # Errors
/// As [`AnalysedRun::open`], [`observations::open_training_split`] and
/// [`Predictor::score`](crate::predict::Predictor::score).
pub fn analyse(path: &Path, data: &Path, observer: &mut dyn AnalysisObserver) -> Result<Analysis> {
    observer.part("reading the run and its data");
    let run = AnalysedRun::open(path)?;
    let split = observations::open_training_split(data, &run.models[0])?;
    observer.part("scoring clips");
    let seen = Observations::of(&run, &split)?;
    let description = run.models[0].predictor.description();
    let classes = run.models[0].predictor.classes();
    let encoders: Vec<String> = description
        .encoders
        .iter()
        .map(|e| e.name.clone())
        .collect();
    let modalities: Vec<Modality> = description.encoders.iter().map(|e| e.modality).collect();
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
    let mut main = MainScore::new(main_measure(&run));
    let mut judged = JudgedClips::new(main.measure);
    for (row, ((truth, decided), aligned)) in pairs.iter().zip(seen.aligned.rows()).enumerate() {
        main.count(truth, decided, aligned)?;
        judged.add(seen.clips[row], [truth, decided], aligned)?;
    }
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
        main,
        interval: judged.interval(&split)?,
        unit: Grouping::by_actor(&split.clips).unit(),
        top_k_curve: top_k_curve::top_k_curve(&run),
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

/// Linear CKA over each model's training clips, averaged over models.
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
        sum += &cka::pairwise_cka(&embeddings, &split.presence(&clips))?;
        observer.progress(done + 1, run.models.len());
    }
    Ok(sum / run.models.len() as f64)
}
