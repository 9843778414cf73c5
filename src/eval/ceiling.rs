//! The highest scores that decoding can reach on some labels, where that is less than all.

use super::mixtures::Mixtures;
use crate::data::label::Blend;

/// How many clips no decoding into the given sets gets right.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ceiling {
    /// Labelled clips.
    pub clips: usize,
    /// Those that show more emotions than a set has at most.
    pub too_many: usize,
    /// Clips of exactly two emotions, which ACC_salience counts.
    pub pairs: usize,
    /// Those in proportions that no set of two has, compared as whole percents, or in a set that is too
    /// large.
    pub other_proportions: usize,
}

impl Ceiling {
    /// Of some labels.
    pub fn of<'a>(truths: impl IntoIterator<Item = &'a Blend>, mixtures: &Mixtures) -> Self {
        let mut found = Self::default();
        let levels = mixtures.levels(2);
        for truth in truths {
            let parts = truth.parts();
            found.clips += 1;
            found.too_many += usize::from(parts.len() > mixtures.most());
            let [first, second] = parts else { continue };
            found.pairs += 1;
            let shown = [
                first.salience.max(second.salience),
                first.salience.min(second.salience),
            ];
            let whole = |share: f64| share.round_ties_even();
            let same =
                |level: &Vec<f64>| level.iter().zip(shown).all(|(a, b)| whole(*a) == whole(b));
            let reached = levels.is_empty() || levels.iter().any(same);
            found.other_proportions += usize::from(mixtures.most() < 2 || !reached);
        }
        found
    }

    /// The highest ACC_presence.
    pub fn presence(&self) -> f64 {
        1.0 - self.too_many as f64 / self.clips.max(1) as f64
    }

    /// The highest ACC_salience; none where it is undefined.
    pub fn salience(&self) -> Option<f64> {
        (self.pairs > 0).then(|| 1.0 - self.other_proportions as f64 / self.pairs as f64)
    }

    /// What a reader of the scores should know, one sentence each; `clips`: what the labels belong to,
    /// such as `validation clips`.
    pub fn sentences(&self, mixtures: &Mixtures, clips: &str) -> Vec<String> {
        let mut sentences = Vec::new();
        if self.too_many > 0 {
            sentences.push(format!(
                "{} of {} {clips} show more than {} emotions, the most that is predicted (decode.max_emotions): ACC_presence is at most {:.4}",
                self.too_many,
                self.clips,
                mixtures.most(),
                self.presence()
            ));
        }
        if let Some(highest) = self.salience().filter(|highest| *highest < 1.0)
            && mixtures.most() >= 2
        {
            sentences.push(format!(
                "{} of {} {clips} with exactly two emotions have proportions that are never predicted (decode.proportions): ACC_salience is at most {highest:.4}",
                self.other_proportions, self.pairs
            ));
        }
        sentences
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Proportions;

    #[test]
    fn what_cannot_be_predicted_is_counted() {
        let truths: Vec<Blend> = [
            &[1.0, 0.0, 0.0][..],
            &[0.5, 0.5, 0.0],
            &[0.4, 0.6, 0.0],
            &[0.3, 0.3, 0.4],
        ]
        .map(Blend::from_distribution)
        .into();
        let of = |mixtures: &Mixtures| Ceiling::of(&truths, mixtures);
        let challenge = Mixtures::challenge();
        let found = of(&challenge);
        assert_eq!((found.presence(), found.salience()), (0.75, Some(0.5)));
        let told = found.sentences(&challenge, "clips");
        assert_eq!(told.len(), 2);
        assert!(
            told[0].contains("1 of 4 clips show more than 2"),
            "{told:?}"
        );
        assert!(told[1].ends_with("at most 0.5000"), "{told:?}");
        let free = Mixtures::new(3, &Proportions::Continuous);
        assert!(of(&free).sentences(&free, "clips").is_empty());
    }
}
