//! Types of prediction errors.

use crate::data::label::Blend;
use crate::eval::metrics::{presence_correct, salience_correct};

/// The outcome for a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorType {
    /// The emotions are correct, and the saliences of a blend too.
    Right,
    /// The pair is correct, its saliences are not.
    Salience,
    /// Some true emotions are missing, and nothing else is predicted.
    Missed,
    /// All true emotions are predicted, and others too.
    Extra,
    /// Some true emotions are predicted, and others too.
    Confused,
    /// No true emotion is predicted.
    Wrong,
}

impl ErrorType {
    /// The outcome for a clip.
    pub fn of(truth: &Blend, decided: &Blend) -> Self {
        let has = |blend: &Blend, class| blend.parts().iter().any(|part| part.class == class);
        let within =
            |part: &Blend, whole: &Blend| part.parts().iter().all(|part| has(whole, part.class));
        let shared = truth.parts().iter().any(|part| has(decided, part.class));
        if presence_correct(truth, decided) {
            match salience_correct(truth, decided) {
                Some(false) => Self::Salience,
                _ => Self::Right,
            }
        } else if !shared {
            Self::Wrong
        } else if within(decided, truth) {
            Self::Missed
        } else if within(truth, decided) {
            Self::Extra
        } else {
            Self::Confused
        }
    }

    /// The name to display.
    pub fn name(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Salience => "wrong saliences",
            Self::Missed => "emotion missed",
            Self::Extra => "extra emotion",
            Self::Confused => "one emotion confused",
            Self::Wrong => "all emotions wrong",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::label::Part;

    #[test]
    fn each_kind_of_error_is_told_apart() {
        let pair = |a, b, share| {
            let part = |class, salience| Part { class, salience };
            Blend::new(vec![part(a, share), part(b, 100.0 - share)])
        };
        let truth = pair(0, 1, 70.0);
        for (decided, expected) in [
            (pair(0, 1, 70.0), ErrorType::Right),
            (pair(0, 1, 50.0), ErrorType::Salience),
            (Blend::single(1), ErrorType::Missed),
            (pair(1, 2, 50.0), ErrorType::Confused),
            (Blend::single(3), ErrorType::Wrong),
        ] {
            assert_eq!(ErrorType::of(&truth, &decided), expected);
        }
        let single = Blend::single(1);
        assert_eq!(ErrorType::of(&single, &truth), ErrorType::Extra);
        assert_eq!(ErrorType::of(&single, &single), ErrorType::Right);
    }
}
