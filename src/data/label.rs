//! Emotions, their order and names, and what a clip shows: one emotion, a blend, or a distribution.

/// The challenge's classes in its order; `neu` is the neutral class.
pub const CHALLENGE_CLASSES: [&str; 6] = ["ang", "disg", "fea", "hap", "sad", "neu"];

/// The challenge's neutral class.
pub const CHALLENGE_NEUTRAL: &str = "neu";

/// The classes of a task in the order of every probability vector, and which one is neutral.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Classes {
    names: Vec<String>,
    neutral: Option<usize>,
}

impl Classes {
    /// Classes in the given order; the challenge's neutral class is neutral where it is among them.
    pub fn new<S: Into<String>>(names: impl IntoIterator<Item = S>) -> Self {
        let names: Vec<String> = names.into_iter().map(Into::into).collect();
        let neutral = names.iter().position(|name| name == CHALLENGE_NEUTRAL);
        Self { names, neutral }
    }

    /// The challenge's six.
    pub fn challenge() -> Self {
        Self::new(CHALLENGE_CLASSES)
    }

    /// The same classes with another neutral one (or none).
    pub fn with_neutral(mut self, neutral: Option<usize>) -> Self {
        self.neutral = neutral.filter(|&class| class < self.names.len());
        self
    }

    /// The same classes with the named one neutral; `None` if there is no such class.
    pub fn with_neutral_named(self, name: &str) -> Option<Self> {
        let neutral = self.index(name)?;
        Some(self.with_neutral(Some(neutral)))
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.names.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty()
    }

    /// Names in order.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// The name of a class.
    pub fn name(&self, class: usize) -> &str {
        &self.names[class]
    }

    /// The place of a name in the order.
    pub fn index(&self, name: &str) -> Option<usize> {
        self.names.iter().position(|known| known == name)
    }

    /// The neutral class.
    pub fn neutral(&self) -> Option<usize> {
        self.neutral
    }
}

/// One emotion of a [`Blend`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Part {
    /// Place in the [`Classes`].
    pub class: usize,
    /// Share in percent.
    pub salience: f64,
}

/// What a clip shows, or is predicted to show: its emotions with their saliences in percent, in
/// class order. One part is a single emotion, two the challenge's blend; a truth that is a
/// distribution may have more.
#[derive(Clone, Debug, PartialEq)]
pub struct Blend {
    parts: Vec<Part>,
}

impl Blend {
    /// One emotion alone, salience 100.
    pub fn single(class: usize) -> Self {
        Self {
            parts: vec![Part {
                class,
                salience: 100.0,
            }],
        }
    }

    /// Emotions with saliences in percent, in any order.
    pub fn new(mut parts: Vec<Part>) -> Self {
        parts.sort_by_key(|part| part.class);
        Self { parts }
    }

    /// Every class with a share above 0.
    pub fn from_distribution(shares: &[f64]) -> Self {
        let parts = shares.iter().enumerate().filter(|(_, share)| **share > 0.0);
        Self {
            parts: parts
                .map(|(class, share)| Part {
                    class,
                    salience: 100.0 * share,
                })
                .collect(),
        }
    }

    /// The parts in class order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The soft label `(classes)`: saliences as shares of 1 (a 70/30 blend has 0.7 and 0.3).
    pub fn to_distribution(&self, classes: usize) -> Vec<f64> {
        let mut shares = vec![0.0; classes];
        for part in &self.parts {
            shares[part.class] += part.salience / 100.0;
        }
        shares
    }

    /// Whether both show the same set of emotions, whatever the saliences.
    pub fn same_emotions(&self, other: &Blend) -> bool {
        self.parts
            .iter()
            .map(|p| p.class)
            .eq(other.parts.iter().map(|p| p.class))
    }
}

/// Slack of proportions that should sum to 1.
pub(super) const PROPORTION_SLACK: f64 = 1e-3;

/// Makes a soft label of proportions: they are not changed, unless their sum is off by more than rounding of
/// `f64`; then they are divided by it. The error is a sum that is not 1 within [`PROPORTION_SLACK`].
pub(super) fn settle_shares(shares: &mut [f64]) -> Result<(), f64> {
    let sum: f64 = shares.iter().sum();
    let off = (sum - 1.0).abs();
    if off.is_nan() || off > PROPORTION_SLACK {
        return Err(sum);
    }
    if off > 1e-9 {
        shares.iter_mut().for_each(|share| *share /= sum);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blend_is_in_class_order_and_round_trips_through_its_distribution() {
        let blend = Blend::new(vec![
            Part {
                class: 4,
                salience: 30.0,
            },
            Part {
                class: 1,
                salience: 70.0,
            },
        ]);
        assert_eq!(blend.parts()[0].class, 1);
        let shares = blend.to_distribution(6);
        assert_eq!(shares, [0.0, 0.7, 0.0, 0.0, 0.3, 0.0]);
        assert_eq!(Blend::from_distribution(&shares), blend);
    }

    #[test]
    fn neutral_is_known_by_its_challenge_name_only() {
        assert_eq!(Classes::challenge().neutral(), Some(5));
        assert_eq!(Classes::new(["zero", "one"]).neutral(), None);
    }
}
