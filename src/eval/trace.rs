//! How one clip was decided: what the decision and its explanation are both made from.

use super::mixtures::{Scored, Shares};
use crate::data::label::{Blend, Part};
use crate::data::task::in_tenths;

/// By which of the rules a row was decided, without an allocation: a threshold search makes hundreds
/// per clip.
#[derive(Clone, Copy, Debug)]
pub(super) enum Trace<'a> {
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
    /// Several are left, the higher first.
    Several {
        left: &'a [Scored],
        gap: Gap,
        shares: Shares<'a>,
        /// Whether the shares go to the emotions from the last to the first.
        reversed: bool,
        neutral_dropped: bool,
    },
}

/// What the salience threshold is compared with.
#[derive(Clone, Copy, Debug)]
pub(super) enum Gap {
    /// r, the highest's share among those left (paper eq. 15); its excess over an equal one is compared.
    Ratio { ratio: f64, excess: f64 },
    /// How much the highest is above the mean of the others.
    Difference(f64),
}

impl Gap {
    /// The value that is compared.
    pub(super) fn value(self) -> f64 {
        match self {
            Gap::Ratio { excess, .. } => excess,
            Gap::Difference(difference) => difference,
        }
    }
}

impl Trace<'_> {
    /// The emotions that follow, in class order, in place of what `parts` held.
    pub(super) fn decide_into(&self, parts: &mut Vec<Part>) {
        parts.clear();
        let part = |class, salience| Part { class, salience };
        match *self {
            Trace::NoClasses => {}
            Trace::NoneSurvives(one)
            | Trace::NeutralHighest { neutral: one, .. }
            | Trace::NeutralBeaten(one)
            | Trace::NeutralTied(one)
            | Trace::Single { left: one, .. } => parts.push(part(one.0, 100.0)),
            Trace::Several {
                left,
                shares,
                reversed,
                ..
            } => {
                let classes = left.iter().map(|(class, _)| *class);
                match shares {
                    Shares::Level(level) if reversed => {
                        let shares = level.iter().rev();
                        parts.extend(classes.zip(shares).map(|(c, &s)| part(c, s)));
                    }
                    Shares::Level(level) => {
                        parts.extend(classes.zip(level).map(|(c, &s)| part(c, s)));
                    }
                    Shares::OfScores { drawn } => {
                        let scores = left.iter().map(|(_, score)| *score);
                        let mean = scores.clone().sum::<f64>() / left.len() as f64;
                        let scores: Vec<f64> = match drawn > 0.0 {
                            true => scores.map(|x| (1.0 - drawn) * x + drawn * mean).collect(),
                            false => scores.collect(),
                        };
                        parts.extend(classes.zip(in_tenths(&scores)).map(|(c, s)| part(c, s)));
                        // Less than half a tenth of a percent is nothing.
                        parts.retain(|part| part.salience > 0.0);
                    }
                }
                parts.sort_by_key(|part| part.class);
            }
        }
    }

    /// The same as a blend.
    pub(super) fn into_blend(self) -> Blend {
        let mut parts = Vec::new();
        self.decide_into(&mut parts);
        Blend::new(parts)
    }
}
