//! How features were made: the JSON object in the array `provenance` of the files of `blendfuse extract`, and of
//! those of the commands that read the output of other programs, which has the key `program`.

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

/// The key with the command that made features from the output of another program.
const PROGRAM: &str = "program";

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

    /// How a command of this program makes features from the output of another one: its options, and the
    /// statistics that it takes over time, none if it is given one vector per clip.
    pub fn of_command(
        command: &str,
        options: Map<String, Value>,
        statistics: &[String],
    ) -> Provenance {
        let mut map = options;
        map.insert(PROGRAM.into(), format!("blendfuse {command}").into());
        map.insert("statistics".into(), statistics.into());
        let versions = serde_json::json!({"blendfuse": env!("CARGO_PKG_VERSION")});
        map.insert("versions".into(), versions);
        Provenance(map)
    }

    /// The command that made the features from the output of another program; `None` for those that
    /// `blendfuse extract` made from clips.
    pub fn command(&self) -> Option<&str> {
        self.0.get(PROGRAM).and_then(Value::as_str)
    }

    /// The object as text.
    pub fn to_text(&self) -> String {
        Value::Object(self.0.clone()).to_string()
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

    /// The model, the layer and what it was given, in one line; or the command and its options.
    pub fn in_words(&self) -> String {
        if let Some(command) = self.command() {
            return self.options_in_words(command);
        }
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

    fn options_in_words(&self, command: &str) -> String {
        let options = self.0.iter().filter_map(|(key, value)| match value {
            _ if [PROGRAM, "versions"].contains(&key.as_str()) => None,
            Value::Null | Value::Bool(false) => None,
            Value::Bool(true) => Some(key.clone()),
            Value::String(text) => Some(format!("{key} {text}")),
            Value::Array(all) if all.is_empty() => None,
            Value::Array(all) => {
                let words: Vec<&str> = all.iter().filter_map(Value::as_str).collect();
                Some(format!("{key} {}", words.join(" ")))
            }
            other => Some(format!("{key} {other}")),
        });
        let words: Vec<String> = [command.to_owned()].into_iter().chain(options).collect();
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
                    "was made otherwise than the features that the model was trained on ({told}); make them \
                     like those of the run"
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
    fn a_command_says_what_it_was_told() {
        let options = of(
            r#"{"groups": "challenge", "min_confidence": null, "interpolate": true, "source": "openface2"}"#,
        );
        let names = ["mean", "std"].map(str::to_owned);
        let made = Provenance::of_command("openface", options.0.clone(), &names);
        assert_eq!(made.command(), Some("blendfuse openface"));
        assert_eq!(
            made.in_words(),
            "blendfuse openface, groups challenge, interpolate, source openface2, statistics mean std"
        );
        assert_eq!(Provenance::parse(&made.to_text()), Ok(made.clone()));
        let other = Provenance::of_command("openface", Map::new(), &names);
        assert_eq!(
            made.difference(&other).unwrap(),
            r#"groups "challenge", not null"#
        );
        let from_clips = of(r#"{"encoder": "openface2", "statistics": ["mean", "std"]}"#);
        assert_eq!(from_clips.command(), None);
        assert!(other.difference(&from_clips).is_some());
        let vectors = Provenance::of_command("vectors", Map::new(), &[]);
        assert_eq!(vectors.in_words(), "blendfuse vectors");
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
