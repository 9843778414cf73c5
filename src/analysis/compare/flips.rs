//! Clips that one side gets right and the other wrong.

use super::side::Side;
use crate::data::label::Blend;
use crate::eval::metrics::Accuracy;

/// A clip that flips.
#[derive(Clone, Debug, PartialEq)]
pub struct Flip {
    /// Its index among the compared clips.
    pub clip: usize,
    /// The reference's answer.
    pub reference: Blend,
    /// The side's answer.
    pub answer: Blend,
    /// Whether the side is right, and the reference wrong.
    pub gained: bool,
}

/// The clips of a side against the reference. Right is the whole set of emotions, as ACC_presence counts
/// it; with several seeds, the answer is the most frequent one, of equally frequent ones the first.
#[derive(Clone, Debug, PartialEq)]
pub struct Flips {
    /// Clips that both get right.
    pub both: usize,
    /// Clips that neither does.
    pub neither: usize,
    /// Clips that only one does, in the order of the clips.
    pub flips: Vec<Flip>,
}

impl Flips {
    pub(super) fn of(reference: &Side, side: &Side, truths: &[Blend]) -> Self {
        let mut found = Self {
            both: 0,
            neither: 0,
            flips: Vec::new(),
        };
        for (clip, truth) in truths.iter().enumerate() {
            let (before, after) = (answer(reference, clip), answer(side, clip));
            match (is_right(truth, before), is_right(truth, after)) {
                (true, true) => found.both += 1,
                (false, false) => found.neither += 1,
                (_, gained) => found.flips.push(Flip {
                    clip,
                    reference: before.clone(),
                    answer: after.clone(),
                    gained,
                }),
            }
        }
        found
    }

    /// Clips that the side gets right and the reference does not.
    pub fn gained(&self) -> usize {
        self.flips.iter().filter(|flip| flip.gained).count()
    }

    /// Clips that the reference gets right and the side does not.
    pub fn lost(&self) -> usize {
        self.flips.len() - self.gained()
    }
}

fn is_right(truth: &Blend, answer: &Blend) -> bool {
    Accuracy::of([(truth, answer)]).presence_correct == 1
}

/// The most frequent answer of a side's seeds.
fn answer(side: &Side, clip: usize) -> &Blend {
    let answers = side.seeds.iter().map(|seed| &seed.decided[clip]);
    let count = |answer: &Blend| answers.clone().filter(|other| *other == answer).count();
    let mut best = &side.seeds[0].decided[clip];
    for answer in answers.clone() {
        if count(answer) > count(best) {
            best = answer;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::compare::side::Answers;
    use crate::data::label::Classes;

    fn side(seeds: &[&[usize]]) -> Side {
        let answers = seeds.iter().map(|classes| Answers {
            clips: (0..classes.len()).map(|clip| clip.to_string()).collect(),
            decided: classes.iter().map(|&class| Blend::single(class)).collect(),
            scores: None,
        });
        Side {
            name: "a".into(),
            path: "a".into(),
            kind: "predictions",
            classes: Classes::challenge(),
            seeds: answers.collect(),
            note: None,
            labels: None,
        }
    }

    #[test]
    fn clips_that_one_side_alone_gets_right_are_listed() {
        let truths: Vec<Blend> = [0, 1, 2, 3].map(Blend::single).into();
        let reference = side(&[&[0, 1, 0, 0]]);
        // The third clip is right in two of three seeds, the second in one.
        let other = side(&[&[0, 1, 2, 1], &[0, 5, 2, 1], &[0, 5, 4, 2]]);
        let found = Flips::of(&reference, &other, &truths);
        assert_eq!((found.both, found.neither), (1, 1));
        assert_eq!((found.gained(), found.lost()), (1, 1));
        let flips: Vec<(usize, bool)> = found.flips.iter().map(|f| (f.clip, f.gained)).collect();
        assert_eq!(flips, [(1, false), (2, true)]);
        assert_eq!(found.flips[0].answer, Blend::single(5));
    }
}
