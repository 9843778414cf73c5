//! What decoding can give: how many emotions at most, and in which proportions.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

/// The word that leaves a choice to the training labels.
pub(super) const AUTO: &str = "auto";

/// The word for shares that follow the scores.
const CONTINUOUS: &str = "continuous";

/// The proportions of the challenge's blends, in percent.
pub const CHALLENGE_LEVELS: [[f64; 2]; 2] = [[50.0, 50.0], [70.0, 30.0]];

/// The most emotions of a challenge's blend.
pub const CHALLENGE_MAX_EMOTIONS: usize = 2;

/// The most emotions that a clip is decoded to. In files `"auto"` or a whole number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MaxEmotions {
    /// The most that a training clip shows.
    Auto,
    /// This many.
    AtMost(usize),
}

impl MaxEmotions {
    /// Those of the challenge.
    pub const CHALLENGE: Self = Self::AtMost(CHALLENGE_MAX_EMOTIONS);

    /// What a file from before there was a choice means.
    pub(super) fn of_older_files() -> Self {
        Self::CHALLENGE
    }

    /// Whether a file need not say so.
    pub(super) fn is_challenge(&self) -> bool {
        *self == Self::CHALLENGE
    }
}

impl Serialize for MaxEmotions {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => to.serialize_str(AUTO),
            Self::AtMost(most) => to.serialize_u64(*most as u64),
        }
    }
}

impl<'de> Deserialize<'de> for MaxEmotions {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        let number = value.as_u64().and_then(|most| usize::try_from(most).ok());
        match (value.as_str(), number) {
            (Some(AUTO), _) => Ok(Self::Auto),
            (_, Some(most)) => Ok(Self::AtMost(most)),
            _ => Err(D::Error::custom(format!(
                "found {value}, expected \"auto\" or a whole number of at least 1"
            ))),
        }
    }
}

/// In which proportions the emotions of a set are decoded. In files `"auto"`, `"continuous"`, or a
/// list with the percentages of each level, such as `[[50, 50], [70, 30], [50, 30, 20]]`.
#[derive(Clone, Debug, PartialEq)]
pub enum Proportions {
    /// As the training labels have them: the levels that occur where they are few, else continuous.
    Auto,
    /// Shares that follow the scores.
    Continuous,
    /// One of these for every set of its size; sets of another size get continuous shares.
    Levels(Vec<Vec<f64>>),
}

impl Proportions {
    /// Those of the challenge.
    pub fn challenge() -> Self {
        Self::Levels(CHALLENGE_LEVELS.map(|level| level.to_vec()).to_vec())
    }

    /// Whether a file need not say so.
    pub(super) fn is_challenge(&self) -> bool {
        *self == Self::challenge()
    }

    /// Why these cannot be decoded to; `None` if they can.
    pub(crate) fn fault(&self) -> Option<String> {
        let Self::Levels(levels) = self else {
            return None;
        };
        let fault = |(place, level): (usize, &Vec<f64>)| {
            let sum: f64 = level.iter().sum();
            let positive = level.iter().all(|share| share.is_finite() && *share > 0.0);
            let sorted = |level: &[f64]| {
                let mut sorted = level.to_vec();
                sorted.sort_by(|a, b| b.total_cmp(a));
                sorted
            };
            let before = &levels[..place];
            if level.len() < 2 || !positive || (sum - 100.0).abs() > 0.5 {
                Some(format!(
                    "found the level {level:?}, expected at least two percentages above 0 that sum to 100"
                ))
            } else if before.iter().any(|other| sorted(other) == sorted(level)) {
                Some(format!("the level {level:?} is listed twice; keep one"))
            } else {
                None
            }
        };
        levels.iter().enumerate().find_map(fault)
    }
}

impl Serialize for Proportions {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Auto => to.serialize_str(AUTO),
            Self::Continuous => to.serialize_str(CONTINUOUS),
            Self::Levels(levels) => levels.serialize(to),
        }
    }
}

impl<'de> Deserialize<'de> for Proportions {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        match value.as_str() {
            Some(AUTO) => return Ok(Self::Auto),
            Some(CONTINUOUS) => return Ok(Self::Continuous),
            _ => {}
        }
        let refuse = |_| {
            D::Error::custom(format!(
                "found {value}, expected \"auto\", \"continuous\", or lists of percentages such as [[50, 50], [70, 30]]"
            ))
        };
        let levels = serde_json::from_value(value.clone()).map_err(refuse)?;
        Ok(Self::Levels(levels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json, to_value};

    #[test]
    fn both_survive_a_file() {
        for most in [MaxEmotions::Auto, MaxEmotions::AtMost(3)] {
            assert_eq!(
                from_value::<MaxEmotions>(to_value(most).unwrap()).unwrap(),
                most
            );
        }
        let listed = Proportions::Levels(vec![vec![60.0, 40.0], vec![50.0, 30.0, 20.0]]);
        for proportions in [Proportions::Auto, Proportions::Continuous, listed] {
            let value = to_value(&proportions).unwrap();
            assert_eq!(from_value::<Proportions>(value).unwrap(), proportions);
        }
    }

    #[test]
    fn other_values_are_named_with_what_is_expected() {
        for value in [json!("many"), json!(-1), json!(1.5), json!([2])] {
            let error = from_value::<MaxEmotions>(value.clone()).unwrap_err();
            assert!(error.to_string().contains(&value.to_string()), "{error}");
        }
        for value in [json!("levels"), json!(70), json!([70, 30]), json!([["a"]])] {
            let error = from_value::<Proportions>(value).unwrap_err().to_string();
            assert!(error.contains("expected \"auto\""), "{error}");
        }
    }

    #[test]
    fn levels_that_do_not_sum_to_100_or_repeat_are_refused() {
        for bad in [
            vec![vec![100.0]],
            vec![vec![70.0, 20.0]],
            vec![vec![110.0, -10.0]],
            vec![vec![f64::NAN, 50.0]],
            vec![vec![70.0, 30.0], vec![30.0, 70.0]],
        ] {
            assert!(Proportions::Levels(bad).fault().is_some());
        }
        assert_eq!(Proportions::challenge().fault(), None);
        let thirds = vec![vec![33.4, 33.3, 33.3]];
        assert_eq!(Proportions::Levels(thirds).fault(), None);
    }
}
