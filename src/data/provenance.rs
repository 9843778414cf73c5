//! How features were made: the JSON object in the array `provenance` of the files of `blendfuse extract`.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::{Error, Result};

/// The array with the object.
pub const ARRAY: &str = "provenance";

/// Keys that say where, for which clips and with which versions of libraries, not what was computed.
const INCIDENTAL: [&str; 6] = [
    "device",
    "clips",
    "clips_sha256",
    "missing",
    "versions",
    "decoder",
];

/// How the features of one encoder were made. Keys that this version does not know are kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Provenance(Map<String, Value>);

impl Provenance {
    /// Reads the object from its text.
    ///
    /// # Errors
    /// The reason, if it is no JSON object.
    pub fn parse(text: &str) -> std::result::Result<Provenance, String> {
        serde_json::from_str(text).map_err(|error| {
            format!("does not say how the features were made: {error}; expected a JSON object")
        })
    }

    /// The first key in which two ways of making features differ, with both values; `None` if their rows
    /// fit together. Weights with a known hash are the same wherever they were.
    pub fn difference(&self, other: &Provenance) -> Option<String> {
        let same_weights = self.0.get("weights_sha256").is_some_and(Value::is_string)
            && self.0.get("weights_sha256") == other.0.get("weights_sha256");
        let counts = |key: &&String| {
            let settled = same_weights && *key == "source";
            !settled && !INCIDENTAL.contains(&key.as_str())
        };
        let mut keys: Vec<&String> = self.0.keys().chain(other.0.keys()).filter(counts).collect();
        keys.sort();
        let value = |of: &Provenance, key: &str| of.0.get(key).cloned().unwrap_or(Value::Null);
        let differs = |key: &&&String| value(self, key) != value(other, key);
        let key = keys.iter().find(differs)?;
        Some(format!(
            "{key} {}, not {}",
            value(self, key),
            value(other, key)
        ))
    }

    /// The same without the clips that it was made for.
    #[must_use]
    pub fn of_any_clips(&self) -> Provenance {
        let mut map = self.0.clone();
        for key in ["clips", "clips_sha256", "missing"] {
            map.remove(key);
        }
        Provenance(map)
    }

    /// The model, the layer and what it was given, in one line.
    pub fn in_words(&self) -> String {
        let text = |key: &str| match self.0.get(key) {
            Some(Value::String(text)) => text.clone(),
            Some(Value::Null) | None => String::new(),
            Some(other) => other.to_string(),
        };
        let revision = text("revision");
        let revision = revision.get(..12).unwrap_or(&revision);
        let mut words = vec![match revision {
            "" => text("source"),
            revision => format!("{} at {revision}", text("source")),
        }];
        words.extend(Some(text("layer")).filter(|layer| !layer.is_empty()));
        for (key, unit) in [
            ("sample_rate", "Hz"),
            ("frames_per_second", "pictures a second"),
        ] {
            if self.0.get(key).is_some_and(Value::is_number) {
                words.push(format!("{} {unit}", text(key)));
            }
        }
        if text("crop") == "face" {
            words.push("faces only".into());
        }
        words.push(text("decoder"));
        words.join(", ")
    }
}

/// Refuses features, given by their encoder, file and provenance, that were made otherwise than those that a
/// model was trained on; those without a provenance on either side are taken as they are.
///
/// # Errors
/// [`Error::Npz`] naming the file and the key that differs.
pub fn check_alike<'a>(
    trained: &BTreeMap<String, Provenance>,
    files: impl IntoIterator<Item = (&'a str, &'a Path, Option<&'a Provenance>)>,
) -> Result<()> {
    for (name, path, found) in files {
        let (Some(expected), Some(found)) = (trained.get(name), found) else {
            continue;
        };
        if let Some(told) = found.difference(expected) {
            return Err(Error::Npz {
                path: path.to_owned(),
                array: Some(ARRAY.into()),
                reason: format!(
                    "was made otherwise than the features that the model was trained on ({told}); extract \
                     the clips like the run"
                ),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Provenance {
        Provenance::parse(text).unwrap()
    }

    #[test]
    fn what_was_computed_counts_and_where_does_not() {
        let a = of(
            r#"{"encoder": "clip", "layer": "last", "sample_rate": null, "device": "cpu", "clips": 3, "versions": {"x": "1"}}"#,
        );
        let elsewhere = of(
            r#"{"encoder": "clip", "layer": "last", "device": "cuda", "clips": 9, "decoder": "PyAV 1"}"#,
        );
        assert_eq!(a.difference(&elsewhere), None);
        let other = of(r#"{"encoder": "clip", "layer": "hidden layer 3", "sample_rate": 8000}"#);
        assert_eq!(
            a.difference(&other).unwrap(),
            r#"layer "last", not "hidden layer 3""#
        );
        assert!(a.of_any_clips().difference(&a).is_none());
        assert!(Provenance::parse("[]").is_err());
    }

    #[test]
    fn weights_are_compared_by_their_hash() {
        let here = of(r#"{"source": "/a", "weights_sha256": "12"}"#);
        let moved = of(r#"{"source": "/b", "weights_sha256": "12"}"#);
        assert_eq!(here.difference(&moved), None);
        let unknown = of(r#"{"source": "/b", "weights_sha256": null}"#);
        assert!(here.difference(&unknown).is_some());
    }

    #[test]
    fn the_line_has_what_a_reader_looks_for() {
        let made = of(
            r#"{"source": "a/b", "revision": "0123456789abcdef", "layer": "class token", "frames_per_second": 5.0,
                "crop": "face", "decoder": "PyAV 18.1.0"}"#,
        );
        assert_eq!(
            made.in_words(),
            "a/b at 0123456789ab, class token, 5.0 pictures a second, faces only, PyAV 18.1.0"
        );
    }
}
