//! The outputs of trained models for clips: the basis of all further analyses.

use std::path::Path;

use ndarray::Array2;

use super::run::{AnalysedRun, TrainedModel};
use crate::data::dataset::Split;
use crate::data::folds::fold;
use crate::data::label::Blend;
use crate::data::metadata::Reading;
use crate::data::part::{self, Needs};
use crate::error::{Error, Result};

/// Clips, each scored by one model: in cross-validation by the one that did not train on it.
#[derive(Clone, Debug)]
pub struct Observations {
    /// Indices in the training split.
    pub clips: Vec<usize>,
    /// Names.
    pub filenames: Vec<String>,
    /// Index of the model that scored the clip.
    pub model: Vec<usize>,
    /// a `(N, M)`: gate weights before selection.
    pub gate_weights: Array2<f64>,
    /// ã `(N, M)`: gate weights after selection.
    pub selected_weights: Array2<f64>,
    /// p `(N, C)`: presence.
    pub presence: Array2<f64>,
    /// s `(N, C)`: salience.
    pub salience: Array2<f64>,
    /// f `(N, C)`: aligned scores.
    pub aligned: Array2<f64>,
    /// True emotions.
    pub truths: Vec<Blend>,
    /// Predicted emotions.
    pub decided: Vec<Blend>,
}

/// Opens the training split with a model's encoders.
///
/// # Errors
/// As [`part::open`].
pub fn open_training_split(data: &Path, model: &TrainedModel) -> Result<Split<'static>> {
    let description = model.predictor.description();
    let classes = model.predictor.classes();
    let needs = Needs {
        encoders: &description.encoders,
        dropped: &[],
        classes: &classes,
    };
    let reading = Reading::of(&description.config.data)?;
    Ok(part::open_with(data, "train", needs, &reading)?.split)
}

/// The clips to evaluate a model on: its held-out fold, or all clips if it was trained on all.
///
/// # Errors
/// As [`fold`].
pub fn evaluation_clips(model: &TrainedModel, split: &Split) -> Result<Vec<usize>> {
    Ok(match model.fold() {
        Some(number) => fold(split, number)?.validation,
        None => (0..split.len()).collect(),
    })
}

/// The clips that a model was trained on.
///
/// # Errors
/// As [`fold`].
pub fn training_clips(model: &TrainedModel, split: &Split) -> Result<Vec<usize>> {
    Ok(match model.fold() {
        Some(number) => fold(split, number)?.train,
        None => (0..split.len()).collect(),
    })
}

impl Observations {
    /// Scores the clips of every model of a run.
    ///
    /// # Errors
    /// [`Error::Data`] for a clip without a label; as [`Predictor::score`](crate::predict::Predictor::score).
    pub fn of(run: &AnalysedRun, split: &Split) -> Result<Self> {
        let mut found: Option<Self> = None;
        for (place, model) in run.models.iter().enumerate() {
            let part = Self::of_model(model, place, split)?;
            found = Some(match found {
                None => part,
                Some(whole) => whole.followed_by(&part)?,
            });
        }
        found.ok_or_else(|| Error::Data("no model to analyse".into()))
    }

    fn of_model(model: &TrainedModel, place: usize, split: &Split) -> Result<Self> {
        let clips = evaluation_clips(model, split)?;
        let scores = model.predictor.score(split, &clips, &[])?;
        let decided = decide(model, &scores.aligned)?;
        let truths = clips.iter().map(|&clip| truth(split, clip));
        Ok(Self {
            filenames: clips
                .iter()
                .map(|&clip| split.clips[clip].filename.clone())
                .collect(),
            model: vec![place; clips.len()],
            truths: truths.collect::<Result<_>>()?,
            gate_weights: scores.gate_weights,
            selected_weights: scores.selected_weights,
            presence: scores.presence,
            salience: scores.salience,
            aligned: scores.aligned,
            decided,
            clips,
        })
    }

    fn followed_by(mut self, next: &Self) -> Result<Self> {
        for (whole, part) in [
            (&mut self.gate_weights, &next.gate_weights),
            (&mut self.selected_weights, &next.selected_weights),
            (&mut self.presence, &next.presence),
            (&mut self.salience, &next.salience),
            (&mut self.aligned, &next.aligned),
        ] {
            whole
                .append(ndarray::Axis(0), part.view())
                .map_err(|error| Error::Data(format!("models of different shapes: {error}")))?;
        }
        self.clips.extend_from_slice(&next.clips);
        self.filenames.extend_from_slice(&next.filenames);
        self.model.extend_from_slice(&next.model);
        self.truths.extend_from_slice(&next.truths);
        self.decided.extend_from_slice(&next.decided);
        Ok(self)
    }

    /// Number of clips.
    pub fn len(&self) -> usize {
        self.clips.len()
    }

    /// Whether there are no clips.
    pub fn is_empty(&self) -> bool {
        self.clips.is_empty()
    }

    /// Rows of a model.
    pub fn rows_of(&self, model: usize) -> Vec<usize> {
        (0..self.len())
            .filter(|&row| self.model[row] == model)
            .collect()
    }

    /// Pairs of true and predicted emotions, for the official scores.
    pub fn pairs(&self) -> impl Iterator<Item = (&Blend, &Blend)> {
        self.truths.iter().zip(&self.decided)
    }
}

/// Decodes with a model's own rules and thresholds.
pub(super) fn decide(model: &TrainedModel, aligned: &Array2<f64>) -> Result<Vec<Blend>> {
    let decoder = model.predictor.description().decoder();
    decoder.decode(aligned.view(), &model.predictor.classes())
}

pub(super) fn truth(split: &Split, clip: usize) -> Result<Blend> {
    let clip = &split.clips[clip];
    clip.truth.clone().ok_or_else(|| {
        Error::Data(format!(
            "clip {} has no label; the analysis needs one for every training clip",
            clip.filename
        ))
    })
}
