//! What a sweep varies: keys with their values, combined into points, and configurations of those.

use serde_json::{Value, json};

use super::parameter::Parameter;
use crate::config::Config;
use crate::error::{Error, ParameterFault, Result};

/// Refuses a key that is given twice, and the seed, which is set for all trials together.
///
/// # Errors
/// [`Error::Parameter`].
pub fn check(parameters: &[Parameter]) -> Result<()> {
    for (at, parameter) in parameters.iter().enumerate() {
        let fault = |fault: ParameterFault| {
            Err(Error::Parameter {
                parameter: parameter.to_string(),
                fault,
            })
        };
        if parameters[..at].iter().any(|p| p.key == parameter.key) {
            return fault(ParameterFault::Repeated);
        }
        if matches!(
            parameter.key.as_str(),
            "data.folds" | "data.fold_seed" | "data.test_fold"
        ) {
            return fault(ParameterFault::Folds);
        }
        if parameter.key == "train.seed" {
            return fault(ParameterFault::Seed);
        }
    }
    Ok(())
}

/// A key=value assignment for every parameter.
pub type Point = Vec<(String, Value)>;

/// The keys that a search varies.
#[derive(Clone, Debug)]
pub struct SearchSpace {
    /// The keys and their values.
    pub parameters: Vec<Parameter>,
    /// Whether the weight of the salience loss is what that of the presence loss leaves of 1.
    pub weights_sum_to_one: bool,
}

impl SearchSpace {
    /// These keys alone.
    pub fn of(parameters: Vec<Parameter>) -> Self {
        Self {
            parameters,
            weights_sum_to_one: false,
        }
    }

    /// A point with the keys that follow from its own.
    pub fn completed(&self, mut point: Point) -> Point {
        let weight = point
            .iter()
            .find(|(key, _)| key == "loss.presence_weight")
            .and_then(|(_, value)| value.as_f64());
        if let (true, Some(presence)) = (self.weights_sum_to_one, weight) {
            // Six digits, as the values of a range have.
            let salience = ((1.0 - presence) * 1e6).round() / 1e6;
            point.push(("loss.salience_weight".to_owned(), json!(salience)));
        }
        point
    }
}

/// All combinations, the last parameter changing fastest.
///
/// # Errors
/// As [`Parameter::grid`].
pub fn grid(parameters: &[Parameter]) -> Result<Vec<Point>> {
    let mut points: Vec<Point> = vec![Vec::new()];
    for parameter in parameters {
        let values = parameter.grid()?;
        let mut more = Vec::with_capacity(points.len() * values.len());
        for point in &points {
            for value in &values {
                let mut point = point.clone();
                point.push((parameter.key.clone(), value.clone()));
                more.push(point);
            }
        }
        points = more;
    }
    Ok(points)
}

/// A configuration with a point laid over it.
///
/// # Errors
/// [`Error::Config`] for a value that the key does not accept.
pub fn apply(base: &Config, point: &Point) -> Result<Config> {
    let mut layers = vec![base.table()?];
    for (key, value) in point {
        let (mut table, mut parts): (Value, Vec<&str>) = (value.clone(), key.split('.').collect());
        while let Some(part) = parts.pop() {
            table = json!({ part: table });
        }
        layers.push(table);
    }
    Config::from_overrides(&layers)
}

/// The display name of a point.
pub fn name(point: &Point) -> String {
    let parts = point.iter().map(|(key, value)| match value {
        Value::String(word) => format!("{key}={word}"),
        value => format!("{key}={value}"),
    });
    parts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loss_weights_sum_to_one_only_where_the_space_says_so() {
        let parameter: Parameter = "loss.presence_weight=0.5..0.8".parse().unwrap();
        let point = |place: f64| vec![(parameter.key.clone(), parameter.at(place))];
        let mut space = SearchSpace::of(vec![parameter.clone()]);
        assert_eq!(space.completed(point(0.3)), point(0.3));
        space.weights_sum_to_one = true;
        for step in 0..=100 {
            let whole = space.completed(point(f64::from(step) / 100.0));
            let loss = apply(&Config::default(), &whole).unwrap().loss;
            let sum = loss.presence_weight + loss.salience_weight;
            assert!((sum - 1.0).abs() <= 1e-6, "{sum}");
        }
    }

    #[test]
    fn a_grid_is_every_combination_and_points_make_configurations() {
        let parameters = ["model.top_k=2,4", "train.lr=0.1,0.2,0.3"].map(|t| t.parse().unwrap());
        let points = grid(&parameters).unwrap();
        assert_eq!(points.len(), 6);
        assert_eq!(name(&points[1]), "model.top_k=2, train.lr=0.2");
        let config = apply(&Config::default(), &points[5]).unwrap();
        assert_eq!((config.model.top_k, config.train.lr), (4, 0.3));
        let wrong = vec![("model.top_k".to_owned(), json!(0))];
        assert!(apply(&Config::default(), &wrong).is_err());
    }
}
