//! What was searched, and the settings of a run: first what differs from the defaults.

use serde_json::Value;

use super::leaves::{flatten, plain};
use super::stored::{Found, StoredSearch, StoredStudy};
use super::tables::{folded, named_rows, pairs, paragraph};
use super::tiles::counted;
use crate::config::Config;
use crate::experiments::sweep::parameter::{Parameter, ParameterValues};
use crate::experiments::{Study, Sweep, Tune};

/// Keys whose value follows from the training labels unless it is set.
const FROM_LABELS: [&str; 4] = [
    "train.monitor",
    "decode.max_emotions",
    "decode.proportions",
    "decode.beta",
];

/// A configuration: what differs from the defaults, then every key.
pub fn configuration(config: &Config, study: Option<&StoredStudy>) -> String {
    let defaults = Config::keys();
    let default = |key: &str| {
        let entry = defaults.iter().find(|(name, _)| name == key);
        entry.map_or(Value::Null, |(_, value)| value.clone())
    };
    let entries = config.entries();
    let changed = |key: &str, value: &Value| *value != default(key);
    let told = |value: &Value| match value {
        Value::Null => "none".to_owned(),
        other => plain(other),
    };
    let row = |(key, value): &(String, Value)| vec![key.clone(), told(value), told(&default(key))];
    let set: Vec<Vec<String>> = entries
        .iter()
        .filter(|(key, value)| changed(key, value) && !FROM_LABELS.contains(&key.as_str()))
        .map(row)
        .collect();
    let mut html = String::new();
    html += &match set.is_empty() {
        true => paragraph("Every key has its default."),
        false => named_rows(
            "What differs from the defaults",
            &["Key", "Value", "Default"],
            &set,
        ),
    };
    let labels: Vec<Vec<String>> = entries
        .iter()
        .filter(|(key, _)| FROM_LABELS.contains(&key.as_str()))
        .map(row)
        .collect();
    html += &named_rows(
        "What follows from the training labels, unless it is set",
        &["Key", "Value", "Default"],
        &labels,
    );
    if let Some(study) = study {
        html += &options(study);
    }
    let all: Vec<(String, String)> = entries
        .iter()
        .map(|(key, value)| (key.clone(), told(value)))
        .collect();
    html + &folded("Every key", &pairs("Every key", &all))
}

/// The options of a study.
fn options(study: &StoredStudy) -> String {
    let settings = &study.plan.settings;
    let mut rows = vec![
        ("command".to_owned(), study.plan.command.clone()),
        ("seeds".to_owned(), settings.seeds.to_string()),
    ];
    let mut all = Vec::new();
    flatten("", &settings.study, &mut all);
    let told = |(key, value): &(String, String)| {
        !(key == "param" || ["–", "false", ""].contains(&value.as_str()))
    };
    rows.extend(all.into_iter().filter(told));
    pairs("Options of the command", &rows)
}

/// What a search tried; empty for other studies.
pub fn searched(study: &StoredStudy) -> String {
    let Some(Found::Search(search)) = &study.found else {
        return String::new();
    };
    let options = &study.plan.settings.study;
    let how = match (options["random"].as_u64(), options["tpe"].as_u64()) {
        (Some(count), _) => format!("{count} configurations at random"),
        (_, Some(count)) => {
            format!("{count} configurations by TPE (tree-structured Parzen estimator)")
        }
        _ if study.plan.command == Sweep::NAME || options["grid"] == true => {
            "Every combination of the values".to_owned()
        }
        _ => "Configurations by TPE (tree-structured Parzen estimator)".to_owned(),
    };
    let mut html = paragraph(&format!(
        "{how}; {} with a result, {} and {} each.",
        counted(
            search
                .rows
                .iter()
                .filter(|row| row.summary.is_some())
                .count(),
            "configuration"
        ),
        counted(
            search.rows.first().map_or(0, |row| row.fold_count()),
            "fold"
        ),
        counted(study.plan.settings.seeds.get(), "seed"),
    ));
    html += &named_rows(
        "What was searched",
        &["Key", "Values", "Tried", "Best"],
        &keys(study, search),
    );
    if !search.same.is_empty() {
        let same = search
            .same
            .iter()
            .map(|text| paragraph(text))
            .collect::<String>();
        let title = format!(
            "{} equivalent to another",
            counted(search.same.len(), "configuration")
        );
        html += &folded(&title, &same);
    }
    html
}

fn keys(study: &StoredStudy, search: &StoredSearch) -> Vec<Vec<String>> {
    let asked = study.plan.settings.study["param"].as_array();
    let asked: Vec<Parameter> = asked
        .into_iter()
        .flatten()
        .filter_map(|text| text.as_str()?.parse().ok())
        .collect();
    let points = search.points();
    let best = search.best().map(|row| row.name.clone());
    let best = search
        .rows
        .iter()
        .position(|row| Some(&row.name) == best.as_ref());
    let Some(first) = points.first() else {
        return Vec::new();
    };
    first
        .iter()
        .map(|(key, _)| {
            let of = |point: &[(String, Value)]| {
                let entry = point.iter().find(|(name, _)| name == key);
                entry.map_or(Value::Null, |(_, value)| value.clone())
            };
            let values = asked.iter().find(|parameter| parameter.key == *key);
            let values = match values {
                Some(parameter) => in_words(parameter),
                None if study.plan.command == Tune::NAME => "the default space of tune".to_owned(),
                None => String::new(),
            };
            let tried: Vec<Value> = points.iter().map(|point| of(point)).collect();
            let best = best.map_or(String::new(), |at| short(&plain(&of(&points[at]))));
            vec![key.clone(), values, tried_in_words(&tried), best]
        })
        .collect()
}

fn in_words(parameter: &Parameter) -> String {
    match &parameter.values {
        ParameterValues::List(values) => {
            let values: Vec<String> = values.iter().map(|value| short(&plain(value))).collect();
            values.join("; ")
        }
        ParameterValues::Range { low, high, log, .. } => {
            let scale = if *log {
                ", evenly in the logarithm"
            } else {
                ""
            };
            format!("{low} to {high}{scale}")
        }
    }
}

/// The number of different values, and their ends.
fn tried_in_words(values: &[Value]) -> String {
    let mut different: Vec<&Value> = Vec::new();
    for value in values {
        if !different.contains(&value) {
            different.push(value);
        }
    }
    let numbers: Option<Vec<f64>> = different.iter().map(|value| value.as_f64()).collect();
    let ends = numbers.filter(|numbers| numbers.len() > 1).map(|numbers| {
        let [low, high] =
            [f64::min, f64::max].map(|of| numbers.iter().copied().reduce(of).unwrap_or(0.0));
        format!(", {low} to {high}")
    });
    format!(
        "{}{}",
        counted(different.len(), "value"),
        ends.unwrap_or_default()
    )
}

/// A value that may be a long list.
fn short(text: &str) -> String {
    match text.chars().count() {
        0..=60 => text.to_owned(),
        _ => format!("{}…", text.chars().take(59).collect::<String>()),
    }
}
