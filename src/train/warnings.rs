//! Warnings about the data that a user should know before trusting a run's scores.

use super::validation::ValidationFold;
use crate::config::{Config, Monitor};
use crate::data::dataset::Dataset;
use crate::data::standardise::ColumnStats;
use crate::eval::ceiling::Ceiling;
use crate::eval::mixtures::Mixtures;

/// Most names that one warning lists.
const LISTED: usize = 5;

/// A few names, with an ellipsis for the rest.
pub(super) fn listed(names: &[String]) -> String {
    let shown = names[..names.len().min(LISTED)].join(", ");
    if names.len() > LISTED {
        format!("{shown}, …")
    } else {
        shown
    }
}

/// Scores of the fold that are undefined, or that decoding cannot raise to 1.
pub(super) fn of_monitor(config: &Config, validation: &ValidationFold, warnings: &mut Vec<String>) {
    let mixtures = Mixtures::of(&config.decode);
    let ceiling = Ceiling::of(validation.truths(), &mixtures);
    warnings.extend(ceiling.sentences(&mixtures, "validation clips"));
    if validation.has_blends() {
        return;
    }
    match config.train.monitor {
        Monitor::Auto | Monitor::Average => warnings.push(
            "no validation clip shows exactly two emotions: ACC_salience is undefined and counts as 0, so train.monitor=average depends on ACC_presence only".into(),
        ),
        Monitor::Salience => warnings.push(
            "no validation clip shows exactly two emotions: train.monitor=salience is undefined, the first epoch will be the best one; use auto, presence, loss or kl".into(),
        ),
        Monitor::Loss | Monitor::Presence | Monitor::Overlap | Monitor::Kl => {}
    }
}

/// Classes that occur in the data, but in no training clip or in no validation clip.
pub(super) fn of_classes(
    dataset: &Dataset,
    train: &[usize],
    validation: Option<&ValidationFold>,
    warnings: &mut Vec<String>,
) {
    let names = dataset.classes.names();
    let lacking = |clips: &[usize]| -> Vec<String> {
        let mut shown = vec![false; names.len()];
        let targets = clips
            .iter()
            .filter_map(|&clip| dataset.train.clips[clip].target.as_ref());
        for target in targets {
            for (shown, &share) in shown.iter_mut().zip(target) {
                *shown |= share > 0.0;
            }
        }
        let lacking = names.iter().zip(shown).filter(|(_, shown)| !shown);
        lacking.map(|(name, _)| name.clone()).collect()
    };
    let untrained = lacking(train);
    if !untrained.is_empty() {
        warnings.push(format!(
            "no training clip shows {}: the model cannot learn to predict it",
            listed(&untrained)
        ));
    }
    let unseen = validation.map_or_else(Vec::new, |fold| lacking(fold.clips()));
    if !unseen.is_empty() {
        warnings.push(format!(
            "no validation clip shows {}: thresholds and scores of this fold do not cover it",
            listed(&unseen)
        ));
    }
}

/// Encoders all of whose columns are constant over the training clips.
pub(super) fn of_constant_encoders(
    dataset: &Dataset,
    stats: &[ColumnStats],
    warnings: &mut Vec<String>,
) {
    for (encoder, stats) in dataset.encoders.iter().zip(stats) {
        if (0..encoder.width).all(|column| stats.is_constant(column)) {
            warnings.push(format!(
                "encoder {}: every column is constant over the training clips, so it carries no information (it is standardised to 0); check how it was extracted, or leave it out",
                encoder.name
            ));
        }
    }
}
