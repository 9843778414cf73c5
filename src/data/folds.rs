//! Cross-validation folds: which clips train and which validate.

use std::collections::BTreeSet;

use super::dataset::Split;
use crate::{Error, Result};

/// The two sides of one fold, as indices of the split's clips, ascending.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fold {
    /// Clips to train on.
    pub train: Vec<usize>,
    /// Clips to validate on.
    pub validation: Vec<usize>,
}

/// The folds in a split's metadata, ascending; empty without a fold column.
pub fn folds(split: &Split) -> Vec<usize> {
    let folds: BTreeSet<usize> = split.clips.iter().filter_map(|clip| clip.fold).collect();
    folds.into_iter().collect()
}

/// Validates on fold `fold` and trains on everything else, including clips without a fold.
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
            "is missing or empty, so fold {fold} does not exist; expected a number for each clip, or data.folds=K, which makes folds"
        ));
    }
    let (validation, train): (Vec<usize>, Vec<usize>) =
        (0..split.len()).partition(|&clip| split.clips[clip].fold == Some(fold));
    if validation.is_empty() {
        let known: Vec<String> = known.iter().map(usize::to_string).collect();
        return fault(format!("no such fold: {fold}; found: {}", known.join(", ")));
    }
    if train.is_empty() {
        return fault(format!(
            "all clips are in fold {fold}; nothing is left to train on"
        ));
    }
    Ok(Fold { train, validation })
}

/// Actors on both sides, by name: validation would then also reward recognising the actor. Clips of
/// unknown actors do not count.
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

/// What is in one fold.
#[derive(Clone, Debug, PartialEq)]
pub struct FoldSummary {
    /// Its number.
    pub fold: usize,
    /// Number of clips.
    pub clips: usize,
    /// Number of clips that show several emotions.
    pub blends: usize,
    /// Number of known actors.
    pub actors: usize,
    /// The sum of the clips' shares of each class.
    pub shares: Vec<f64>,
}

/// What is in each fold, ascending.
pub fn summaries(split: &Split, classes: usize) -> Vec<FoldSummary> {
    let of_fold = |number: usize| {
        let clips = || split.clips.iter().filter(|clip| clip.fold == Some(number));
        let actors: BTreeSet<&str> = clips().filter_map(|clip| clip.actor.as_deref()).collect();
        let several = clips().filter_map(|clip| clip.truth.as_ref());
        let mut shares = vec![0.0; classes];
        for target in clips().filter_map(|clip| clip.target.as_ref()) {
            shares.iter_mut().zip(target).for_each(|(sum, x)| *sum += x);
        }
        FoldSummary {
            fold: number,
            clips: clips().count(),
            blends: several.filter(|truth| truth.parts().len() > 1).count(),
            actors: actors.len(),
            shares,
        }
    };
    folds(split).into_iter().map(of_fold).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture;

    #[test]
    fn a_fold_validates_on_its_clips_and_trains_on_the_others() {
        let data = fixture::dataset();
        assert_eq!(folds(&data.train), [0, 1, 2]);
        let one = fold(&data.train, 1).unwrap();
        assert_eq!(one.train, [0, 1, 4, 5]);
        assert_eq!(one.validation, [2, 3]);
        assert!(shared_actors(&data.train, &one).is_empty());
    }

    #[test]
    fn an_unknown_fold_names_the_known_ones_and_no_folds_are_no_fault_until_asked_for() {
        let data = fixture::dataset();
        let message = fold(&data.train, 7).unwrap_err().to_string();
        assert!(
            message.contains("no such fold: 7; found: 0, 1, 2"),
            "{message}"
        );
        let test = data.test.as_ref().unwrap();
        assert!(folds(test).is_empty());
        let message = fold(test, 0).unwrap_err().to_string();
        assert!(
            message.contains("test_metadata.csv, column fold"),
            "{message}"
        );
    }

    #[test]
    fn clips_without_a_fold_always_train_and_an_actor_on_both_sides_is_found() {
        let mut data = fixture::dataset();
        data.train.clips[3].fold = None;
        let one = fold(&data.train, 1).unwrap();
        assert_eq!((one.train.len(), one.validation.as_slice()), (5, &[2][..]));
        assert_eq!(shared_actors(&data.train, &one), ["A2"]);
        data.train
            .clips
            .iter_mut()
            .for_each(|clip| clip.fold = Some(0));
        assert!(
            fold(&data.train, 0)
                .unwrap_err()
                .to_string()
                .contains("nothing is left")
        );
    }
}
