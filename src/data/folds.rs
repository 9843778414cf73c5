//! Cross-validation folds: which clips train and which validate.

use std::collections::BTreeSet;

use super::dataset::Split;
use crate::{Error, Result};

/// The two sides of one fold, as places in the split's clips, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Clips to train on.
    pub train: Vec<usize>,
    /// Clips to validate on.
    pub validation: Vec<usize>,
}

/// The folds that a split's metadata name, ascending; empty without a fold column.
pub fn folds(split: &Split) -> Vec<usize> {
    let folds: BTreeSet<usize> = split.clips.iter().filter_map(|clip| clip.fold).collect();
    folds.into_iter().collect()
}

/// Validates on fold `fold` and trains on everything else; clips without a fold always train.
///
/// # Errors
/// [`Error::Csv`] if the metadata have no folds, no such fold, or nothing outside it.
pub fn fold(split: &Split, fold: usize) -> Result<Fold> {
    let known = folds(split);
    let fault = |reason| {
        Err(Error::Csv {
            path: split.metadata_path().to_path_buf(),
            line: None,
            column: Some("fold".into()),
            reason,
        })
    };
    if known.is_empty() {
        return fault(format!(
            "is missing or empty, so there is no fold {fold}; expected a number for each clip"
        ));
    }
    let (validation, train): (Vec<usize>, Vec<usize>) =
        (0..split.len()).partition(|&clip| split.clips[clip].fold == Some(fold));
    if validation.is_empty() {
        let known: Vec<String> = known.iter().map(usize::to_string).collect();
        return fault(format!(
            "there is no fold {fold}; found: {}",
            known.join(", ")
        ));
    }
    if train.is_empty() {
        return fault(format!(
            "all clips are in fold {fold}; nothing is left to train on"
        ));
    }
    Ok(Fold { train, validation })
}

/// Actors that stand on both sides, by name: validation then also rewards recognising the actor.
/// Clips without a known actor do not count.
pub fn shared_actors(split: &Split, fold: &Fold) -> Vec<String> {
    let actors = |clips: &[usize]| -> BTreeSet<&str> {
        let actor = |&clip: &usize| split.clips[clip].actor.as_deref();
        clips.iter().filter_map(actor).collect()
    };
    let (train, validation) = (actors(&fold.train), actors(&fold.validation));
    train
        .intersection(&validation)
        .map(|actor| actor.to_string())
        .collect()
}
