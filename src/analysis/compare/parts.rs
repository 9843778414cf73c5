//! Scores on parts of the clips: those with one emotion, blends, and those that show a class.

use super::Part;
use super::side::Side;
use crate::config::Monitor;
use crate::data::label::{Blend, Classes};
use crate::error::Result;
use crate::eval::confusion::{Detection, by_class};
use crate::eval::metrics::Accuracy;
use crate::eval::statistics::{
    ActorScores, Comparison, Draws, Grouping, Resampling, ScoredClip, compare_with,
};

/// What a side scores on a part.
#[derive(Clone, Debug, PartialEq)]
pub struct PartScore {
    /// The part.
    pub part: Part,
    /// Number of its clips.
    pub clips: usize,
    /// The index of the side.
    pub side: usize,
    /// Official counts on the part, over all seeds.
    pub accuracy: Accuracy,
    /// Detection of the class among all clips, over all seeds; `None` for kinds of clips.
    pub detection: Option<Detection>,
    /// How it compares with the reference, by ACC_presence on the part; `None` for the reference.
    pub against: Option<Comparison>,
}

/// What is divided into parts.
pub(super) struct Parts<'a> {
    pub(super) sides: &'a [Side],
    pub(super) truths: &'a [Blend],
    pub(super) classes: &'a Classes,
    pub(super) grouping: &'a Grouping,
    pub(super) reference: usize,
    pub(super) resampling: &'a Resampling,
}

impl Parts<'_> {
    /// Clips with one emotion, and blends; parts without clips are left out.
    ///
    /// # Errors
    /// As [`compare_with`].
    pub(super) fn by_kind(&self) -> Result<Vec<PartScore>> {
        let mut scores = Vec::new();
        for (part, blend) in [(Part::Single, false), (Part::Blend, true)] {
            scores.extend(self.of_part(&part, |truth| (truth.parts().len() > 1) == blend)?);
        }
        Ok(scores)
    }

    /// The clips that show each class; classes that no clip shows are left out.
    ///
    /// # Errors
    /// As [`compare_with`].
    pub(super) fn by_class(&self) -> Result<Vec<PartScore>> {
        let mut scores = Vec::new();
        for (class, name) in self.classes.names().iter().enumerate() {
            let shows = |truth: &Blend| truth.parts().iter().any(|part| part.class == class);
            let mut of_class = self.of_part(&Part::Class(name.clone()), shows)?;
            for score in &mut of_class {
                score.detection = Some(self.detection(score.side, class));
            }
            scores.extend(of_class);
        }
        Ok(scores)
    }

    fn of_part(&self, part: &Part, belongs: impl Fn(&Blend) -> bool) -> Result<Vec<PartScore>> {
        let clips = self.truths.iter().enumerate();
        let clips = clips.filter(|(_, truth)| belongs(truth));
        let clips: Vec<usize> = clips.map(|(clip, _)| clip).collect();
        if clips.is_empty() {
            return Ok(Vec::new());
        }
        let scores = self.sides.iter().map(|side| {
            let seeds = side.seeds.iter().map(|answers| {
                clips.iter().map(|&clip| ScoredClip {
                    clip,
                    truth: &self.truths[clip],
                    predicted: &answers.decided[clip],
                    main: 0.0,
                })
            });
            ActorScores::judged_by(Monitor::Presence, self.grouping, seeds)
        });
        let scores = scores.collect::<Result<Vec<_>>>()?;
        let reference = &scores[self.reference];
        let draws = Draws::of(&scores, self.resampling);
        let of_side = |(side, of_one): (usize, &ActorScores)| {
            let other = side != self.reference;
            let against = other.then(|| compare_with(of_one, reference, &draws));
            Ok(PartScore {
                part: part.clone(),
                clips: clips.len(),
                side,
                accuracy: of_one.total(),
                detection: None,
                against: against.transpose()?,
            })
        };
        scores.iter().enumerate().map(of_side).collect()
    }

    /// How a side detects a class, over all clips and seeds.
    fn detection(&self, side: usize, class: usize) -> Detection {
        let seeds = self.sides[side].seeds.iter();
        let pairs: Vec<(&Blend, &Blend)> = seeds
            .flat_map(|answers| self.truths.iter().zip(&answers.decided))
            .collect();
        by_class(&pairs, self.classes)[class]
    }
}
