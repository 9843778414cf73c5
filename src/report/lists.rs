//! Long lists inside texts, such as a sweep over sets of encoders, said in a few words.

use std::collections::BTreeMap;

use serde_json::Value;

/// Lists up to this many characters stay as they are.
const SHORT: usize = 40;
/// So many values may be named.
const NAMED: usize = 3;

/// The values of each key's lists in all texts of a table: `key=["a","b"]`.
#[derive(Debug, Default)]
pub struct Lists {
    values: BTreeMap<String, Vec<String>>,
}

/// A list in a text.
struct List {
    /// Where it begins and ends.
    place: std::ops::Range<usize>,
    /// The key before it.
    key: String,
    values: Vec<String>,
}

impl Lists {
    /// Takes note of the lists in a text.
    pub fn see(&mut self, text: &str) {
        for list in lists(text) {
            let known = self.values.entry(list.key).or_default();
            for value in list.values {
                if !known.contains(&value) {
                    known.push(value);
                }
            }
        }
    }

    /// A text with its long lists in a few words.
    pub fn brief(&self, text: &str) -> String {
        let mut short = String::new();
        let mut from = 0;
        for list in lists(text) {
            if list.place.len() <= SHORT {
                continue;
            }
            short += &text[from..list.place.start];
            short += &self.in_words(&list);
            from = list.place.end;
        }
        joined(&(short + &text[from..]))
    }

    fn in_words(&self, list: &List) -> String {
        let none = Vec::new();
        let all = self.values.get(&list.key).unwrap_or(&none);
        let count = list.values.len();
        let missing: Vec<&str> = all
            .iter()
            .filter(|value| !list.values.contains(value))
            .map(String::as_str)
            .collect();
        if missing.is_empty() && all.len() == count {
            return format!("all {count}");
        }
        if (1..=NAMED).contains(&missing.len()) && missing.len() < count {
            return format!("all but {}", missing.join(", "));
        }
        let named: Vec<&str> = list.values.iter().take(NAMED).map(String::as_str).collect();
        match count > NAMED {
            true => format!("{}, … ({count})", named.join(", ")),
            false => named.join(", "),
        }
    }
}

/// A text with long `MODEL:a+b+c+d` in a few words, as baselines on many encoders are named.
fn joined(text: &str) -> String {
    let words = text.split_inclusive([' ', ';', ',', '"']);
    let brief = |word: &str| {
        let (inside, end) = match word.char_indices().next_back() {
            Some((at, last)) if [' ', ';', ',', '"'].contains(&last) => word.split_at(at),
            _ => (word, ""),
        };
        let parts: Vec<&str> = inside.split('+').collect();
        match inside.len() > SHORT && parts.len() > NAMED && inside.contains(':') {
            true => format!("{}+{}+… ({}){end}", parts[0], parts[1], parts.len()),
            false => word.to_owned(),
        }
    };
    words.map(brief).collect()
}

fn lists(text: &str) -> Vec<List> {
    let mut found = Vec::new();
    let mut from = 0;
    while let Some(start) = text[from..].find("=[").map(|at| from + at + 1) {
        let Some(length) = length(&text[start..]) else {
            break;
        };
        let place = start..start + length;
        from = place.end;
        let Ok(values) = serde_json::from_str::<Vec<Value>>(&text[place.clone()]) else {
            continue;
        };
        let before = &text[..start - 1];
        let key = before.rfind(|c: char| !(c.is_ascii_alphanumeric() || "._".contains(c)));
        found.push(List {
            key: before[key.map_or(0, |at| at + 1)..].to_owned(),
            values: values
                .iter()
                .map(|value| {
                    value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned)
                })
                .collect(),
            place,
        });
    }
    found
}

/// The bytes up to the bracket that closes the first one.
fn length(text: &str) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0, false, false);
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' if quoted => escaped = true,
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(values: &[&str]) -> String {
        format!("data.encoders={}", serde_json::json!(values))
    }

    #[test]
    fn a_long_list_is_told_by_what_it_lacks_or_by_its_first_values() {
        let all = [
            "wavlm_large",
            "hubert_large",
            "imagebind",
            "videomae",
            "clip",
            "dinov2",
            "openface",
        ];
        let texts = [
            name(&all),
            name(&all[1..]),
            name(&all[..4]),
            name(&all[..1]),
        ];
        let mut lists = Lists::default();
        texts.iter().for_each(|text| lists.see(text));
        let brief: Vec<String> = texts.iter().map(|text| lists.brief(text)).collect();
        assert_eq!(brief[0], "data.encoders=all 7");
        assert_eq!(brief[1], "data.encoders=all but wavlm_large");
        assert_eq!(brief[2], "data.encoders=all but clip, dinov2, openface");
        // Short enough to stay.
        assert_eq!(brief[3], texts[3]);
    }

    #[test]
    fn baselines_on_many_encoders_are_named_by_the_first() {
        let lists = Lists::default();
        let long =
            "better: \"logistic:clip+openface2+internvl35_8b+wavlm_large+hicmae\"; forest:clip";
        let brief = lists.brief(long);
        assert_eq!(
            brief,
            "better: \"logistic:clip+openface2+… (5)\"; forest:clip"
        );
        assert_eq!(
            lists.brief("mlp-512:imagebind+wavlm_large"),
            "mlp-512:imagebind+wavlm_large"
        );
    }

    #[test]
    fn texts_around_lists_stay_and_what_is_no_list_too() {
        let long = format!("[{}]", ["\"a]\\\"b\""; 12].join(","));
        let text = format!("best: x.y={long}. Then k=[broken");
        let lists = Lists::default();
        let brief = lists.brief(&text);
        assert!(
            brief.starts_with("best: x.y=a]\"b, a]\"b, a]\"b, … (12). Then k=[broken"),
            "{brief}"
        );
    }
}
