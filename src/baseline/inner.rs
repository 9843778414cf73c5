//! Groups of training clips, of which one after the other is left out to choose settings without the
//! clips that are held out.

use std::collections::BTreeMap;

use crate::data::dataset::Dataset;

/// Number of groups where the training clips are all of one fold.
const GROUPS: usize = 3;

/// The group of each training clip: its fold where the clips are of several. Otherwise clips of one actor
/// share a group, and clips of unknown actors are spread over the groups.
pub fn groups(dataset: &Dataset, train: &[usize]) -> Vec<usize> {
    let clips = &dataset.train.clips;
    let folds: BTreeMap<Option<usize>, usize> =
        numbered(train.iter().map(|&clip| clips[clip].fold));
    if folds.len() > 1 {
        return train.iter().map(|&clip| folds[&clips[clip].fold]).collect();
    }
    let actors = numbered(
        train
            .iter()
            .filter_map(|&clip| clips[clip].actor.as_deref()),
    );
    let spread = actors.len() < 2;
    let group = |(place, &clip): (usize, &usize)| match clips[clip].actor.as_deref() {
        Some(actor) if !spread => actors[actor] % GROUPS,
        _ => place % GROUPS,
    };
    train.iter().enumerate().map(group).collect()
}

/// Distinct values, numbered in their order.
fn numbered<T: Ord>(values: impl Iterator<Item = T>) -> BTreeMap<T, usize> {
    let mut numbers: BTreeMap<T, usize> = values.map(|value| (value, 0)).collect();
    for (at, number) in numbers.values_mut().enumerate() {
        *number = at;
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture;

    #[test]
    fn folds_are_groups_and_otherwise_actors_stay_together() {
        let mut data = fixture::dataset();
        let all: Vec<usize> = (0..data.train.len()).collect();
        let found = groups(&data, &all);
        let folds: Vec<_> = data.train.clips.iter().map(|clip| clip.fold).collect();
        for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))) {
            assert_eq!(found[a] == found[b], folds[a] == folds[b]);
        }
        data.train
            .clips
            .iter_mut()
            .for_each(|clip| clip.fold = None);
        let found = groups(&data, &all);
        assert!(found.iter().any(|group| *group != found[0]));
        for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))) {
            let clips = &data.train.clips;
            if clips[a].actor == clips[b].actor {
                assert_eq!(found[a], found[b]);
            }
        }
        data.train
            .clips
            .iter_mut()
            .for_each(|clip| clip.actor = None);
        assert_eq!(groups(&data, &all)[..4], [0, 1, 2, 0]);
    }
}
