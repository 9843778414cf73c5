//! Why one clip was decided as it was: its scores, the steps of decoding, the encoders that counted, and
//! the answer without each of them.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::run::TrainedModel;
use crate::data::dataset::Split;
use crate::data::filename::clip_key;
use crate::data::label::{Blend, Classes};
use crate::data::metadata::Reading;
use crate::data::part::{self, Needs};
use crate::encoders::Modality;
use crate::error::{Error, Result};
use crate::plan::store::description::DESCRIPTION;
use crate::plan::store::plan_folder::final_model;
use crate::predict::Predictor;
use crate::predict::explain::status;
use crate::suggest::meant;

use super::run::AnalysedRun;

/// The splits of a data folder, in the order in which a clip is looked for.
pub const SPLITS: [&str; 2] = ["train", "test"];

/// One encoder's part in the decision.
#[derive(Clone, Debug, PartialEq)]
pub struct EncoderPart {
    /// The encoder.
    pub name: String,
    /// What it encodes.
    pub modality: Modality,
    /// `kept`, `not_kept`, or `missing`.
    pub status: &'static str,
    /// a (eq. 3), before selection.
    pub importance: f64,
    /// ã (eq. 4), after selection.
    pub kept_weight: f64,
    /// The decision without it; none of an encoder that the clip lacks, or that is its only one.
    pub without: Option<Without>,
}

/// The decision without an encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct Without {
    /// The emotions.
    pub decided: Blend,
    /// Total variation between the aligned scores with and without it: ½ Σ_c |f_c − f'_c|, in [0, 1].
    pub moved: f64,
}

/// One clip, explained.
#[derive(Clone, Debug, PartialEq)]
pub struct ClipExplanation {
    /// Its name as in the metadata.
    pub clip: String,
    /// Its split.
    pub split: &'static str,
    /// The model that scored it.
    pub model: PathBuf,
    /// Whether the model was trained on the clip.
    pub trained_on: bool,
    /// The classes, in the order of the scores.
    pub classes: Classes,
    /// What it shows, if its label is known.
    pub truth: Option<Blend>,
    /// What it is said to show.
    pub decided: Blend,
    /// p of each class.
    pub presence: Vec<f64>,
    /// s of each class.
    pub salience: Vec<f64>,
    /// f of each class.
    pub aligned: Vec<f64>,
    /// The steps of decoding, in words.
    pub steps: String,
    /// The encoders, the most important first.
    pub encoders: Vec<EncoderPart>,
}

/// Where a clip is, and which model scores it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Wanted<'a> {
    /// Its name, with or without a media extension.
    pub clip: &'a str,
    /// Its split; none: the first one that has it.
    pub split: Option<&'static str>,
}

/// Explains a clip of a data folder. In a cross-validation the model that did not train on the clip
/// scores it; a test clip the final model, or else the first fold's.
///
/// # Errors
/// [`Error::Data`] for a clip that no split has, naming the nearest; those of loading run and data.
pub fn explain(run: &Path, data: &Path, wanted: &Wanted<'_>) -> Result<ClipExplanation> {
    let is_plan = run.join(DESCRIPTION).is_file();
    let mut models = match is_plan {
        true => AnalysedRun::open(run)?
            .models
            .into_iter()
            .map(Model::of)
            .collect(),
        false => vec![Model {
            path: run.to_owned(),
            predictor: Predictor::load(run)?,
        }],
    };
    let splits = SPLITS
        .into_iter()
        .filter(|name| wanted.split.is_none_or(|split| split == *name));
    let mut names = Vec::new();
    for name in splits {
        if !data.join(format!("{name}_metadata.csv")).is_file() && wanted.split.is_none() {
            continue;
        }
        let split = open(data, name, &models[0].predictor)?;
        let place = split
            .clips
            .iter()
            .position(|clip| clip_key(&clip.filename) == clip_key(wanted.clip));
        let Some(place) = place else {
            names.extend(split.clips.iter().map(|clip| clip.filename.clone()));
            continue;
        };
        let fold = split.clips[place].fold.filter(|_| name == "train");
        let held_out = models
            .iter()
            .position(|model| fold.is_some() && model.predictor.description().fold == fold);
        let last = final_model(run).filter(|_| is_plan && name == "test");
        let model = match (held_out, last) {
            (Some(place), _) => models.swap_remove(place),
            (None, Some(path)) => Model {
                predictor: Predictor::load(&path)?,
                path,
            },
            (None, None) => models.swap_remove(0),
        };
        let trained_on = name == "train" && held_out.is_none();
        return of_clip(&model, &split, (name, place), trained_on);
    }
    let known = names.iter().map(|name| clip_key(name));
    Err(Error::Data(format!(
        "{}: has no clip {}{}",
        data.display(),
        wanted.clip,
        meant(wanted.clip, known)
    )))
}

/// A model with its folder.
struct Model {
    path: PathBuf,
    predictor: Predictor,
}

impl Model {
    fn of(trained: TrainedModel) -> Self {
        Self {
            path: trained.path,
            predictor: trained.predictor,
        }
    }
}

fn open(data: &Path, name: &str, model: &Predictor) -> Result<Split<'static>> {
    let description = model.description();
    let classes = model.classes();
    let needs = Needs {
        encoders: &description.encoders,
        dropped: &[],
        classes: &classes,
    };
    let reading = Reading::of(&description.config.data)?;
    Ok(part::open_with(data, name, needs, &reading)?.split)
}

fn of_clip(
    model: &Model,
    split: &Split,
    (name, place): (&'static str, usize),
    trained_on: bool,
) -> Result<ClipExplanation> {
    let description = model.predictor.description();
    let (classes, decoder) = (model.predictor.classes(), description.decoder());
    let scores = model.predictor.score(split, &[place], &[])?;
    let decide = |aligned: &ndarray::Array2<f64>| -> Result<Blend> {
        let mut decided = decoder.decode(aligned.view(), &classes)?;
        decided
            .pop()
            .ok_or_else(|| Error::Data("no decision".into()))
    };
    let has = |encoder: usize| split.rows(encoder)[place].is_some();
    let alone = (0..split.encoders())
        .filter(|&encoder| has(encoder))
        .count()
        == 1;
    let mut encoders = Vec::new();
    for (encoder, known) in description.encoders.iter().enumerate() {
        let kept_weight = scores.selected_weights[[0, encoder]];
        let mut without = None;
        if has(encoder) && !alone {
            let dropped = std::slice::from_ref(&known.name);
            let scores_without = model.predictor.score(split, &[place], dropped)?;
            let gaps = scores.aligned.iter().zip(&scores_without.aligned);
            without = Some(Without {
                decided: decide(&scores_without.aligned)?,
                moved: 0.5 * gaps.map(|(a, b)| (a - b).abs()).sum::<f64>(),
            });
        }
        encoders.push(EncoderPart {
            name: known.name.clone(),
            modality: known.modality,
            status: status(!has(encoder), false, kept_weight),
            importance: scores.gate_weights[[0, encoder]],
            kept_weight,
            without,
        });
    }
    // Stable: equally important ones keep the order of the model.
    encoders.sort_by(|a, b| b.importance.total_cmp(&a.importance));
    let aligned = scores.aligned.row(0).to_vec();
    Ok(ClipExplanation {
        clip: split.clips[place].filename.clone(),
        split: name,
        model: model.path.clone(),
        trained_on,
        truth: split.clips[place].truth.clone(),
        decided: decide(&scores.aligned)?,
        presence: scores.presence.row(0).to_vec(),
        salience: scores.salience.row(0).to_vec(),
        steps: decoder.explain(&aligned, &classes),
        aligned,
        encoders,
        classes,
    })
}
