//! Statistics of the labels of a split.

use std::collections::BTreeMap;

use super::ClassCount;
use crate::data::label::Classes;
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
