//! In which way a prediction is wrong.

use crate::data::label::Blend;
use crate::eval::metrics::{presence_correct, salience_correct};

/// What became of a clip.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorType {
    /// The emotions are right, and of a blend the saliences.
    Right,
    /// The pair is right, its saliences are not.
    Salience,
    /// Some true emotions were not seen, and nothing else was.
    Missed,
    /// All true emotions were seen, and others.
    Extra,
    /// Some true emotions were seen, and others.
    Confused,
    /// No true emotion was seen.
    Wrong,
}

impl ErrorType {
    /// Of a clip.
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

    /// In words.
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
