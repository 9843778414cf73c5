//! What trained models say of clips: the rows that all further analyses count.

use std::path::Path;

use ndarray::Array2;

use super::run::{AnalysedRun, TrainedModel};
use crate::data::dataset::Split;
use crate::data::folds::fold;
use crate::data::label::{Blend, Classes};
use crate::data::part::{self, Needs};
use crate::error::{Error, Result};
use crate::predict::decoding;

/// Clips, each seen by one model: in cross-validation by the one that did not train on it.
#[derive(Clone, Debug)]
pub struct Observations {
    /// Places in the training part.
    pub clips: Vec<usize>,
    /// Names.
    pub filenames: Vec<String>,
    /// Place of the model that saw the clip.
    pub model: Vec<usize>,
    /// a `(N, M)`: importance before selection.
    pub gate_weights: Array2<f64>,
    /// ã `(N, M)`: weight after selection.
    pub selected_weights: Array2<f64>,
    /// p `(N, C)`.
    pub presence: Array2<f64>,
    /// s `(N, C)`.
    pub salience: Array2<f64>,
    /// f `(N, C)`.
    pub aligned: Array2<f64>,
    /// What the clips show.
    pub truths: Vec<Blend>,
    /// What was decided.
    pub decided: Vec<Blend>,
}

/// The training part with a model's encoders.
///
/// # Errors
/// As [`part::open`].
pub fn open_training_part(data: &Path, model: &TrainedModel) -> Result<Split> {
    let description = model.predictor.description();
    let encoders: Vec<(String, usize)> = description
        .encoders
        .iter()
        .map(|encoder| (encoder.name.clone(), encoder.width))
        .collect();
    let classes = model.predictor.classes();
    let needs = Needs {
        encoders: &encoders,
        dropped: &[],
        classes: &classes,
    };
    Ok(part::open(data, "train", needs)?.split)
}

/// The clips that speak for a model: those of its held-out fold, or all if it trained on all.
///
/// # Errors
/// As [`fold`].
pub fn clips_of(model: &TrainedModel, split: &Split) -> Result<Vec<usize>> {
    Ok(match model.fold() {
        Some(number) => fold(split, number)?.validation,
        None => (0..split.len()).collect(),
    })
}

/// The clips that a model trained on.
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
    /// Lets every model of a run see its clips.
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
        let clips = clips_of(model, split)?;
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

    /// How many clips.
    pub fn len(&self) -> usize {
        self.clips.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.clips.is_empty()
    }

    /// Rows of a model.
    pub fn rows_of(&self, model: usize) -> Vec<usize> {
        (0..self.len())
            .filter(|&row| self.model[row] == model)
            .collect()
    }

    /// The pairs that official scores count.
    pub fn pairs(&self) -> impl Iterator<Item = (&Blend, &Blend)> {
        self.truths.iter().zip(&self.decided)
    }
}

/// Decides with a model's own rules and thresholds.
pub(super) fn decide(model: &TrainedModel, aligned: &Array2<f64>) -> Result<Vec<Blend>> {
    let classes: Classes = model.predictor.classes();
    let description = model.predictor.description();
    decoding::rules(&description.config.decode).decode_rows(
        aligned.view(),
        &classes,
        description.thresholds.as_thresholds(),
    )
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
