//! Laying a configuration over the defaults: files' tables and `key=value` assignments, with the
//! nearest known key named where one does not exist.

use serde_json::{Map, Value, json};

use super::Config;
use super::check::config_error;
use crate::error::{Error, Result};
use crate::suggest::{meant, nearest};

impl Config {
    /// The defaults with these values laid over them: a table of tables, as TOML files have it.
    ///
    /// # Errors
    /// [`Error::UnknownKey`] naming the nearest one; [`Error::Config`] for a value of the wrong
    /// type, or one out of range.
    pub fn from_overrides(overrides: &[Value]) -> Result<Self> {
        let mut whole = Self::default().table()?;
        let known = leaves(&whole);
        for layer in overrides {
            for (key, value) in leaves(layer) {
                if !known.iter().any(|(name, _)| *name == key) {
                    return Err(unknown_key(&key, &known));
                }
                set(&mut whole, &key, value);
                // Key by key, so that a wrong type is reported with its key.
                serde_json::from_value::<Self>(whole.clone())
                    .map_err(|e| config_error(&key, in_words(&e)))?;
            }
        }
        let config: Self = serde_json::from_value(whole)
            .map_err(|e| config_error("configuration", e.to_string()))?;
        config.check()?;
        Ok(config)
    }

    /// Every dotted key with its default.
    pub fn keys() -> Vec<(String, Value)> {
        Self::default().entries()
    }

    /// Every dotted key with its value here.
    pub fn entries(&self) -> Vec<(String, Value)> {
        leaves(&self.table().unwrap_or(Value::Null))
    }

    /// All keys with their values as a table of tables. A file may lack some, which has a meaning of its
    /// own there: see [`DecodeConfig`](super::DecodeConfig).
    ///
    /// # Errors
    /// [`Error::Config`] for a configuration that JSON cannot hold.
    pub fn table(&self) -> Result<Value> {
        let fault = |e: serde_json::Error| config_error("configuration", e.to_string());
        let mut table = serde_json::to_value(self).map_err(fault)?;
        let data = &self.data;
        table["data"]["actor_shrinkage"] = json!(data.actor_shrinkage);
        table["data"]["clip_values"] = json!(data.clip_values);
        table["data"]["folds"] = json!(data.folds);
        table["data"]["fold_seed"] = json!(data.fold_seed);
        table["data"]["test_fold"] = json!(data.test_fold);
        table["data"]["actor_pattern"] = json!(data.actor_pattern);
        table["data"]["normalise_labels"] = json!(data.normalise_labels);
        table["train"]["inputs"] = json!(self.train.inputs);
        let decode = &self.decode;
        table["decode"]["beta"] = json!(decode.beta);
        table["decode"]["max_emotions"] = json!(decode.max_emotions);
        table["decode"]["proportions"] = json!(decode.proportions);
        Ok(table)
    }

    /// What has to be set over `base` to arrive here, as `key=value`; a key that is set in `base`
    /// alone is `key=null`.
    pub fn changes_from(&self, base: &Config) -> Vec<String> {
        let base = base.entries();
        let changed = self
            .entries()
            .into_iter()
            .filter(|entry| !base.contains(entry));
        changed
            .map(|(key, value)| format!("{key}={value}"))
            .collect()
    }
}

/// A fault of a value, with types as users of TOML call them.
fn in_words(error: &serde_json::Error) -> String {
    let words = [
        ("expected f64", "expected a number"),
        ("expected usize", "expected a whole number, 0 or more"),
        ("expected u64", "expected a whole number, 0 or more"),
        ("expected a boolean", "expected true or false"),
        ("expected a sequence", "expected a list"),
    ];
    let text = error.to_string();
    if let Some(text) = choice_in_words(&text) {
        return text;
    }
    words
        .iter()
        .fold(text, |text, (types, words)| text.replace(types, words))
}

/// A word that is none of a key's choices: `` unknown variant `x`, expected `a` or `b` ``.
fn choice_in_words(text: &str) -> Option<String> {
    let (found, choices) = text
        .strip_prefix("unknown variant `")?
        .split_once("`, expected ")?;
    let choices: Vec<&str> = choices.split('`').skip(1).step_by(2).collect();
    let meant = meant(found, choices.iter().copied());
    let choices = choices.join(" or ");
    Some(format!("found {found}, expected {choices}{meant}"))
}

fn unknown_key(key: &str, known: &[(String, Value)]) -> Error {
    let last = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let (table, wanted) = (key.rsplit_once('.').unwrap_or_default().0, last(key));
    let names: Vec<&str> = known.iter().map(|(name, _)| name.as_str()).collect();
    // A right name under the wrong table is nearer than anything else, then one of the same table.
    let same_name = names.iter().find(|name| last(name) == wanted).copied();
    let near = |in_table: &dyn Fn(&str) -> bool| {
        let names = names.iter().filter(|name| in_table(name));
        let lasts: Vec<(String, &str)> = names.map(|name| (last(name), *name)).collect();
        let meant = nearest(&wanted, lasts.iter().map(|(last, _)| last.as_str()))?;
        let found = lasts.iter().find(|(last, _)| last == meant);
        found.map(|(_, name)| *name)
    };
    let of_the_table = |name: &str| name.rsplit_once('.').is_some_and(|(of, _)| of == table);
    let meant = same_name
        .or_else(|| near(&of_the_table))
        .or_else(|| near(&|_| true));
    if let Some(name) = meant {
        return Error::UnknownKey {
            key: key.to_owned(),
            instead: format!("; did you mean {name}?"),
        };
    }
    // Nothing is near: the keys of the same table, or else the tables.
    let (table, _) = key.split_once('.').unwrap_or((key, ""));
    let of_table = known.iter().map(|(name, _)| name.as_str());
    let of_table = of_table.filter(|name| name.split_once('.').is_some_and(|(t, _)| t == table));
    let mut there: Vec<&str> = of_table.collect();
    if there.is_empty() {
        let tables = known.iter().filter_map(|(name, _)| name.split_once('.'));
        there = tables.map(|(table, _)| table).collect();
        there.dedup();
    }
    Error::UnknownKey {
        key: key.to_owned(),
        instead: format!("; expected one of {}", there.join(", ")),
    }
}

/// Dotted keys and values of a table of tables.
fn leaves(table: &Value) -> Vec<(String, Value)> {
    fn walk(prefix: &str, value: &Value, out: &mut Vec<(String, Value)>) {
        match value {
            Value::Object(map) => {
                for (key, value) in map {
                    let path = if prefix.is_empty() {
                        key.clone()
                    } else {
                        format!("{prefix}.{key}")
                    };
                    walk(&path, value, out);
                }
            }
            leaf => out.push((prefix.to_owned(), leaf.clone())),
        }
    }
    let mut out = Vec::new();
    walk("", table, &mut out);
    out
}

/// Puts a value at a dotted key.
fn set(table: &mut Value, key: &str, value: Value) {
    let mut at = table;
    let mut parts = key.split('.').peekable();
    while let Some(part) = parts.next() {
        if !at.is_object() {
            *at = Value::Object(Map::new());
        }
        let Value::Object(map) = at else { return };
        if parts.peek().is_none() {
            map.insert(part.to_owned(), value);
            return;
        }
        at = map.entry(part).or_insert_with(|| Value::Object(Map::new()));
    }
}

/// `dotted.key=value` as an override; the value as TOML would read it, or else a word.
///
/// # Errors
/// [`Error::Config`] without an equals sign or a key.
pub fn parse_assignment(text: &str) -> Result<Value> {
    let (key, value) = text
        .split_once('=')
        .map(|(key, value)| (key.trim(), value.trim()))
        .filter(|(key, _)| !key.is_empty())
        .ok_or_else(|| config_error(text, "expected key=value, as in model.top_k=16"))?;
    let parsed = toml::from_str::<Value>(&format!("value = {value}"))
        .ok()
        .and_then(|t| t.get("value").cloned());
    let mut table = Value::Object(Map::new());
    set(
        &mut table,
        key,
        parsed.unwrap_or_else(|| Value::String(value.to_owned())),
    );
    match not_finite(&table) {
        Some(error) => Err(error),
        None => Ok(table),
    }
}

/// The error for the first number of a table that JSON cannot hold: as null, it would mean that the key has no
/// value.
pub(super) fn not_finite(table: &Value) -> Option<Error> {
    let is_null = |value: &Value| value.is_null();
    let holds = |value: &Value| {
        is_null(value)
            || value
                .as_array()
                .is_some_and(|list| list.iter().any(is_null))
    };
    let (field, _) = leaves(table).into_iter().find(|(_, value)| holds(value))?;
    Some(config_error(
        &field,
        "found inf or nan, expected a finite number",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Gate, PresenceLoss};

    fn with(text: &str) -> Result<Config> {
        Config::from_overrides(&[parse_assignment(text)?])
    }

    #[test]
    fn defaults_pass_their_own_check_and_survive_a_round_trip() {
        let config = Config::default();
        config.check().unwrap();
        let value = serde_json::to_value(&config).unwrap();
        assert_eq!(Config::from_overrides(&[value]).unwrap(), config);
    }

    #[test]
    fn changes_are_told_as_assignments_that_make_them() {
        let base = Config::default();
        assert!(base.changes_from(&base).is_empty());
        let other = with("model.gate=uniform").unwrap();
        assert_eq!(other.changes_from(&base), ["model.gate=\"uniform\""]);
        assert_eq!(with(&other.changes_from(&base)[0]).unwrap(), other);
    }

    #[test]
    fn assignments_take_numbers_words_and_lists() {
        assert_eq!(with("model.top_k=3").unwrap().model.top_k, 3);
        assert_eq!(with("model.dropout = 0").unwrap().model.dropout, 0.0);
        assert_eq!(
            with("model.gate=uniform").unwrap().model.gate,
            Gate::Uniform
        );
        assert_eq!(
            with("loss.presence=\"bce\"").unwrap().loss.presence,
            PresenceLoss::BinaryCrossEntropy
        );
        assert_eq!(
            with("data.encoders=[\"a\", \"b\"]")
                .unwrap()
                .data
                .encoders
                .unwrap(),
            ["a", "b"]
        );
    }

    #[test]
    fn an_unknown_key_is_refused_with_the_nearest_one() {
        let message = with("model.topk=3").unwrap_err().to_string();
        assert_eq!(
            message,
            "configuration: model.topk: no such key; did you mean model.top_k?"
        );
        let message = with("train.dropout=0").unwrap_err().to_string();
        assert_eq!(
            message,
            "configuration: train.dropout: no such key; did you mean model.dropout?"
        );
        for (key, meant) in [
            ("train.learning_rate", "train.lr"),
            ("top_k", "model.top_k"),
            ("trian.max_epochs", "train.max_epochs"),
            ("train.epochs", "train.max_epochs"),
            ("model.drop_out", "model.dropout"),
        ] {
            let message = with(&format!("{key}=1")).unwrap_err().to_string();
            assert!(
                message.ends_with(&format!("did you mean {meant}?")),
                "{message}"
            );
        }
        let message = with("loss.presence=bec").unwrap_err().to_string();
        assert!(
            message.ends_with("found bec, expected soft_ce or bce; did you mean bce?"),
            "{message}"
        );
    }

    #[test]
    fn values_of_the_wrong_type_or_out_of_range_are_refused_with_their_key() {
        for (text, part) in [
            ("model.top_k=0", "model.top_k: found 0"),
            ("model.top_k=many", "model.top_k: invalid type"),
            (
                "model.gate=soft",
                "model.gate: found soft, expected attention or uniform",
            ),
            ("model.dropout=1.0", "model.dropout: found 1"),
            ("train.lr=nan", "train.lr"),
            ("model.temperature=2", "model.temperature: found 2"),
            ("data.encoders=[]", "data.encoders: an empty list"),
            ("model.top_k", "expected key=value"),
        ] {
            let message = with(text).unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
    }
}
