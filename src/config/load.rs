//! A configuration from a TOML file, assignments and a seed.

use std::path::Path;

use serde_json::{Value, json};
use toml::de::{DeTable, DeValue};

use super::overrides::{self, parse_assignment};
use super::{Config, Profile};
use crate::error::{Error, Result};

/// The largest configuration that is read, in bytes.
const LARGEST: u64 = 1 << 20;

impl Config {
    /// The defaults, a TOML file over them, `key=value` assignments over that, and the seed over all.
    ///
    /// # Errors
    /// As [`Config::load_over`].
    pub fn load(file: Option<&Path>, assignments: &[String], seed: Option<u64>) -> Result<Self> {
        Self::load_over(None, file, assignments, seed)
    }

    /// As [`Config::load`], with the settings of a profile over the defaults and below the rest.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::File`] with the line for a fault of the file;
    /// [`Error::Config`] for one of the assignments.
    pub fn load_over(
        profile: Option<Profile>,
        file: Option<&Path>,
        assignments: &[String],
        seed: Option<u64>,
    ) -> Result<Self> {
        let mut layers = Vec::new();
        for setting in profile.map_or(&[][..], Profile::settings) {
            layers.push(parse_assignment(setting)?);
        }
        let text = file.map(read).transpose()?;
        if let (Some(path), Some(text)) = (file, &text) {
            let layer = parse(path, text)?;
            if let Some(error) = overrides::not_finite(&layer) {
                return Err(locate(path, text, error, &[]));
            }
            layers.push(layer);
        }
        let from_file = layers.len();
        for assignment in assignments {
            layers.push(parse_assignment(assignment)?);
        }
        layers.extend(seed.map(|seed| json!({ "train": { "seed": seed } })));
        Self::from_overrides(&layers).map_err(|error| match (file, &text) {
            (Some(path), Some(text)) => locate(path, text, error, &layers[from_file..]),
            _ => error,
        })
    }
}

fn read(path: &Path) -> Result<String> {
    let failed = |source| Error::Read {
        path: path.to_owned(),
        source,
    };
    let bytes = std::fs::metadata(path).map_err(failed)?.len();
    if bytes > LARGEST {
        return Err(fault(
            path,
            format!("has {bytes} bytes; expected a configuration of at most {LARGEST}"),
        ));
    }
    std::fs::read_to_string(path).map_err(failed)
}

fn parse(path: &Path, text: &str) -> Result<Value> {
    toml::from_str(text).map_err(|error| {
        let line = error.span().map(|span| line_of(text, span.start));
        let line = line.map_or_else(String::new, |line| format!("line {line}: "));
        fault(
            path,
            format!("{line}{}", error.message().replace('\n', " ")),
        )
    })
}

/// Whether an assignment sets the key: then the fault is not the file's.
fn mentioned(field: &str, layers: &[Value]) -> bool {
    let pointer = format!("/{}", field.replace('.', "/"));
    layers.iter().any(|layer| layer.pointer(&pointer).is_some())
}

/// The same fault with the file and the line where it gives the key, if the key is from the file and
/// not from one of the assignments.
fn locate(path: &Path, text: &str, error: Error, assignments: &[Value]) -> Error {
    let (field, reason) = match &error {
        Error::Config { field, reason } => (field, reason.clone()),
        Error::UnknownKey { key, instead } => (key, format!("no such key{instead}")),
        _ => return error,
    };
    if mentioned(field, assignments) {
        return error;
    }
    let table = DeTable::parse(text).ok();
    match table.and_then(|table| start_of(table.get_ref(), field)) {
        Some(start) => {
            let line = line_of(text, start);
            fault(path, format!("line {line}: {field}: {reason}"))
        }
        None => error,
    }
}

/// Where the dotted key begins.
fn start_of(table: &DeTable<'_>, field: &str) -> Option<usize> {
    table.iter().find_map(|(key, value)| {
        let rest = field.strip_prefix(key.get_ref().as_ref())?;
        match (rest.strip_prefix('.'), value.get_ref()) {
            (None, _) if rest.is_empty() => Some(key.span().start),
            (Some(rest), DeValue::Table(inner)) => start_of(inner, rest),
            _ => None,
        }
    })
}

fn line_of(text: &str, at: usize) -> usize {
    1 + text[..at].matches('\n').count()
}

fn fault(path: &Path, reason: String) -> Error {
    Error::File {
        path: path.to_owned(),
        key: None,
        reason,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str, assignments: &[&str], seed: Option<u64>) -> Result<Config> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        let assignments: Vec<_> = assignments.iter().map(|text| text.to_string()).collect();
        Config::load(Some(&path), &assignments, seed)
    }

    fn refused(text: &str, assignments: &[&str]) -> String {
        let message = load(text, assignments, None).unwrap_err().to_string();
        assert!(!message.contains('\n'), "{message}");
        message
    }

    #[test]
    fn later_layers_win() {
        let text = "[train]\nseed = 1\nlr = 0.1\n[model]\ntop_k = 3\n";
        let config = load(text, &["train.lr=0.2", "train.seed=2"], Some(9)).unwrap();
        assert_eq!((config.train.lr, config.train.seed), (0.2, 9));
        assert_eq!(config.model.top_k, 3);
    }

    #[test]
    fn a_fault_of_the_file_names_file_and_line() {
        for (text, ending) in [
            (
                "[model]\ntop_k = 3\ntopk = 4\n",
                "c.toml: line 3: model.topk: no such key; did you mean model.top_k?",
            ),
            (
                "\nmodel.top_k = 0\n",
                "c.toml: line 2: model.top_k: found 0, expected a whole number from 1 to 1048576",
            ),
            (
                "[model]\ngate = \"soft\"\n",
                "c.toml: line 2: model.gate: found soft, expected attention or uniform",
            ),
        ] {
            let message = refused(text, &[]);
            assert!(message.ends_with(ending), "{message}");
        }
        assert!(refused("[model]\ntop_k =\n", &[]).contains("c.toml: line 2: "));
    }

    #[test]
    fn a_fault_of_an_assignment_is_not_blamed_on_the_file() {
        let message = refused("[model]\ntop_k = 3\n", &["model.top_k=0"]);
        assert!(
            message.starts_with("configuration: model.top_k"),
            "{message}"
        );
        let message = refused("", &["model.topk=1"]);
        assert!(
            message.starts_with("configuration: model.topk"),
            "{message}"
        );
    }
}
