//! How often each label occurs: what the trivial baselines always answer.

use crate::data::label::{Blend, Part};

/// Labels with how often they occur, most frequent first; among equals the one seen first, as in
/// the challenge's `trivial_baseline.py`. The first of each list is a trivial baseline's answer;
/// [`Accuracy::of`](super::metrics::Accuracy::of) with it beside every truth is that baseline's score.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Frequencies {
    /// Single emotions.
    pub singles: Vec<(Blend, usize)>,
    /// Sets of two or more emotions whatever their saliences, written with equal saliences.
    pub sets: Vec<(Blend, usize)>,
    /// Blends of two or more emotions with their saliences in whole percents.
    pub blends: Vec<(Blend, usize)>,
}

impl Frequencies {
    /// Counts the labels of a training set, in its order; a label without parts is skipped.
    pub fn of<'a>(truths: impl IntoIterator<Item = &'a Blend>) -> Self {
        let mut found = Self::default();
        for truth in truths {
            match truth.parts() {
                [] => {}
                [one] => add(&mut found.singles, &Blend::single(one.class)),
                parts => {
                    let equal = 100.0 / parts.len() as f64;
                    let with = |salience: &dyn Fn(&Part) -> f64| {
                        let part = |part: &Part| Part {
                            class: part.class,
                            salience: salience(part),
                        };
                        Blend::new(parts.iter().map(part).collect())
                    };
                    add(&mut found.sets, &with(&|_| equal));
                    let whole = with(&|part| part.salience.round_ties_even());
                    add(&mut found.blends, &whole);
                }
            }
        }
        for list in [&mut found.singles, &mut found.sets, &mut found.blends] {
            // Stable: equals keep the order in which they were first seen.
            list.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        }
        found
    }
}

fn add(list: &mut Vec<(Blend, usize)>, label: &Blend) {
    match list.iter_mut().find(|(known, _)| known == label) {
        Some((_, count)) => *count += 1,
        None => list.push((label.clone(), 1)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::label::Classes;
    use crate::eval::filename::truth;

    #[test]
    fn most_frequent_first_and_the_first_seen_among_equals() {
        let names = [
            "A_sad_int1_ver1",
            "A_ang_int1_ver1",
            "A_mix_hap_ang_30_70_ver1",
            "A_mix_disg_fea_50_50_ver1",
            "A_mix_ang_hap_30_70_ver1",
            "A_mix_disg_fea_50_50_ver2",
        ];
        let classes = Classes::challenge();
        let truths: Vec<Blend> = names.iter().map(|n| truth(n, &classes).unwrap()).collect();
        let found = Frequencies::of(&truths);
        assert_eq!(found.singles[0], (Blend::single(4), 1));
        assert_eq!(found.sets.len(), 2);
        assert_eq!((found.sets[0].0.parts()[0].class, found.sets[0].1), (0, 2));
        assert_eq!(found.sets[0].0.parts()[0].salience, 50.0);
        assert_eq!(found.blends.len(), 3);
        assert_eq!(found.blends[0], (truths[3].clone(), 2));
        assert_eq!(Frequencies::of(&[]), Frequencies::default());
    }
}
