//! The configuration of a run, checked; its defaults are the paper's Table IV. All defaults of the program
//! are defined here. What is `auto` follows from the training labels (`data::task`).

mod check;
mod key_table;
mod keys;
mod load;
mod mixtures;
pub(crate) mod overrides;
mod profile;
mod standardise;
mod words;

pub use key_table::KEYS;
pub use keys::{Allowed, Key, TABLES};
pub use mixtures::{CHALLENGE_LEVELS, CHALLENGE_MAX_EMOTIONS, MaxEmotions, Proportions};
pub use profile::Profile;
pub use standardise::StandardiseBy;
pub use words::{
    DecodeRules, Gate, Heads, Monitor, NeutralRule, PresenceLoss, ProjectionInputs, UdaTarget,
};

use serde::{Deserialize, Serialize};

/// Sizes and switches of the network.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ModelConfig {
    /// P, width of each encoder's projection.
    pub projection_dim: usize,
    /// Z, width of the shared embedding.
    pub shared_dim: usize,
    /// G, hidden width of the gate.
    pub gate_hidden: usize,
    /// Hidden width of the heads and of the domain classifier.
    pub head_hidden: usize,
    /// n, how many encoders a clip keeps; capped by how many it has.
    pub top_k: usize,
    /// Dropout rate wherever no override is given.
    pub dropout: f64,
    /// Override for the projections.
    pub dropout_projection: Option<f64>,
    /// Override for the fusion layer.
    pub dropout_fusion: Option<f64>,
    /// Override for the heads and the domain classifier.
    pub dropout_heads: Option<f64>,
    /// How encoders are weighted.
    pub gate: Gate,
    /// How many heads.
    pub heads: Heads,
    /// τ at the start.
    pub temperature: f64,
    /// Lowest τ.
    pub temperature_min: f64,
    /// Highest τ.
    pub temperature_max: f64,
    /// Whether τ is learned.
    pub temperature_learned: bool,
}

impl Default for ModelConfig {
    fn default() -> Self {
        Self {
            projection_dim: 256,
            shared_dim: 512,
            gate_hidden: 128,
            head_hidden: 256,
            top_k: 22,
            dropout: 0.33,
            dropout_projection: None,
            dropout_fusion: None,
            dropout_heads: None,
            gate: Gate::Attention,
            heads: Heads::Dual,
            temperature: 0.7,
            temperature_min: 0.55,
            temperature_max: 1.25,
            temperature_learned: true,
        }
    }
}

/// Weights and form of the task loss.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LossConfig {
    /// λ of the presence loss (paper eq. 10).
    pub presence_weight: f64,
    /// λ of the salience loss.
    pub salience_weight: f64,
    /// Form of the presence loss.
    pub presence: PresenceLoss,
}

impl Monitor {
    /// Whether a higher measure is better. [`Monitor::Auto`] counts as the challenge's average.
    pub fn higher_is_better(self) -> bool {
        !matches!(self, Monitor::Loss | Monitor::Kl)
    }

    /// What tables and messages call it.
    pub fn name(self) -> &'static str {
        match self {
            Monitor::Auto | Monitor::Average => "average",
            Monitor::Loss => "loss",
            Monitor::Presence => "ACC_presence",
            Monitor::Salience => "ACC_salience",
            Monitor::Overlap => "overlap",
            Monitor::Kl => "KL divergence",
        }
    }
}

impl Default for LossConfig {
    fn default() -> Self {
        Self {
            presence_weight: 0.68,
            salience_weight: 0.32,
            presence: PresenceLoss::SoftCrossEntropy,
        }
    }
}

/// Unsupervised domain adaptation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct UdaConfig {
    /// Whether a domain adversary is trained too.
    pub enabled: bool,
    /// λ of the domain loss (paper eq. 13).
    pub domain_weight: f64,
    /// λ of the gradient reversal (paper eq. 11).
    pub reversal_weight: f64,
    /// Where target rows come from.
    pub target: UdaTarget,
}

impl Default for UdaConfig {
    fn default() -> Self {
        Self {
            enabled: false,
            domain_weight: 0.15,
            reversal_weight: 0.3,
            target: UdaTarget::Test,
        }
    }
}

/// The training loop.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrainConfig {
    /// Decides initial weights, order of rows and dropout.
    pub seed: u64,
    /// Labelled rows a step.
    pub batch_size: usize,
    /// Adam's learning rate at the start.
    pub lr: f64,
    /// Adam's L2 penalty.
    pub weight_decay: f64,
    /// Maximum number of epochs.
    pub max_epochs: usize,
    /// Epochs without improvement of the monitor after which training stops.
    pub early_stop_patience: usize,
    /// What counts as an improvement of the monitor.
    pub early_stop_delta: f64,
    /// The validation measure that decides which epoch is best.
    pub monitor: Monitor,
    /// What the plateau schedule multiplies the learning rate by.
    pub plateau_factor: f64,
    /// Epochs without a lower validation loss before the learning rate is reduced.
    pub plateau_patience: usize,
    /// Relative fall of the loss that counts for the schedule.
    pub plateau_threshold: f64,
    /// Epochs after a reduction in which none is counted as bad.
    pub plateau_cooldown: usize,
    /// The learning rate falls no lower.
    pub min_lr: f64,
    /// Largest Euclidean norm of the whole gradient; 0: no clipping.
    pub clip_norm: f64,
    /// Seconds between saved states, from which `--resume` continues (three times the model's size on
    /// disk); 0: after every epoch. Does not affect results.
    pub checkpoint_seconds: f64,
    /// What the encoders' projections are trained on. The weights are over columns either way.
    #[serde(skip_serializing_if = "ProjectionInputs::is_columns")]
    pub inputs: ProjectionInputs,
}

impl ProjectionInputs {
    // Files of runs over columns do not hold this key, as those from before there was a choice.
    fn is_columns(&self) -> bool {
        *self == ProjectionInputs::Columns
    }
}

impl Default for TrainConfig {
    fn default() -> Self {
        Self {
            seed: 0,
            batch_size: 64,
            lr: 3e-4,
            weight_decay: 1e-3,
            max_epochs: 100,
            early_stop_patience: 7,
            early_stop_delta: 0.001,
            monitor: Monitor::Auto,
            plateau_factor: 0.5,
            plateau_patience: 3,
            plateau_threshold: 1e-4,
            plateau_cooldown: 0,
            min_lr: 0.0,
            clip_norm: 0.0,
            checkpoint_seconds: 60.0,
            inputs: ProjectionInputs::Columns,
        }
    }
}

/// What is read from the data folder, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataConfig {
    /// What columns are standardised by.
    pub standardize: StandardiseBy,
    /// k: an actor's n clips count (n − 1) / (n − 1 + k) in the statistics that standardise them, the training
    /// rows the rest. For features that are standardised per actor.
    #[serde(
        default = "standardise::usual_shrinkage",
        skip_serializing_if = "standardise::is_usual_shrinkage"
    )]
    pub actor_shrinkage: f64,
    /// Standardised values beyond ± this become ± this; 0: they are left as they are.
    #[serde(skip_serializing_if = "is_no_bound")]
    pub clip_values: f64,
    /// A subset of the encoders, kept in the order of the data set; none: all.
    pub encoders: Option<Vec<String>>,
    /// The classes in this order; none: those that the training metadata hold.
    pub classes: Option<Vec<String>>,
    /// The neutral class; none: `neu`, where there is such a class.
    pub neutral: Option<String>,
    /// The number of folds to make where the metadata have none; none: those of the metadata.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub folds: Option<usize>,
    /// Decides between folds that are equally balanced.
    #[serde(skip_serializing_if = "is_zero")]
    pub fold_seed: u64,
    /// The fold of the training part that is the test split, in place of the folder's own: neither trained
    /// nor validated on, its labels unread until predictions are scored. None: the folder's test split.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub test_fold: Option<usize>,
    /// A regular expression with one capture group, which finds the actor in a clip's name; none: the
    /// column `actor`, or the part of the name before its first `_`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actor_pattern: Option<String>,
    /// Whether class columns hold counts, each row of which is divided by its sum.
    #[serde(skip_serializing_if = "is_false")]
    pub normalise_labels: bool,
}

// Left out of files at their defaults, so that these equal the files from before the keys existed.
fn is_zero(value: &u64) -> bool {
    *value == 0
}

fn is_false(value: &bool) -> bool {
    !*value
}

fn is_no_bound(value: &f64) -> bool {
    *value == 0.0
}

impl DataConfig {
    /// Largest standardised value; infinity without a bound.
    pub fn bound(&self) -> f32 {
        match self.clip_values > 0.0 {
            true => self.clip_values as f32,
            false => f32::INFINITY,
        }
    }
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            standardize: StandardiseBy::Training,
            actor_shrinkage: standardise::usual_shrinkage(),
            clip_values: 0.0,
            encoders: None,
            classes: None,
            neutral: None,
            folds: None,
            fold_seed: 0,
            test_fold: None,
            actor_pattern: None,
            normalise_labels: false,
        }
    }
}

/// From scores to emotions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecodeConfig {
    /// Which rules.
    pub rules: DecodeRules,
    /// α of the alignment (paper eq. 14); none: chosen on the validation fold.
    pub alpha: Option<f64>,
    /// t_p; none: chosen on the validation fold.
    pub presence_threshold: Option<f64>,
    /// t_s; none: chosen on the validation fold.
    pub salience_threshold: Option<f64>,
    /// What happens when neutral survives beside others but is not the highest.
    pub neutral: NeutralRule,
    /// Exponent of the presence in the alignment: 1 in the paper, 0 for the salience head alone. None:
    /// 1, but for label distributions chosen between the two on the validation fold.
    #[serde(default = "of_the_paper", skip_serializing_if = "is_of_the_paper")]
    pub beta: Option<f64>,
    /// The most emotions of a set.
    #[serde(
        default = "MaxEmotions::of_older_files",
        skip_serializing_if = "MaxEmotions::is_challenge"
    )]
    pub max_emotions: MaxEmotions,
    /// The proportions of a set.
    #[serde(
        default = "Proportions::challenge",
        skip_serializing_if = "Proportions::is_challenge"
    )]
    pub proportions: Proportions,
}

// For the challenge's task β, sets and proportions are left out of files, so that these equal the files
// from before there was a choice.
fn of_the_paper() -> Option<f64> {
    Some(1.0)
}

fn is_of_the_paper(beta: &Option<f64>) -> bool {
    *beta == of_the_paper()
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self {
            rules: DecodeRules::Paper,
            alpha: None,
            presence_threshold: None,
            salience_threshold: None,
            neutral: NeutralRule::Drop,
            beta: None,
            max_emotions: MaxEmotions::Auto,
            proportions: Proportions::Auto,
        }
    }
}

/// Everything that a run is determined by, besides its data.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Config {
    /// Sizes and switches of the network.
    pub model: ModelConfig,
    /// Weights and form of the task loss.
    pub loss: LossConfig,
    /// Unsupervised domain adaptation.
    pub uda: UdaConfig,
    /// The training loop.
    pub train: TrainConfig,
    /// What is read from the data folder.
    pub data: DataConfig,
    /// From scores to emotions.
    pub decode: DecodeConfig,
}
