//! The figures of a search: its course, the score against each key, and which keys matter.

use serde_json::Value;

use super::StudyFigures;
use super::curves::{KEPT_FIGURE, curve, point};
use super::forests::{self, differences};
use crate::experiments::{Study, Sweep};
use crate::report::figure::Figure;
use crate::report::figure::curve::CurvePoint;
use crate::report::figure::search::{self, Grid, Slice};
use crate::report::key_importance::{FEWEST, key_importance};
use crate::report::lists::Lists;
use crate::report::page::stored::{StoredRow, StoredSearch, StoredStudy};

/// The key that keeps encoders has the paper's figure.
const KEPT: &str = "model.top_k";

/// Draws the figures of a search.
pub fn draw(study: &StoredStudy, search: &StoredSearch, drawn: &mut StudyFigures) {
    let points = search.points();
    let scores: Vec<Option<f64>> = search
        .rows
        .iter()
        .map(|row| Some(row.main(study.main)?.mean))
        .collect();
    let varied = varied(&points);
    let is_grid = study.plan.command == Sweep::NAME
        && study.plan.settings.study["random"].is_null()
        && study.plan.settings.study["tpe"].is_null();
    if !is_grid {
        drawn.figures.extend(search::history(study.main, &scores));
    }
    match &varied[..] {
        [] => drawn
            .left_out
            .push("Only one configuration was tried, so there is no figure of the scores.".into()),
        [key] => {
            let on_axis: Vec<CurvePoint> = search
                .rows
                .iter()
                .zip(&points)
                .filter_map(|(row, values)| {
                    let (value, label) = number(values, key)?;
                    point(study, row, value, label)
                })
                .collect();
            let named = match key.as_str() {
                KEPT => KEPT_FIGURE,
                _ => ["search_curve", "The score against the key"],
            };
            let axis = if key == KEPT { "Encoders kept, k" } else { key };
            let figure = match on_axis.len()
                == search
                    .rows
                    .iter()
                    .filter(|row| row.summary.is_some())
                    .count()
            {
                true => curve(study, named, axis, on_axis),
                false => forests::scores(study, &search.rows, key),
            };
            drawn.figures.extend(figure);
        }
        [first, second] if is_grid => {
            drawn
                .figures
                .extend(grid_of(study, [first, second], &points, &scores));
        }
        _ => {}
    }
    if varied.len() > 1 {
        drawn
            .figures
            .extend(slices(study, &varied, &points, &scores));
        let found = key_importance(&points, &scores);
        let found: Vec<_> = found
            .into_iter()
            .filter(|key| varied.contains(&key.key))
            .collect();
        match search::importance(&found, scores.iter().flatten().count()) {
            Some(figure) => drawn.figures.push(figure),
            None => drawn.left_out.push(format!(
                "Which keys matter is told from {} configurations with different scores on.",
                FEWEST
            )),
        }
    }
    drawn
        .figures
        .extend(differences(study, &search.rows, reference(search)));
}

fn reference(search: &StoredSearch) -> &str {
    let is_reference = |row: &&StoredRow| {
        row.certainty
            .as_ref()
            .is_some_and(|certainty| certainty.against.is_none())
    };
    search
        .rows
        .iter()
        .find(is_reference)
        .map_or("the reference", |row| &row.name)
}

/// The keys that differ between points; one that follows from another does not count.
fn varied(points: &[Vec<(String, Value)>]) -> Vec<String> {
    let Some(first) = points.first() else {
        return Vec::new();
    };
    let differs = |key: &str| {
        let of = |point: &Vec<(String, Value)>| {
            point
                .iter()
                .find(|(name, _)| name == key)
                .map(|(_, value)| value.clone())
        };
        let value = of(&points[0]);
        points.iter().any(|point| of(point) != value)
    };
    let has_both = first.iter().any(|(key, _)| key == "loss.presence_weight");
    first
        .iter()
        .map(|(key, _)| key.clone())
        .filter(|key| differs(key) && !(has_both && key == "loss.salience_weight"))
        .collect()
}

fn number(point: &[(String, Value)], key: &str) -> Option<(f64, String)> {
    let (_, value) = point.iter().find(|(name, _)| name == key)?;
    Some((value.as_f64()?, value.to_string()))
}

fn slices(
    study: &StoredStudy,
    keys: &[String],
    points: &[Vec<(String, Value)>],
    scores: &[Option<f64>],
) -> Vec<Figure> {
    let of_key = |key: &String| {
        let of_one = |(point, score): (&Vec<(String, Value)>, &Option<f64>)| {
            Some((number(point, key)?.0, (*score)?))
        };
        let points: Vec<(f64, f64)> = points.iter().zip(scores).filter_map(of_one).collect();
        search::slice(study.main, &Slice { key, points })
    };
    keys.iter().filter_map(of_key).collect()
}

/// The values of a key in words, in order.
fn values_of(points: &[Vec<(String, Value)>], key: &str) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::new();
    for point in points {
        let value = point
            .iter()
            .find(|(name, _)| name == key)
            .map(|(_, value)| value);
        if let Some(value) = value.filter(|value| !values.contains(value)) {
            values.push(value.clone());
        }
    }
    if values.iter().all(Value::is_number) {
        let number = |value: &Value| value.as_f64().unwrap_or(f64::NAN);
        values.sort_by(|a, b| number(a).total_cmp(&number(b)));
    }
    values
}

fn grid_of(
    study: &StoredStudy,
    keys: [&String; 2],
    points: &[Vec<(String, Value)>],
    scores: &[Option<f64>],
) -> Option<Figure> {
    let values = keys.map(|key| values_of(points, key));
    let mut lists = Lists::default();
    let texts = [0, 1].map(|at| {
        let texts = values[at].iter().map(|value| match value.as_str() {
            Some(word) => word.to_owned(),
            None => value.to_string(),
        });
        texts.collect::<Vec<String>>()
    });
    texts
        .iter()
        .flatten()
        .for_each(|text| lists.see(&format!("x={text}")));
    let texts = texts.map(|texts| {
        let brief = texts
            .iter()
            .map(|text| lists.brief(&format!("x={text}"))[2..].to_owned());
        brief.collect::<Vec<String>>()
    });
    let mut cells = vec![vec![None; values[1].len()]; values[0].len()];
    for (point, score) in points.iter().zip(scores) {
        let place = |at: usize| {
            let (_, value) = point.iter().find(|(name, _)| name == keys[at])?;
            values[at].iter().position(|known| known == value)
        };
        if let (Some(row), Some(column)) = (place(0), place(1)) {
            cells[row][column] = *score;
        }
    }
    let grid = Grid {
        keys: keys.map(String::as_str),
        values: [&texts[0], &texts[1]],
        scores: &cells,
    };
    search::grid(study.main, &grid)
}
