//! A configuration key and the values that a search gives it: a list or a range.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Number, Value, json};

use crate::config::Config;
use crate::config::overrides::parse_assignment;
use crate::error::{Error, ParameterFault, Result};
use crate::rng::Stream;

/// Maximum number of integers in a range that a grid takes in full.
const LARGEST_GRID_RANGE: f64 = 64.0;

/// The values of one key.
#[derive(Clone, Debug, PartialEq)]
pub enum ParameterValues {
    /// These, in this order.
    List(Vec<Value>),
    /// All numbers from low to high.
    Range {
        /// Lowest.
        low: f64,
        /// Highest.
        high: f64,
        /// Evenly spread in the logarithm, not in the value.
        log: bool,
        /// Whole numbers only.
        integer: bool,
        /// How many of them a grid takes.
        steps: Option<usize>,
    },
}

/// A configuration key and its values: `KEY=v1,v2,…`, `KEY=LOW..HIGH` or `KEY=LOW..HIGH:log`; for a
/// grid also `KEY=LOW..HIGH/STEPS` and `KEY=LOW..HIGH:log/STEPS`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Parameter {
    /// The dotted key.
    pub key: String,
    /// Its values.
    pub values: ParameterValues,
    /// As it was written.
    text: String,
}

impl From<Parameter> for String {
    fn from(parameter: Parameter) -> Self {
        parameter.to_string()
    }
}

impl TryFrom<String> for Parameter {
    type Error = Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl FromStr for Parameter {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fault = |reason: String| Error::Parameter {
            parameter: text.to_owned(),
            fault: ParameterFault::Invalid(reason),
        };
        let (key, values) = text
            .split_once('=')
            .map(|(key, values)| (key.trim(), values.trim()))
            .filter(|(key, values)| !key.is_empty() && !values.is_empty())
            .ok_or_else(|| {
                fault("expected KEY=v1,v2,… or KEY=LOW..HIGH, as in model.top_k=2,10,22".into())
            })?;
        // The key must exist and accept such values, whatever the rest of the configuration is.
        let known = Config::keys();
        let Some((_, default)) = known.iter().find(|(known, _)| known == key) else {
            // The message names the nearest key.
            let assignment = parse_assignment(&format!("{key}=0"))?;
            return Err(match Config::from_overrides(&[assignment]) {
                Err(error) => error,
                Ok(_) => fault("no such key".into()),
            });
        };
        let values = match values.split_once("..") {
            Some((low, rest)) => range(low, rest, default.is_u64()).map_err(fault)?,
            None => {
                let mut list: Vec<Value> = Vec::new();
                for text in separated(values) {
                    let assignment = parse_assignment(&format!("{key}={text}"))?;
                    let value = key
                        .split('.')
                        .fold(&assignment, |table, part| &table[part])
                        .clone();
                    if list.contains(&value) {
                        return Err(fault(format!("{text} is listed twice")));
                    }
                    list.push(value);
                }
                ParameterValues::List(list)
            }
        };
        Ok(Self {
            key: key.to_owned(),
            values,
            text: text.to_owned(),
        })
    }
}

/// What follows the first `..`.
fn range(low: &str, rest: &str, integer: bool) -> std::result::Result<ParameterValues, String> {
    let (rest, steps) = match rest.split_once('/') {
        Some((rest, steps)) => {
            let steps = steps.trim().parse::<usize>().ok().filter(|n| *n >= 2);
            let steps = steps.ok_or("expected 2 or more steps after /")?;
            (rest, Some(steps))
        }
        None => (rest, None),
    };
    let (high, log) = match rest.split_once(':') {
        Some((high, "log")) => (high, true),
        Some((_, other)) => return Err(format!("found :{other}, expected :log or nothing")),
        None => (rest, false),
    };
    let number = |text: &str| {
        let number = text.trim().parse::<f64>().ok().filter(|x| x.is_finite());
        number.ok_or_else(|| format!("found {:?}, expected a number", text.trim()))
    };
    let (low, high) = (number(low)?, number(high)?);
    if low >= high {
        return Err(format!(
            "found {low}..{high}, expected the lower bound first"
        ));
    }
    if log && low <= 0.0 {
        return Err(format!(
            "a logarithmic range must start above 0, found {low}"
        ));
    }
    if integer && (low.fract() != 0.0 || high.fract() != 0.0 || low < 0.0) {
        return Err("this key takes whole numbers only".into());
    }
    Ok(ParameterValues::Range {
        low,
        high,
        log,
        integer,
        steps,
    })
}

/// Parts between commas outside brackets and quotes.
fn separated(text: &str) -> Vec<&str> {
    let (mut parts, mut from, mut depth, mut quoted) = (Vec::new(), 0, 0, false);
    for (at, c) in text.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '[' if !quoted => depth += 1,
            ']' if !quoted => depth -= 1,
            ',' if !quoted && depth == 0 => {
                parts.push(text[from..at].trim());
                from = at + 1;
            }
            _ => {}
        }
    }
    parts.push(text[from..].trim());
    parts
}

impl Parameter {
    /// Its values in a grid.
    ///
    /// # Errors
    /// [`Error::Parameter`] for a range without a number of steps.
    pub fn grid(&self) -> Result<Vec<Value>> {
        let ParameterValues::Range {
            low,
            high,
            integer,
            steps,
            ..
        } = &self.values
        else {
            return Ok(match &self.values {
                ParameterValues::List(list) => list.clone(),
                ParameterValues::Range { .. } => Vec::new(),
            });
        };
        let steps = match steps {
            Some(steps) => *steps,
            None if *integer && high - low < LARGEST_GRID_RANGE => (high - low) as usize + 1,
            None => {
                return Err(Error::Parameter {
                    parameter: self.to_string(),
                    fault: ParameterFault::NoSteps,
                });
            }
        };
        let mut values: Vec<Value> = Vec::new();
        for step in 0..steps {
            let value = self.at(step as f64 / (steps - 1) as f64);
            if !values.contains(&value) {
                values.push(value);
            }
        }
        Ok(values)
    }

    /// Every value of a list, or both ends of a range.
    pub fn outermost(&self) -> Vec<Value> {
        match &self.values {
            ParameterValues::List(list) => list.clone(),
            ParameterValues::Range { .. } => vec![self.at(0.0), self.at(1.0)],
        }
    }

    /// The value at a position in its range, from 0 (lowest) to 1 (highest), or the element there of a list.
    pub fn at(&self, place: f64) -> Value {
        match &self.values {
            ParameterValues::List(list) => {
                let index = (place * list.len() as f64) as usize;
                list.get(index.min(list.len() - 1))
                    .cloned()
                    .unwrap_or_default()
            }
            ParameterValues::Range {
                low,
                high,
                log,
                integer,
                ..
            } => {
                let x = if *log {
                    (low.ln() + place * (high.ln() - low.ln())).exp()
                } else {
                    low + place * (high - low)
                };
                let x = x.clamp(*low, *high);
                if *integer {
                    json!(x.round() as u64)
                } else {
                    // Six digits say enough, and keep names and tables readable.
                    let short = format!("{x:.5e}").parse().unwrap_or(x);
                    Number::from_f64(short).map_or(Value::Null, Value::Number)
                }
            }
        }
    }

    /// A random value: from a list each with the same probability, from a range uniform in the value or in
    /// its logarithm.
    pub fn draw(&self, stream: &mut Stream) -> Value {
        match &self.values {
            // Every whole number has the same probability.
            ParameterValues::Range {
                low,
                high,
                log: false,
                integer: true,
                ..
            } => json!(*low as u64 + stream.below((high - low) as usize + 1) as u64),
            _ => self.at(stream.uniform()),
        }
    }
}

impl fmt::Display for Parameter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grid_of(text: &str) -> Vec<Value> {
        text.parse::<Parameter>().unwrap().grid().unwrap()
    }

    #[test]
    fn lists_and_ranges_give_their_values() {
        assert_eq!(grid_of("model.top_k=2,10"), [json!(2), json!(10)]);
        assert_eq!(grid_of("model.top_k=1..4").len(), 4);
        assert_eq!(
            grid_of("train.lr=1e-4..1e-2:log/3"),
            [json!(1e-4), json!(1e-3), json!(1e-2)]
        );
        assert_eq!(grid_of("model.dropout=0..0.5/3")[1], json!(0.25));
        assert_eq!(
            grid_of("model.gate=attention,uniform"),
            [json!("attention"), json!("uniform")]
        );
        let lists = grid_of(r#"data.encoders=["a","b"],["a"]"#);
        assert_eq!(lists, [json!(["a", "b"]), json!(["a"])]);
    }

    #[test]
    fn what_cannot_be_swept_is_refused_with_the_reason() {
        for (text, part) in [
            ("model.topk=1,2", "did you mean model.top_k?"),
            ("model.top_k", "expected KEY="),
            ("model.top_k=2,2", "is listed twice"),
            ("model.top_k=1.5..3", "whole numbers"),
            ("train.lr=0..1:log", "above 0"),
            ("train.lr=2..1", "lower bound first"),
            ("train.lr=1..2:sqrt", "expected :log"),
            ("train.lr=1..2/1", "2 or more steps"),
        ] {
            let message = text.parse::<Parameter>().unwrap_err().to_string();
            assert!(message.contains(part), "{text}: {message}");
        }
        let open: Parameter = "train.lr=1e-4..1e-2".parse().unwrap();
        assert!(open.grid().unwrap_err().to_string().contains("how many"));
    }
}
