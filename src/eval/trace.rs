//! How one clip was decided: what the decision and its explanation are both made from.

use crate::data::label::{Blend, Part};

/// A class with its probability.
pub(super) type Scored = (usize, f64);

/// By which of the rules a row was decided, without an allocation: a threshold search makes hundreds
/// per clip.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trace {
    /// There are no classes.
    NoClasses,
    /// Nothing passes the presence threshold: the highest alone.
    NoneSurvives(Scored),
    /// Neutral survives above the best other emotion: neutral alone.
    NeutralHighest { neutral: Scored, best: Scored },
    /// This emotion is at least as high as neutral, which also survives, and takes it all.
    NeutralBeaten(Scored),
    /// The challenge's rules: this emotion is exactly as high as neutral and takes it all.
    NeutralTied(Scored),
    /// One is left; `neutral_dropped` where it is at least as high as neutral, which also survived.
    Single { left: Scored, neutral_dropped: bool },
    /// Two are left, the higher first, with their saliences.
    Pair {
        pair: [Scored; 2],
        gap: Gap,
        shares: [f64; 2],
        neutral_dropped: bool,
    },
}

/// What the salience threshold is compared with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gap {
    /// r of the two probabilities (paper eq. 15); |r − 0.5| is compared.
    Ratio(f64),
    /// Their difference.
    Difference(f64),
}

impl Gap {
    /// The value that is compared.
    pub(super) fn value(self) -> f64 {
        match self {
            Gap::Ratio(ratio) => (ratio - 0.5).abs(),
            Gap::Difference(difference) => difference,
        }
    }
}

impl Trace {
    /// The emotions that follow.
    pub(super) fn decision(&self) -> Decision {
        match *self {
            Trace::NoClasses => Decision::NOTHING,
            Trace::NoneSurvives(one)
            | Trace::NeutralHighest { neutral: one, .. }
            | Trace::NeutralBeaten(one)
            | Trace::NeutralTied(one)
            | Trace::Single { left: one, .. } => Decision::one(one.0),
            Trace::Pair { pair, shares, .. } => {
                Decision::pair(pair.map(|(class, _)| class), shares)
            }
        }
    }
}

/// At most two emotions with their saliences.
#[derive(Clone, Copy, Debug)]
pub(super) struct Decision {
    parts: [Part; 2],
    len: usize,
}

impl Decision {
    const NOTHING: Self = Self {
        parts: [Part {
            class: 0,
            salience: 0.0,
        }; 2],
        len: 0,
    };

    fn one(class: usize) -> Self {
        let salience = 100.0;
        Self {
            parts: [Part { class, salience }; 2],
            len: 1,
        }
    }

    fn pair([first, second]: [usize; 2], shares: [f64; 2]) -> Self {
        let part = |class, salience| Part { class, salience };
        let mut parts = [part(first, shares[0]), part(second, shares[1])];
        parts.sort_by_key(|part| part.class);
        Self { parts, len: 2 }
    }

    /// In class order.
    pub(super) fn parts(&self) -> &[Part] {
        &self.parts[..self.len]
    }

    pub(super) fn into_blend(self) -> Blend {
        Blend::new(self.parts().to_vec())
    }
}
