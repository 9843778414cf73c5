//! JSON values as texts.

use serde_json::Value;

/// The texts of a list.
pub fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten();
    texts.map(plain).collect()
}

/// Every leaf of a JSON value with its dotted key; a list becomes one cell.
pub fn flatten(key: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                flatten(&key, value, rows);
            }
        }
        Value::Array(values) => {
            rows.push((
                key.to_owned(),
                values.iter().map(plain).collect::<Vec<_>>().join(", "),
            ));
        }
        Value::Null => rows.push((key.to_owned(), "–".into())),
        leaf => rows.push((key.to_owned(), plain(leaf))),
    }
}

/// A value as text, a string without its quotes.
pub fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}
