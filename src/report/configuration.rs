//! The configuration's keys for people: as TOML to start from, as a page, and what differs between runs.

use serde_json::Value;

use super::table::{Cell, Table};
use crate::config::{Config, KEYS, Key, TABLES};

/// The width of comments.
const WIDTH: usize = 80;

/// These keys as TOML with the values of a configuration; above each what it means, which values it takes,
/// and what the paper says. Keys without a value are comments.
pub fn toml(keys: &[&Key], config: &Config) -> String {
    let values = config.entries();
    let mut text = String::new();
    for (table, about) in TABLES {
        let of_table: Vec<&&Key> = keys.iter().filter(|key| key.parts().0 == table).collect();
        if of_table.is_empty() {
            continue;
        }
        if !text.is_empty() {
            text.push('\n');
        }
        text += &format!("# {about}.\n[{table}]\n");
        for key in of_table {
            text += &comment(&format!("{}. {}.", capital(key.meaning), told(key)));
            let name = key.parts().1;
            let value = values.iter().find(|(known, _)| known == key.name);
            text += &match (value, key.unset) {
                (Some((_, value)), _) if !value.is_null() => format!("{name} = {value}\n"),
                (_, unset) => format!("# {name} =   (not set: {})\n", unset.unwrap_or("none")),
            };
        }
    }
    text
}

/// Which values a key takes, and what the paper says.
fn told(key: &Key) -> String {
    let paper = match key.paper {
        Some(paper) => format!("the paper: {paper}"),
        None => "the paper leaves it open".to_owned(),
    };
    format!("{}; {paper}", capital(&key.allowed.to_string()))
}

/// A text in lines of comment.
fn comment(text: &str) -> String {
    let mut lines = vec![String::from("#")];
    for word in text.split(' ') {
        let last = lines.len() - 1;
        if lines[last].chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push(format!("# {word}"));
        } else {
            lines[last] += &format!(" {word}");
        }
    }
    lines.join("\n") + "\n"
}

fn capital(text: &str) -> String {
    let mut chars = text.chars();
    let first = chars.next().map(|first| first.to_uppercase());
    first.into_iter().flatten().chain(chars).collect()
}

/// The page of all keys, `docs/configuration.md`.
pub fn page() -> String {
    let mut text = "\
# Configuration

Every key of `--config FILE.toml` and `--set KEY=VALUE`, with its default. This page is the output of
`blendfuse config --markdown`; `blendfuse config` prints the same as a TOML file to start from, and
`blendfuse config --diff RUN RUN` what differs between runs. An unknown key is refused with the closest
one. [assumptions.md](assumptions.md) says why the open choices are what they are.
"
    .to_owned();
    for (name, about) in TABLES {
        let keys: Vec<&Key> = KEYS.iter().filter(|key| key.parts().0 == name).collect();
        text += &format!(
            "\n## `{name}`\n\n{about}.\n\n| Key | Default | Values | Paper | Meaning |\n|---|---|---|---|---|\n"
        );
        let defaults = Config::keys();
        for key in keys {
            let default = defaults.iter().find(|(known, _)| known == key.name);
            let default = match (default, key.unset) {
                (Some((_, value)), _) if !value.is_null() => format!("`{value}`"),
                (_, unset) => format!("not set: {}", unset.unwrap_or("none")),
            };
            text += &format!(
                "| `{}` | {} | {} | {} | {} |\n",
                key.name,
                default,
                key.allowed.to_string().replace('|', "\\|"),
                key.paper.unwrap_or("open"),
                key.meaning
            );
        }
    }
    text
}

/// All that is known of these keys, as JSON.
pub fn json(keys: &[&Key], config: &Config) -> Value {
    let (values, defaults) = (config.entries(), Config::keys());
    let of = |entries: &[(String, Value)], key: &Key| {
        let found = entries.iter().find(|(known, _)| known == key.name);
        found.map_or(Value::Null, |(_, value)| value.clone())
    };
    let keys = keys.iter().map(|key| {
        serde_json::json!({
            "key": key.name,
            "value": of(&values, key),
            "default": of(&defaults, key),
            "values": key.allowed.to_string(),
            "paper": key.paper,
            "meaning": key.meaning,
            "not_set": key.unset,
        })
    });
    Value::Array(keys.collect())
}

/// What a run was made with: the names of settings with their values.
pub type Settings = Vec<(String, Value)>;

/// The settings that are not the same in all of these runs, in the order of [`KEYS`], then of the runs;
/// `None` for a run that does not have a setting.
pub fn differences(runs: &[Settings]) -> Vec<(String, Vec<Option<Value>>)> {
    let mut names: Vec<&str> = KEYS.iter().map(|key| key.name).collect();
    for (name, _) in runs.iter().flatten() {
        if !names.contains(&name.as_str()) {
            names.push(name);
        }
    }
    let rows = names.into_iter().map(|name| {
        let value = |run: &Settings| {
            let found = run.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.clone())
        };
        (name.to_owned(), runs.iter().map(value).collect::<Vec<_>>())
    });
    rows.filter(|(_, values)| values.iter().any(|value| *value != values[0]))
        .collect()
}

/// [`differences`] as a table, one column per run.
pub fn difference_table(names: &[String], found: &[(String, Vec<Option<Value>>)]) -> Table {
    let keys: Vec<String> = (1..=names.len()).map(|run| format!("run_{run}")).collect();
    let mut columns = vec![("setting", "Setting")];
    columns.extend(
        keys.iter()
            .zip(names)
            .map(|(key, name)| (key.as_str(), name.as_str())),
    );
    columns.push(("default", "Default"));
    let mut table = Table::new("Settings that differ", &columns);
    let defaults = Config::keys();
    for (setting, values) in found {
        let unset = KEYS.iter().find(|key| key.name == *setting);
        let unset = unset.and_then(|key| key.unset);
        let cell = |value: Option<&Value>| match value {
            None => Cell::Empty,
            Some(Value::Null) => Cell::Text(format!("not set: {}", unset.unwrap_or("none"))),
            Some(Value::String(text)) => Cell::text(text),
            Some(value) => Cell::Text(value.to_string()),
        };
        let default = defaults.iter().find(|(known, _)| known == setting);
        let mut cells = vec![Cell::text(setting)];
        cells.extend(values.iter().map(|value| cell(value.as_ref())));
        cells.push(cell(default.map(|(_, value)| value)));
        table.row(cells);
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn loaded(text: &str) -> Config {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("c.toml");
        std::fs::write(&path, text).unwrap();
        Config::load(Some(&path), &[], None).unwrap()
    }

    #[test]
    fn the_toml_reads_back_as_the_configuration_that_it_was_made_from() {
        let all: Vec<&Key> = KEYS.iter().collect();
        let text = toml(&all, &Config::default());
        assert_eq!(loaded(&text), Config::default());
        assert!(
            text.lines().all(|line| line.chars().count() <= 110),
            "{text}"
        );
        for key in KEYS {
            assert!(
                text.contains(&format!("{} =", key.parts().1)),
                "{}",
                key.name
            );
        }
        let mut config = Config::default();
        config.model.dropout_fusion = Some(0.1);
        config.data.encoders = Some(vec!["a".into(), "b\"c".into()]);
        config.decode.beta = Some(1.0);
        config.decode.proportions = crate::config::Proportions::challenge();
        assert_eq!(loaded(&toml(&all, &config)), config);
        let one = toml(&all[4..5], &Config::default());
        assert_eq!(
            one.lines().filter(|line| !line.starts_with('#')).count(),
            2,
            "{one}"
        );
    }

    #[test]
    fn the_page_is_the_one_in_the_docs() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/configuration.md");
        let docs = std::fs::read_to_string(path).unwrap();
        assert!(
            docs == page(),
            "docs/configuration.md is not what `blendfuse config --markdown` prints"
        );
    }

    #[test]
    fn only_what_differs_is_told() {
        let run = |k: u64, seeds: Option<u64>| -> Settings {
            let mut settings = vec![
                ("model.top_k".to_owned(), json!(k)),
                ("fold".into(), json!(0)),
            ];
            settings.extend(seeds.map(|seeds| ("seeds".to_owned(), json!(seeds))));
            settings
        };
        let found = differences(&[run(4, None), run(8, Some(2))]);
        let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["model.top_k", "seeds"]);
        assert_eq!(found[1].1, [None, Some(json!(2))]);
        let table = difference_table(&["a".into(), "b".into()], &found).markdown();
        assert!(
            table.contains("| model.top_k | 4   | 8   | 22      |"),
            "{table}"
        );
        assert!(differences(&[run(4, None), run(4, None)]).is_empty());
    }
}
