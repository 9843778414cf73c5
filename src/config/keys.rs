//! What is told of a configuration key: what it means, which values it takes, and what the paper says.
//! `key_table.rs` lists all keys; the defaults are those of the structures.

use std::fmt;

/// The values that a key takes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Allowed {
    /// A whole number from the first to the second.
    Whole(u64, u64),
    /// A whole number of 0 or more.
    Count,
    /// A finite number of 0 or more.
    NotNegative,
    /// A rate from 0 to below 1.
    Rate,
    /// A number from 0 to 1.
    Share,
    /// A number between 0 and 1, neither of them.
    Between0And1,
    /// `true` or `false`.
    Switch,
    /// One of these words.
    OneOf(&'static [&'static str]),
    /// As the text says.
    Other(&'static str),
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allowed::Whole(from, to) => write!(f, "a whole number from {from} to {to}"),
            Allowed::Count => f.write_str("a whole number, 0 or more"),
            Allowed::NotNegative => f.write_str("0 or more"),
            Allowed::Rate => f.write_str("from 0 to below 1"),
            Allowed::Share => f.write_str("from 0 to 1"),
            Allowed::Between0And1 => f.write_str("between 0 and 1"),
            Allowed::Switch => f.write_str("true or false"),
            Allowed::OneOf(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("{word:?}")).collect();
                f.write_str(&words.join(" or "))
            }
            Allowed::Other(text) => f.write_str(text),
        }
    }
}

/// A key.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// Its dotted name.
    pub name: &'static str,
    /// The values that it takes.
    pub allowed: Allowed,
    /// What the paper says; none where it leaves the choice open.
    pub paper: Option<&'static str>,
    /// What it means.
    pub meaning: &'static str,
    /// What happens where it is not set, for keys without a default.
    pub unset: Option<&'static str>,
}

impl Key {
    /// Its table and its name in the table.
    pub fn parts(&self) -> (&'static str, &'static str) {
        self.name.split_once('.').unwrap_or(("", self.name))
    }
}

/// A table of the configuration, and what it is about.
pub const TABLES: [(&str, &str); 6] = [
    ("model", "Sizes and switches of the network"),
    ("loss", "Weights and form of the task loss"),
    ("uda", "Unsupervised domain adaptation"),
    ("train", "The training loop"),
    ("data", "What is read from the data folder, and how"),
    ("decode", "From scores to emotions"),
];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::config::{Config, KEYS};

    /// What setting a key to a text of TOML says; `None` where it is taken.
    fn refusal(name: &str, value: &str) -> Option<String> {
        let set = [format!("{name}={value}")];
        Config::load(None, &set, None)
            .err()
            .map(|error| error.to_string())
    }

    #[test]
    fn every_key_is_listed_once_under_its_table() {
        let names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
        let listed: BTreeSet<String> = names.iter().map(|name| name.to_string()).collect();
        let known: BTreeSet<String> = Config::keys().into_iter().map(|(key, _)| key).collect();
        assert_eq!(listed, known);
        assert_eq!(names.len(), known.len());
        let tables = KEYS.iter().map(|key| key.parts().0);
        let mut tables: Vec<&str> = tables.collect();
        tables.dedup();
        assert_eq!(tables, TABLES.map(|(table, _)| table));
    }

    #[test]
    fn a_key_without_a_default_says_what_happens_then_and_no_other() {
        let defaults = Config::keys();
        for key in KEYS {
            let (_, default) = defaults.iter().find(|(name, _)| name == key.name).unwrap();
            assert_eq!(key.unset.is_some(), default.is_null(), "{}", key.name);
        }
    }

    /// The ends of each range are taken, and what lies beyond is refused.
    #[test]
    fn the_values_that_are_told_are_those_that_are_taken() {
        for Key { name, allowed, .. } in KEYS {
            let (taken, refused): (Vec<String>, Vec<String>) = match allowed {
                Allowed::Whole(from, to) => (
                    vec![from.to_string(), to.to_string()],
                    vec![(from - 1).to_string(), (to + 1).to_string(), "2.5".into()],
                ),
                Allowed::Count => (vec!["0".into(), "1000000".into()], texts(&["-1", "0.5"])),
                Allowed::NotNegative => (texts(&["0", "1e9"]), texts(&["-1e-9", "inf", "nan"])),
                Allowed::Rate => (texts(&["0", "0.999"]), texts(&["-1e-9", "1"])),
                Allowed::Share => (texts(&["0", "1"]), texts(&["-1e-9", "1.001"])),
                Allowed::Between0And1 => (texts(&["0.001", "0.999"]), texts(&["0", "1"])),
                Allowed::Switch => (texts(&["true", "false"]), texts(&["1", "yes"])),
                Allowed::OneOf(words) => (texts(words), texts(&["none-of-these"])),
                Allowed::Other(_) => (Vec::new(), texts(&["[[true]]"])),
            };
            for value in taken {
                assert_eq!(refusal(name, &value), None, "{name}={value}");
            }
            for value in refused {
                let message = refusal(name, &value);
                let message = message.unwrap_or_else(|| panic!("{name}={value} is taken"));
                assert!(message.contains(name), "{message}");
            }
        }
    }

    fn texts(words: &[&str]) -> Vec<String> {
        words.iter().map(|word| word.to_string()).collect()
    }

    /// A word that is refused is told all that are taken.
    #[test]
    fn all_words_of_a_key_are_told() {
        for key in KEYS {
            if let Allowed::OneOf(words) = key.allowed {
                let message = refusal(key.name, "none-of-these").unwrap();
                assert!(
                    message.ends_with(&format!("expected {}", words.join(" or "))),
                    "{message}"
                );
            }
        }
    }

    /// The paper's value is the default, where the paper gives one.
    #[test]
    fn defaults_are_the_papers() {
        let defaults = Config::keys();
        for key in KEYS {
            let Some(Ok(paper)) = key.paper.map(str::parse::<f64>) else {
                continue;
            };
            let (_, default) = defaults.iter().find(|(name, _)| name == key.name).unwrap();
            if let Some(default) = default.as_f64() {
                assert_eq!(default, paper, "{}", key.name);
            }
        }
    }
}
