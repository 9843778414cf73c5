//! The configuration of a run, checked; its defaults are the paper's Table IV. Every default of the
//! program stands here.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::error::{Error, Result};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+ }
    };
}

words! {
    /// How encoders are weighted.
    Gate {
        /// Learned weights, of which the largest are kept (paper eqs. 3 and 4).
        Attention = "attention",
        /// The same weight for every encoder that is present; no selection.
        Uniform = "uniform",
    }
}

words! {
    /// How many classifier heads stand on the shared embedding.
    Heads {
        /// One for presence and one for salience (paper eq. 7).
        Dual = "dual",
        /// One whose logits serve as both.
        Single = "single",
    }
}

words! {
    /// The loss of the presence head.
    PresenceLoss {
        /// Cross-entropy with the soft label (paper eq. 9).
        SoftCrossEntropy = "soft_ce",
        /// Binary cross-entropy of each class with the soft label.
        BinaryCrossEntropy = "bce",
    }
}

words! {
    /// Where the unlabelled target rows come from.
    UdaTarget {
        /// The test split, its labels unread.
        Test = "test",
        /// The validation fold, its labels unread while training.
        Validation = "validation",
    }
}

words! {
    /// The validation measure that decides which epoch is best.
    Monitor {
        /// ½ ACC_presence + ½ ACC_salience, higher is better.
        Average = "average",
        /// The task loss, lower is better.
        Loss = "loss",
        /// ACC_presence, higher is better.
        Presence = "presence",
        /// ACC_salience, higher is better.
        Salience = "salience",
        /// Kullback-Leibler divergence of the aligned scores from the truth, lower is better.
        Kl = "kl",
    }
}

words! {
    /// Which decoding rules turn scores into emotions.
    DecodeRules {
        /// The paper's, eqs. 14 to 16.
        Paper = "paper",
        /// The challenge's baseline code.
        Challenge = "challenge",
    }
}

words! {
    /// What happens when neutral survives beside others but is not the highest.
    NeutralRule {
        /// Neutral is dropped and the rest decoded.
        Drop = "drop",
        /// The best other emotion stands alone, as in the challenge's baseline.
        KeepOne = "keep_one",
    }
}

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
    /// Whether a higher measure is better.
    pub fn higher_is_better(self) -> bool {
        matches!(
            self,
            Monitor::Average | Monitor::Presence | Monitor::Salience
        )
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
    /// Whether the domain adversary trains along.
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
    /// The most epochs.
    pub max_epochs: usize,
    /// Epochs without improvement of the monitor after which training stops.
    pub early_stop_patience: usize,
    /// What counts as an improvement of the monitor.
    pub early_stop_delta: f64,
    /// The validation measure that decides which epoch is best.
    pub monitor: Monitor,
    /// What the plateau schedule multiplies the learning rate by.
    pub plateau_factor: f64,
    /// Epochs without a lower validation loss that the schedule bears.
    pub plateau_patience: usize,
    /// Relative fall of the loss that counts for the schedule.
    pub plateau_threshold: f64,
    /// Epochs after a reduction in which none is counted as bad.
    pub plateau_cooldown: usize,
    /// The learning rate falls no lower.
    pub min_lr: f64,
    /// Largest Euclidean norm of the whole gradient; 0: no clipping.
    pub clip_norm: f64,
    /// Seconds between saved states that `--resume` goes on from (three times the model's size on
    /// disk); 0: after every epoch. When they are saved changes nothing in the results.
    pub checkpoint_seconds: f64,
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
            monitor: Monitor::Average,
            plateau_factor: 0.5,
            plateau_patience: 3,
            plateau_threshold: 1e-4,
            plateau_cooldown: 0,
            min_lr: 0.0,
            clip_norm: 0.0,
            checkpoint_seconds: 60.0,
        }
    }
}

/// What is read from the data folder, and how.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DataConfig {
    /// Whether columns are standardised on the training rows.
    pub standardize: bool,
    /// A subset of the encoders, kept in the order of the data set; none: all.
    pub encoders: Option<Vec<String>>,
    /// The classes in this order; none: those that the training metadata hold.
    pub classes: Option<Vec<String>>,
    /// The neutral class; none: `neu`, where there is such a class.
    pub neutral: Option<String>,
}

impl Default for DataConfig {
    fn default() -> Self {
        Self {
            standardize: true,
            encoders: None,
            classes: None,
            neutral: None,
        }
    }
}

/// From scores to emotions.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct DecodeConfig {
    /// Which rules.
    pub rules: DecodeRules,
    /// α of the alignment (paper eq. 14).
    pub alpha: f64,
    /// t_p; none: chosen on the validation fold.
    pub presence_threshold: Option<f64>,
    /// t_s; none: chosen on the validation fold.
    pub salience_threshold: Option<f64>,
    /// What happens when neutral survives beside others but is not the highest.
    pub neutral: NeutralRule,
}

impl Default for DecodeConfig {
    fn default() -> Self {
        Self {
            rules: DecodeRules::Paper,
            alpha: 1.0,
            presence_threshold: None,
            salience_threshold: None,
            neutral: NeutralRule::Drop,
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

impl Config {
    /// The defaults with these values laid over them: a table of tables, as TOML files have it.
    ///
    /// # Errors
    /// [`Error::Config`] for a key that does not exist (naming the nearest one), a value of the wrong
    /// type, or one out of range.
    pub fn from_overrides(overrides: &[Value]) -> Result<Self> {
        let mut whole = serde_json::to_value(Self::default())
            .map_err(|e| config_error("defaults", e.to_string()))?;
        let known = leaves(&whole);
        for layer in overrides {
            for (key, value) in leaves(layer) {
                if !known.iter().any(|(name, _)| *name == key) {
                    return Err(unknown_key(&key, &known));
                }
                set(&mut whole, &key, value);
                // Key by key, so that a wrong type is reported with its key.
                serde_json::from_value::<Self>(whole.clone())
                    .map_err(|e| config_error(&key, e.to_string()))?;
            }
        }
        let config: Self = serde_json::from_value(whole)
            .map_err(|e| config_error("configuration", e.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Every dotted key with its default.
    pub fn keys() -> Vec<(String, Value)> {
        leaves(&serde_json::to_value(Self::default()).unwrap_or(Value::Null))
    }

    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key, the value and what is allowed.
    pub fn check(&self) -> Result<()> {
        let m = &self.model;
        for (key, value) in [
            ("model.projection_dim", m.projection_dim),
            ("model.shared_dim", m.shared_dim),
            ("model.gate_hidden", m.gate_hidden),
            ("model.head_hidden", m.head_hidden),
            ("model.top_k", m.top_k),
            ("train.max_epochs", self.train.max_epochs),
        ] {
            require(
                key,
                (1..=1 << 20).contains(&value),
                value,
                "a whole number from 1 to 1048576",
            )?;
        }
        require(
            "train.batch_size",
            (2..=1 << 20).contains(&self.train.batch_size),
            self.train.batch_size,
            "at least 2, since batch norm takes statistics over the batch",
        )?;
        for (key, rate) in [
            ("model.dropout", Some(m.dropout)),
            ("model.dropout_projection", m.dropout_projection),
            ("model.dropout_fusion", m.dropout_fusion),
            ("model.dropout_heads", m.dropout_heads),
        ] {
            let rate = rate.unwrap_or(0.0);
            require(
                key,
                (0.0..1.0).contains(&rate),
                rate,
                "a rate from 0 to below 1",
            )?;
        }
        let finite_positive = |x: f64| x.is_finite() && x > 0.0;
        require(
            "model.temperature_min",
            finite_positive(m.temperature_min),
            m.temperature_min,
            "above 0",
        )?;
        require(
            "model.temperature_max",
            m.temperature_max.is_finite() && m.temperature_max >= m.temperature_min,
            m.temperature_max,
            "at least model.temperature_min",
        )?;
        require(
            "model.temperature",
            (m.temperature_min..=m.temperature_max).contains(&m.temperature),
            m.temperature,
            "from model.temperature_min to model.temperature_max",
        )?;
        let t = &self.train;
        for (key, value) in [
            ("loss.presence_weight", self.loss.presence_weight),
            ("loss.salience_weight", self.loss.salience_weight),
            ("uda.domain_weight", self.uda.domain_weight),
            ("uda.reversal_weight", self.uda.reversal_weight),
            ("train.lr", t.lr),
            ("train.weight_decay", t.weight_decay),
            ("train.early_stop_delta", t.early_stop_delta),
            ("train.plateau_threshold", t.plateau_threshold),
            ("train.min_lr", t.min_lr),
            ("train.clip_norm", t.clip_norm),
            ("train.checkpoint_seconds", t.checkpoint_seconds),
            ("decode.alpha", self.decode.alpha),
        ] {
            require(
                key,
                value.is_finite() && value >= 0.0,
                value,
                "a finite number, 0 or more",
            )?;
        }
        require(
            "train.plateau_factor",
            t.plateau_factor > 0.0 && t.plateau_factor < 1.0,
            t.plateau_factor,
            "between 0 and 1",
        )?;
        for (key, threshold) in [
            ("decode.presence_threshold", self.decode.presence_threshold),
            ("decode.salience_threshold", self.decode.salience_threshold),
        ] {
            let threshold = threshold.unwrap_or(0.0);
            require(
                key,
                (0.0..=1.0).contains(&threshold),
                threshold,
                "from 0 to 1",
            )?;
        }
        for (key, list) in [
            ("data.encoders", &self.data.encoders),
            ("data.classes", &self.data.classes),
        ] {
            if list.as_ref().is_some_and(Vec::is_empty) {
                return Err(config_error(
                    key,
                    "an empty list; name at least one, or leave the key out for all",
                ));
            }
        }
        Ok(())
    }
}

fn require(key: &str, holds: bool, found: impl std::fmt::Display, allowed: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(config_error(
            key,
            format!("found {found}, expected {allowed}"),
        ))
    }
}

fn config_error(field: &str, reason: impl Into<String>) -> Error {
    Error::Config {
        field: field.to_owned(),
        reason: reason.into(),
    }
}

fn unknown_key(key: &str, known: &[(String, Value)]) -> Error {
    let last = key.rsplit('.').next().unwrap_or(key);
    // A right name under the wrong table is nearer than anything else.
    let same_name = known
        .iter()
        .find(|(name, _)| name.rsplit('.').next() == Some(last));
    let nearest = same_name.or_else(|| {
        known.iter().min_by(|a, b| {
            let distance = |name: &str| strsim::damerau_levenshtein(name, key);
            distance(&a.0).cmp(&distance(&b.0))
        })
    });
    let hint = nearest.map_or_else(String::new, |(name, _)| format!("; did you mean {name}?"));
    config_error(key, format!("no such key{hint}"))
}

/// Dotted keys and values of a table of tables.
fn leaves(table: &Value) -> Vec<(String, Value)> {
    fn walk(prefix: &str, value: &Value, out: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let path = if prefix.is_empty() {
                        key.clone()
                    } else {
                        format!("{prefix}.{key}")
                    };
                    walk(&path, value, out);
                }
            }
            leaf => out.push((prefix.to_owned(), leaf.clone())),
        }
    }
    let mut out = Vec::new();
    walk("", table, &mut out);
    out
}

/// Puts a value at a dotted key.
fn set(table: &mut Value, key: &str, value: Value) {
    let mut at = table;
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(map) = at else { return };
        if parts.peek().is_none() {
            map.insert(part.to_owned(), value);
            return;
        }
        at = map.entry(part).or_insert_with(|| Value::Object(Map::new()));
    }
}

/// `dotted.key=value` as an override; the value as TOML would read it, or else a word.
///
/// # Errors
/// [`Error::Config`] without an equals sign or a key.
pub fn parse_assignment(text: &str) -> Result<Value> {
    let (key, value) = text
        .split_once('=')
        .map(|(key, value)| (key.trim(), value.trim()))
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| config_error(text, "expected key=value, as in model.top_k=16"))?;
    let parsed = toml::from_str::<Value>(&format!("value = {value}"))
        .ok()
        .and_then(|t| t.get("value").cloned());
    let mut table = Value::Object(Map::new());
    set(
        &mut table,
        key,
        parsed.unwrap_or_else(|| Value::String(value.to_owned())),
    );
    Ok(table)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(text: &str) -> Result<Config> {
        Config::from_overrides(&[parse_assignment(text)?])
    }

    #[test]
    fn defaults_pass_their_own_check_and_survive_a_round_trip() {
        let config = Config::default();
        config.check().unwrap();
        let value = serde_json::to_value(&config).unwrap();
        assert_eq!(Config::from_overrides(&[value]).unwrap(), config);
    }

    #[test]
    fn assignments_take_numbers_words_and_lists() {
        assert_eq!(with("model.top_k=3").unwrap().model.top_k, 3);
        assert_eq!(with("model.dropout = 0").unwrap().model.dropout, 0.0);
        assert_eq!(
            with("model.gate=uniform").unwrap().model.gate,
            Gate::Uniform
        );
        assert_eq!(
            with("loss.presence=\"bce\"").unwrap().loss.presence,
            PresenceLoss::BinaryCrossEntropy
        );
        assert_eq!(
            with("data.encoders=[\"a\", \"b\"]")
                .unwrap()
                .data
                .encoders
                .unwrap(),
            ["a", "b"]
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_one() {
        let message = with("model.topk=3").unwrap_err().to_string();
        assert_eq!(
            message,
            "configuration: model.topk: no such key; did you mean model.top_k?"
        );
        let message = with("train.dropout=0").unwrap_err().to_string();
        assert_eq!(
            message,
            "configuration: train.dropout: no such key; did you mean model.dropout?"
        );
    }

    #[test]
    fn values_of_the_wrong_type_or_out_of_range_are_refused_with_their_key() {
        for (text, part) in [
            ("model.top_k=0", "model.top_k: found 0"),
            ("model.top_k=many", "model.top_k: invalid type"),
            (
                "model.gate=soft",
                "model.gate: unknown variant `soft`, expected `attention` or `uniform`",
            ),
            ("model.dropout=1.0", "model.dropout: found 1"),
            ("train.lr=nan", "train.lr"),
            ("model.temperature=2", "model.temperature: found 2"),
            ("data.encoders=[]", "data.encoders: an empty list"),
            ("model.top_k", "expected key=value"),
        ] {
            let message = with(text).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
