//! What features are standardised by.

use serde::de::{Deserialize, Deserializer, Error as _};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

/// The word for statistics of each actor's own clips.
const ACTOR: &str = "actor";

/// k of the shrinkage where none is given. `docs/new-people.md` has the measurements: smaller ones harm persons of
/// whom only few clips are known.
const SHRINKAGE: f64 = 5.0;

/// What columns are standardised by. In files `true`, `"actor"` or `false`; the words `"training"` and `"none"`
/// mean `true` and `false`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StandardiseBy {
    /// The mean and deviation of the training rows.
    Training,
    /// Those of the clips of the same actor, labels unread, shrunk towards those of the training rows where the
    /// actor has few clips.
    Actor,
    /// Not at all.
    Nothing,
}

impl Serialize for StandardiseBy {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Training => to.serialize_bool(true),
            Self::Actor => to.serialize_str(ACTOR),
            Self::Nothing => to.serialize_bool(false),
        }
    }
}

impl<'de> Deserialize<'de> for StandardiseBy {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(from)?;
        match (value.as_bool(), value.as_str()) {
            (Some(true), _) | (_, Some("training")) => Ok(Self::Training),
            (Some(false), _) | (_, Some("none")) => Ok(Self::Nothing),
            (_, Some(ACTOR)) => Ok(Self::Actor),
            _ => Err(D::Error::custom(format!(
                "found {value}, expected true, \"actor\" or false"
            ))),
        }
    }
}

pub(super) fn usual_shrinkage() -> f64 {
    SHRINKAGE
}

pub(super) fn is_usual_shrinkage(k: &f64) -> bool {
    *k == SHRINKAGE
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{from_value, json, to_value};

    #[test]
    fn files_from_before_there_were_actors_mean_what_they_did() {
        for (value, by) in [
            (json!(true), StandardiseBy::Training),
            (json!(false), StandardiseBy::Nothing),
            (json!("actor"), StandardiseBy::Actor),
        ] {
            assert_eq!(from_value::<StandardiseBy>(value.clone()).unwrap(), by);
            assert_eq!(to_value(by).unwrap(), value);
        }
        for (word, by) in [
            ("training", StandardiseBy::Training),
            ("none", StandardiseBy::Nothing),
        ] {
            assert_eq!(from_value::<StandardiseBy>(json!(word)).unwrap(), by);
        }
        for value in [json!("actors"), json!(1), json!(null)] {
            let error = from_value::<StandardiseBy>(value).unwrap_err().to_string();
            assert!(
                error.ends_with("expected true, \"actor\" or false"),
                "{error}"
            );
        }
    }
}
