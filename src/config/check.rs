//! Which values a configuration may hold.

use super::Config;
use crate::error::{Error, Result};

impl Config {
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
            ("decode.alpha", self.decode.alpha.unwrap_or(0.0)),
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
                    "an empty list; name at least one, or omit the key for all",
                ));
            }
            let names = list.iter().flatten();
            for (place, name) in names.clone().enumerate() {
                if name.trim().is_empty() {
                    return Err(config_error(key, "an empty name; expected names only"));
                }
                if names.clone().take(place).any(|known| known == name) {
                    let reason = format!("{name:?} is listed twice; keep one");
                    return Err(config_error(key, reason));
                }
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

pub(crate) fn config_error(field: &str, reason: impl Into<String>) -> Error {
    Error::Config {
        field: field.to_owned(),
        reason: reason.into(),
    }
}
