//! Statistics of the labels of a split.

use std::collections::{BTreeMap, BTreeSet};

use super::ClassCount;
use crate::data::label::{Blend, Classes};
use crate::data::metadata::Clip;

/// The number of clips of each class, and the number of blends of two with each proportion.
pub(super) fn count(clips: &[Clip], classes: &Classes) -> (Vec<ClassCount>, Vec<(String, usize)>) {
    let mut proportions: BTreeMap<String, usize> = BTreeMap::new();
    let names = classes.names().iter().enumerate();
    let mut counts: Vec<ClassCount> = names
        .map(|(class, name)| ClassCount {
            name: name.clone(),
            neutral: classes.neutral() == Some(class),
            alone: 0,
            in_blends: 0,
        })
        .collect();
    for truth in clips.iter().filter_map(|clip| clip.truth.as_ref()) {
        for part in truth.parts() {
            let count = &mut counts[part.class];
            *if truth.parts().len() == 1 {
                &mut count.alone
            } else {
                &mut count.in_blends
            } += 1;
        }
        if let [a, b] = truth.parts() {
            let (high, low) = (a.salience.max(b.salience), a.salience.min(b.salience));
            *proportions
                .entry(format!("{high:.0}/{low:.0}"))
                .or_default() += 1;
        }
    }
    (counts, proportions.into_iter().collect())
}

/// The classes that only clips of one fold show: with the fold held out, none is trained on.
pub(super) fn of_one_fold(clips: &[Clip], classes: &Classes) -> Vec<String> {
    let mut folds = vec![BTreeSet::new(); classes.len()];
    for clip in clips {
        for part in clip.truth.iter().flat_map(Blend::parts) {
            folds[part.class].insert(clip.fold);
        }
    }
    let told = classes.names().iter().zip(&folds).filter_map(|(name, folds)| {
        let only = folds.first().filter(|_| folds.len() == 1)?.as_ref()?;
        Some(format!(
            "only clips of fold {only} show {name}: with this fold held out, no training clip shows it"
        ))
    });
    told.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture;

    #[test]
    fn a_class_of_one_fold_is_told_with_the_fold() {
        let mut train = fixture::dataset().train;
        let classes = fixture::dataset().classes;
        for clip in &mut train.clips {
            clip.fold = Some(0);
        }
        let all = of_one_fold(&train.clips, &classes);
        assert_eq!(all.len(), classes.len());
        assert!(
            all[0].starts_with("only clips of fold 0 show ang: "),
            "{}",
            all[0]
        );
        // Clips without a fold are always trained on.
        train.clips.iter_mut().for_each(|clip| clip.fold = None);
        assert!(of_one_fold(&train.clips, &classes).is_empty());
    }
}
