//! Flags for decoding probabilities into emotions.

use std::num::NonZeroUsize;

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::common::at_least_one;
use crate::config::{DecodeConfig, DecodeRules, MaxEmotions, NeutralRule, Proportions};
use crate::data::label::Classes;
use crate::eval::rules::Thresholds;
use crate::suggest::instead;
use crate::{Error, Result};

impl ValueEnum for DecodeRules {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Paper, Self::Challenge]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Paper => PossibleValue::new("paper")
                .help("The paper's, on the ratio of the two highest scores"),
            Self::Challenge => PossibleValue::new("challenge")
                .help("The challenge's baseline, on their difference"),
        })
    }
}

impl ValueEnum for NeutralRule {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Drop, Self::KeepOne]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(match self {
            Self::Drop => PossibleValue::new("drop").help("Drop neutral and decode the rest"),
            Self::KeepOne => PossibleValue::new("keep-one").help("Keep only the highest emotion"),
        })
    }
}

/// Rules, but no thresholds.
#[derive(Args, Debug)]
pub struct RulesArgs {
    /// Decoding rules: the paper's, or those of the challenge's baseline code [default: paper, or
    /// those of the run]
    #[arg(long, value_enum)]
    rules: Option<DecodeRules>,
    /// Paper's rules: what to do if neutral passes the presence threshold together with other
    /// emotions but is not the highest [default: drop, or that of the run]
    #[arg(long, value_enum)]
    neutral: Option<NeutralRule>,
    /// The class that counts as neutral [default: neu, if there is such a class, or that of the run]
    #[arg(long, value_name = "CLASS")]
    neutral_class: Option<String>,
    /// The most emotions of a clip [default: 2, or those of the run]
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    max_emotions: Option<NonZeroUsize>,
    /// The proportions of blends in percent, of each number of emotions; numbers without any, or
    /// `continuous`: shares that follow the scores [default: 50/50,70/30, or those of the run]
    #[arg(long, value_name = "LIST", value_parser = proportions)]
    proportions: Option<Proportions>,
}

impl RulesArgs {
    /// The same as a configuration: what is not given as `run` has it, or else as the challenge; its
    /// thresholds are open.
    pub fn config(&self, run: Option<&DecodeConfig>) -> DecodeConfig {
        let base = run.cloned().unwrap_or_else(|| DecodeConfig {
            beta: Some(1.0),
            max_emotions: MaxEmotions::CHALLENGE,
            proportions: Proportions::challenge(),
            ..DecodeConfig::default()
        });
        let most = self.max_emotions;
        DecodeConfig {
            rules: self.rules.unwrap_or(base.rules),
            neutral: self.neutral.unwrap_or(base.neutral),
            alpha: None,
            presence_threshold: None,
            salience_threshold: None,
            beta: base.beta,
            max_emotions: most.map_or(base.max_emotions, |most| MaxEmotions::AtMost(most.get())),
            proportions: self.proportions.clone().unwrap_or(base.proportions),
        }
    }

    /// The same classes with the neutral one that was named.
    ///
    /// # Errors
    /// [`Error::Data`] if there is no such class.
    pub fn classes(&self, classes: &Classes) -> Result<Classes> {
        let Some(name) = &self.neutral_class else {
            return Ok(classes.clone());
        };
        classes.clone().with_neutral_named(name).ok_or_else(|| {
            Error::Data(format!(
                "--neutral-class {name}: no such class{}",
                instead(name, classes.names().iter().map(String::as_str))
            ))
        })
    }
}

/// The two thresholds.
#[derive(Args, Debug)]
pub struct ThresholdArgs {
    /// Presence threshold, 0 to 1: emotions that score below it are dropped
    #[arg(long, value_name = "T", value_parser = unit)]
    pub presence_threshold: Option<f64>,
    /// Salience threshold, 0 to 1: two emotions closer than this are 50/50, otherwise 70/30 (paper's
    /// rules: half the difference of their shares, at most 0.5; challenge's: the difference of their
    /// scores)
    #[arg(long, value_name = "T", value_parser = unit)]
    pub salience_threshold: Option<f64>,
}

impl ThresholdArgs {
    /// These where given, otherwise those.
    pub fn or(&self, presence: f64, salience: f64) -> Thresholds {
        Thresholds {
            presence: self.presence_threshold.unwrap_or(presence),
            salience: self.salience_threshold.unwrap_or(salience),
        }
    }
}

/// `50/50,70/30`, or `continuous`.
fn proportions(text: &str) -> std::result::Result<Proportions, String> {
    if text == "continuous" {
        return Ok(Proportions::Continuous);
    }
    let level = |level: &str| -> std::result::Result<Vec<f64>, String> {
        let share = |share: &str| share.trim().parse::<f64>();
        let shares = level
            .split('/')
            .map(share)
            .collect::<std::result::Result<_, _>>();
        shares.map_err(|_| {
            format!("found {level:?}, expected percentages such as 70/30, or continuous")
        })
    };
    let levels = text
        .split(',')
        .map(level)
        .collect::<std::result::Result<_, _>>()?;
    let found = Proportions::Levels(levels);
    found.fault().map_or(Ok(found.clone()), Err)
}

/// A number from 0 to 1.
pub fn unit(text: &str) -> std::result::Result<f64, String> {
    match text.parse::<f64>() {
        Ok(x) if (0.0..=1.0).contains(&x) => Ok(x),
        _ => Err("expected a number from 0 to 1".into()),
    }
}
