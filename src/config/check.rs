//! Which values a configuration may hold.

use super::{Config, MaxEmotions, StandardiseBy};
use crate::error::{Error, Result};

impl Config {
    /// Refuses values out of range.
    ///
    /// # Errors
    /// [`Error::Config`] naming the key, the value and what is allowed.
    pub fn check(&self) -> Result<()> {
        let (m, t) = (&self.model, &self.train);
        size("model.projection_dim", m.projection_dim)?;
        size("model.shared_dim", m.shared_dim)?;
        size("model.gate_hidden", m.gate_hidden)?;
        size("model.head_hidden", m.head_hidden)?;
        size("model.top_k", m.top_k)?;
        size("train.max_epochs", t.max_epochs)?;
        let at_least_2 = "at least 2, since batch norm takes statistics over the batch";
        let batch = t.batch_size;
        require(
            "train.batch_size",
            (2..=LARGEST).contains(&batch),
            batch,
            at_least_2,
        )?;
        rate("model.dropout", m.dropout)?;
        rate("model.dropout_projection", m.dropout_projection)?;
        rate("model.dropout_fusion", m.dropout_fusion)?;
        rate("model.dropout_heads", m.dropout_heads)?;
        self.check_temperature()?;
        not_negative("loss.presence_weight", self.loss.presence_weight)?;
        not_negative("loss.salience_weight", self.loss.salience_weight)?;
        not_negative("uda.domain_weight", self.uda.domain_weight)?;
        not_negative("uda.reversal_weight", self.uda.reversal_weight)?;
        not_negative("train.lr", t.lr)?;
        not_negative("train.weight_decay", t.weight_decay)?;
        not_negative("train.early_stop_delta", t.early_stop_delta)?;
        not_negative("train.plateau_threshold", t.plateau_threshold)?;
        not_negative("train.min_lr", t.min_lr)?;
        not_negative("train.clip_norm", t.clip_norm)?;
        not_negative("train.checkpoint_seconds", t.checkpoint_seconds)?;
        not_negative("decode.alpha", self.decode.alpha)?;
        not_negative("decode.beta", self.decode.beta)?;
        if let MaxEmotions::AtMost(most) = self.decode.max_emotions {
            size("decode.max_emotions", most)?;
        }
        if let Some(reason) = self.decode.proportions.fault() {
            return Err(config_error("decode.proportions", reason));
        }
        let factor = t.plateau_factor;
        require(
            "train.plateau_factor",
            factor > 0.0 && factor < 1.0,
            factor,
            "between 0 and 1",
        )?;
        fraction("decode.presence_threshold", self.decode.presence_threshold)?;
        fraction("decode.salience_threshold", self.decode.salience_threshold)?;
        not_negative("data.actor_shrinkage", self.data.actor_shrinkage)?;
        not_negative("data.clip_values", self.data.clip_values)?;
        if self.data.clip_values > 0.0 && self.data.standardize == StandardiseBy::Nothing {
            let reason = "is in standard deviations, and data.standardize is false; set it to true or \"actor\", or data.clip_values to 0";
            return Err(config_error("data.clip_values", reason));
        }
        let folds = self.data.folds.unwrap_or(2);
        let allowed = "a whole number from 2 to 1000";
        require("data.folds", (2..=1000).contains(&folds), folds, allowed)?;
        names("data.encoders", self.data.encoders.as_deref())?;
        names("data.classes", self.data.classes.as_deref())
    }

    fn check_temperature(&self) -> Result<()> {
        let m = &self.model;
        let (low, high) = (m.temperature_min, m.temperature_max);
        require(
            "model.temperature_min",
            low.is_finite() && low > 0.0,
            low,
            "above 0",
        )?;
        require(
            "model.temperature_max",
            high.is_finite() && high >= low,
            high,
            "at least model.temperature_min",
        )?;
        require(
            "model.temperature",
            (low..=high).contains(&m.temperature),
            m.temperature,
            "from model.temperature_min to model.temperature_max",
        )
    }
}

/// The largest size of a layer or batch.
const LARGEST: usize = super::key_table::LARGEST as usize;

fn size(key: &str, value: usize) -> Result<()> {
    let allowed = "a whole number from 1 to 1048576";
    require(key, (1..=LARGEST).contains(&value), value, allowed)
}

fn rate(key: &str, value: impl Into<Option<f64>>) -> Result<()> {
    let value = value.into().unwrap_or(0.0);
    require(
        key,
        (0.0..1.0).contains(&value),
        value,
        "a rate from 0 to below 1",
    )
}

fn not_negative(key: &str, value: impl Into<Option<f64>>) -> Result<()> {
    let value = value.into().unwrap_or(0.0);
    require(
        key,
        value.is_finite() && value >= 0.0,
        value,
        "a finite number, 0 or more",
    )
}

fn fraction(key: &str, value: Option<f64>) -> Result<()> {
    let value = value.unwrap_or(0.0);
    require(key, (0.0..=1.0).contains(&value), value, "from 0 to 1")
}

/// A list without repetition; `None` is the list of all.
fn names(key: &str, list: Option<&[String]>) -> Result<()> {
    let Some(list) = list else { return Ok(()) };
    if list.is_empty() {
        let reason = "an empty list; name at least one, or omit the key for all";
        return Err(config_error(key, reason));
    }
    for (place, name) in list.iter().enumerate() {
        if name.trim().is_empty() {
            return Err(config_error(key, "an empty name; expected names only"));
        }
        if list[..place].contains(name) {
            let reason = format!("{name:?} is listed twice; keep one");
            return Err(config_error(key, reason));
        }
    }
    Ok(())
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

pub(crate) fn config_error(field: &str, reason: impl Into<String>) -> Error {
    Error::Config {
        field: field.to_owned(),
        reason: reason.into(),
    }
}
