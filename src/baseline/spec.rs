//! Which baseline, by a plain name, and the recipe.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::config::{Config, DecodeConfig, DecodeRules};
use crate::data::dataset::Dataset;
use crate::data::registry;
use crate::data::task::Task;
use crate::error::{Error, Result};
use crate::suggest::{meant, nearest};

/// A baseline of the challenge; its name is `trivial-single`, `trivial-blend`, or `MODEL:ENCODER` with
/// `linear`, `logistic`, `forest` or `mlp-WIDTH` for the model and, for early fusion, encoders joined by `+`:
/// `mlp-512:imagebind+wavlm_large`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum BaselineSpec {
    /// Always the most frequent single emotion of the training clips.
    TrivialSingle,
    /// Always the most frequent blend of the training clips.
    TrivialBlend,
    /// A classifier on the features of one encoder, or of several concatenated ones (early fusion).
    Encoders {
        /// The classifier.
        model: BaselineModel,
        /// The encoders, in the order in which their features are joined.
        encoders: Vec<String>,
    },
}

/// A classifier whose softmax outputs are the distribution over classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum BaselineModel {
    /// Linear(D, C).
    Linear,
    /// Linear(D, width) → ReLU → Linear(width, C); the challenge uses widths 256 and 512.
    Mlp {
        /// Units of the hidden layer.
        width: usize,
    },
    /// Multinomial logistic regression with an L2 penalty, fitted to convergence; the penalty is chosen
    /// inside the training clips.
    Logistic,
    /// A random forest: 100 trees, √D of the D columns tried at each node, leaves of any size.
    Forest,
}

impl BaselineModel {
    /// Units of the hidden layer, if there is one.
    pub fn hidden(self) -> Option<usize> {
        match self {
            BaselineModel::Mlp { width } => Some(width),
            BaselineModel::Linear | BaselineModel::Logistic | BaselineModel::Forest => None,
        }
    }

    /// Whether it learns by a [`Recipe`].
    pub fn has_recipe(self) -> bool {
        match self {
            BaselineModel::Linear | BaselineModel::Mlp { .. } => true,
            BaselineModel::Logistic | BaselineModel::Forest => false,
        }
    }
}

/// How a classifier learns; the defaults are the challenge's.
///
/// | Name | Default | Purpose | Range |
/// |---|---|---|---|
/// | `lr` | 5e-6 | Adam's learning rate | > 0 |
/// | `weight_decay` | 1e-3 | L2 penalty, added to the gradient | ≥ 0 |
/// | `batch_size` | 32 | clips per step; the last batch may be smaller | ≥ 1 |
/// | `epochs` | 200 | passes over the training clips | ≥ 1 |
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Adam's learning rate.
    pub lr: f64,
    /// L2 penalty, added to the gradient.
    pub weight_decay: f64,
    /// Clips per step.
    pub batch_size: usize,
    /// Passes over the training clips.
    pub epochs: usize,
}

impl Default for Recipe {
    fn default() -> Self {
        Self {
            lr: 5e-6,
            weight_decay: 1e-3,
            batch_size: 32,
            epochs: 200,
        }
    }
}

impl Recipe {
    /// Refuses what cannot be trained with.
    ///
    /// # Errors
    /// [`Error::Config`] naming the value.
    pub fn check(&self) -> Result<()> {
        let fault = |field: &str, found: &dyn fmt::Display, expected: &str| {
            Err(Error::Config {
                field: format!("baseline.{field}"),
                reason: format!("found {found}, expected {expected}"),
            })
        };
        if !(self.lr.is_finite() && self.lr > 0.0) {
            return fault("lr", &self.lr, "a number above 0");
        }
        if !(self.weight_decay.is_finite() && self.weight_decay >= 0.0) {
            return fault("weight_decay", &self.weight_decay, "0 or more");
        }
        if self.batch_size == 0 {
            return fault("batch_size", &self.batch_size, "1 or more");
        }
        if self.epochs == 0 {
            return fault("epochs", &self.epochs, "1 or more");
        }
        Ok(())
    }
}

/// A classifier and how it learns.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierSpec {
    /// The classifier.
    #[serde(rename = "baseline_model")]
    pub model: BaselineModel,
    /// How it learns.
    #[serde(flatten, with = "RecipeKeys")]
    pub recipe: Recipe,
}

impl Default for ClassifierSpec {
    /// The larger of the challenge's classifiers with its recipe.
    fn default() -> Self {
        Self {
            model: BaselineModel::Mlp { width: 512 },
            recipe: Recipe::default(),
        }
    }
}

/// The keys of a [`ClassifierSpec`]'s recipe in files.
#[derive(Serialize, Deserialize)]
#[serde(remote = "Recipe")]
struct RecipeKeys {
    #[serde(rename = "baseline_lr")]
    lr: f64,
    #[serde(rename = "baseline_weight_decay")]
    weight_decay: f64,
    #[serde(rename = "baseline_batch_size")]
    batch_size: usize,
    #[serde(rename = "baseline_epochs")]
    epochs: usize,
}

impl BaselineSpec {
    /// How its distributions become emotions: by the challenge's rules into the sets of a task, thresholds
    /// searched on the challenge's grid of 20 × 20.
    pub fn decode(&self, task: &Task) -> DecodeConfig {
        let mut config = Config::default();
        config.decode.rules = DecodeRules::Challenge;
        task.resolve(&config).decode
    }

    /// Whether training draws random numbers, so that several seeds differ.
    pub fn is_random(&self) -> bool {
        match self {
            BaselineSpec::TrivialSingle | BaselineSpec::TrivialBlend => false,
            BaselineSpec::Encoders { model, .. } => *model != BaselineModel::Logistic,
        }
    }

    /// Whether it learns by a [`Recipe`].
    pub fn has_recipe(&self) -> bool {
        match self {
            BaselineSpec::TrivialSingle | BaselineSpec::TrivialBlend => false,
            BaselineSpec::Encoders { model, .. } => model.has_recipe(),
        }
    }

    /// Whether it always gives the same answer.
    pub fn is_trivial(&self) -> bool {
        !matches!(self, BaselineSpec::Encoders { .. })
    }

    /// Places of its encoders in a data set.
    ///
    /// # Errors
    /// [`Error::UnknownEncoder`] for an encoder that the data set lacks.
    pub fn encoders(&self, dataset: &Dataset) -> Result<Vec<usize>> {
        let BaselineSpec::Encoders { encoders, .. } = self else {
            return Ok(Vec::new());
        };
        let place = |name: &String| {
            let mut known = dataset.encoders.iter();
            known
                .position(|encoder| encoder.name == *name)
                .ok_or_else(|| {
                    let known = dataset.encoders.iter().map(|e| e.name.clone());
                    Error::UnknownEncoder {
                        owner: format!("baseline {self}: the data folder"),
                        name: name.clone(),
                        known: known.collect(),
                    }
                })
        };
        encoders.iter().map(place).collect()
    }
}

/// The baselines that a name means in a data set. In addition to the names of [`BaselineSpec`],
/// `MODEL:*` is one baseline per encoder, `MODEL:+` one on all encoders concatenated; and an encoder may
/// have any name of the paper's encoders (see `registry::find`).
///
/// # Errors
/// [`Error::Config`] for an unknown name; [`Error::UnknownEncoder`] for an encoder that the data lack.
pub fn named(name: &str, dataset: &Dataset) -> Result<Vec<BaselineSpec>> {
    let all = || dataset.encoders.iter().map(|encoder| encoder.name.clone());
    if let Some(each) = name.strip_suffix(":*") {
        let model: BaselineModel = each.parse()?;
        let encoders = all().map(|name| vec![name]);
        return Ok(encoders
            .map(|encoders| BaselineSpec::Encoders { model, encoders })
            .collect());
    }
    if let Some(joined) = name.strip_suffix(":+") {
        let (model, encoders) = (joined.parse()?, all().collect());
        return Ok(vec![BaselineSpec::Encoders { model, encoders }]);
    }
    let mut spec: BaselineSpec = name.parse()?;
    if let BaselineSpec::Encoders { encoders, .. } = &mut spec {
        for encoder in encoders {
            if let Some(known) = encoder_named(encoder, dataset) {
                encoder.clone_from(known);
            }
        }
    }
    spec.encoders(dataset)?;
    Ok(vec![spec])
}

/// The name that a data set has for an encoder.
pub(crate) fn encoder_named<'a>(name: &str, dataset: &'a Dataset) -> Option<&'a String> {
    let names = || dataset.encoders.iter().map(|encoder| &encoder.name);
    let known = registry::find(name);
    let same = |other: &&String| known.is_some() && registry::find(other) == known;
    names()
        .find(|other| *other == name)
        .or_else(|| names().find(same))
}

impl From<BaselineModel> for String {
    fn from(model: BaselineModel) -> Self {
        model.to_string()
    }
}

impl TryFrom<String> for BaselineModel {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

/// The name that was meant by one of no baseline: of its part before `:`, where it has one.
fn near_name(name: &str) -> String {
    const ALONE: [&str; 4] = [
        "fusion",
        "uniform-fusion",
        "trivial-single",
        "trivial-blend",
    ];
    let Some((model, encoders)) = name.split_once(':') else {
        return meant(name, ALONE);
    };
    let models = ["linear", "logistic", "forest", "mlp-256", "mlp-512"];
    if encoders.contains(',') {
        return "; this is a list: give each baseline by itself".into();
    }
    // The encoders are left out of the comparison: equal ones would make any two models alike. Where the
    // model is right, they are what is wrong.
    match nearest(model, models).filter(|meant| *meant != model) {
        Some(meant) => format!("; did you mean {meant}:{encoders}?"),
        None => String::new(),
    }
}

impl FromStr for BaselineModel {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        match name.strip_prefix("mlp-").map(str::parse) {
            None if name == "linear" => Ok(BaselineModel::Linear),
            None if name == "logistic" => Ok(BaselineModel::Logistic),
            None if name == "forest" => Ok(BaselineModel::Forest),
            Some(Ok(width)) if width > 0 && width <= 1 << 20 => Ok(BaselineModel::Mlp { width }),
            _ => Err(Error::Config {
                field: "baseline".into(),
                reason: format!(
                    "found {name:?}; expected linear, logistic, forest or mlp-WIDTH, as in mlp-512"
                ),
            }),
        }
    }
}

impl fmt::Display for BaselineModel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BaselineModel::Linear => write!(f, "linear"),
            BaselineModel::Logistic => write!(f, "logistic"),
            BaselineModel::Forest => write!(f, "forest"),
            BaselineModel::Mlp { width } => write!(f, "mlp-{width}"),
        }
    }
}

impl fmt::Display for BaselineSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BaselineSpec::TrivialSingle => write!(f, "trivial-single"),
            BaselineSpec::TrivialBlend => write!(f, "trivial-blend"),
            BaselineSpec::Encoders { model, encoders } => {
                write!(f, "{model}:{}", encoders.join("+"))
            }
        }
    }
}

impl FromStr for BaselineSpec {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let fault = || Error::Config {
            field: "baseline".into(),
            reason: format!(
                "found {name:?}; expected fusion, uniform-fusion, trivial-single, trivial-blend, linear:ENCODER, logistic:ENCODER, forest:ENCODER or mlp-WIDTH:ENCODER, several encoders joined by +{}",
                near_name(name)
            ),
        };
        match name {
            "trivial-single" => return Ok(BaselineSpec::TrivialSingle),
            "trivial-blend" => return Ok(BaselineSpec::TrivialBlend),
            _ => {}
        }
        let (model, encoders) = name.split_once(':').ok_or_else(fault)?;
        let model: BaselineModel = model.parse().map_err(|_| fault())?;
        let encoders: Vec<String> = encoders.split('+').map(str::to_owned).collect();
        let twice = |(at, name): (usize, &String)| encoders[..at].contains(name);
        if encoders.iter().any(String::is_empty) || encoders.iter().enumerate().any(twice) {
            return Err(fault());
        }
        Ok(BaselineSpec::Encoders { model, encoders })
    }
}

impl TryFrom<String> for BaselineSpec {
    type Error = Error;

    fn try_from(name: String) -> Result<Self> {
        name.parse()
    }
}

impl From<BaselineSpec> for String {
    fn from(spec: BaselineSpec) -> Self {
        spec.to_string()
    }
}
