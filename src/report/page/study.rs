//! The figures and tables of a study, from its stored results.

use std::path::Path;

use serde_json::Value;

use super::stored::{Found, StoredPaper, StoredRow, StoredSearch, StoredStudy, of_one};
use super::tables::{foldable, folded, for_people, paragraph, read};
use crate::error::Result;
use crate::experiments::{Ablate, CompareBaselines, Study, Sweep, Tune};
use crate::report::figure::Figure;
use crate::report::figure::curve::{Curve, CurvePoint, Level};
use crate::report::figure::fold_scores::FoldScores;
use crate::report::figure::forest::{Estimate, Forest, MARKS};
use crate::report::figure::search::{self, Grid, Slice};
use crate::report::key_importance::key_importance;
use crate::report::lists::Lists;
use crate::report::main_measure::Drawn;
use crate::report::table::Reading;

/// Configurations that a figure shows; of more, the best.
const MOST_ROWS: usize = 30;

/// Figures of a study, and why others are not drawn.
#[derive(Debug, Default)]
pub struct StudyFigures {
    /// In the order of the page.
    pub figures: Vec<Figure>,
    /// One sentence each.
    pub left_out: Vec<String>,
}

/// The figures of a study.
pub fn figures(study: &StoredStudy) -> StudyFigures {
    let mut drawn = StudyFigures::default();
    match &study.found {
        Some(Found::One(row)) => drawn.figures.extend(fold_scores(study, row)),
        Some(Found::Rows(rows)) => drawn
            .figures
            .extend(differences(study, rows, first_name(rows))),
        Some(Found::Search(search)) => of_search(study, search, &mut drawn),
        Some(Found::Paper(paper)) => of_paper(study, paper, &mut drawn),
        None => {}
    }
    drawn
}

/// The row that others are compared with, where it is the first.
fn first_name(rows: &[StoredRow]) -> &str {
    rows.first()
        .map_or("the reference", |row| row.name.as_str())
}

fn level(study: &StoredStudy) -> Option<Level> {
    let (name, value) = study.trivial()?;
    Some(Level { name, value })
}

fn fold_scores(study: &StoredStudy, row: &StoredRow) -> Option<Figure> {
    let folds: Vec<(usize, f64)> = row
        .folds
        .iter()
        .filter_map(|score| Some((score.fold, of_one(score, study.main)?)))
        .collect();
    let trivial = level(study);
    let drawn = FoldScores {
        main: study.main,
        folds: &folds,
        mean: row.main(study.main)?.mean,
        ends: row.interval().map(|interval| [interval.low, interval.high]),
        trivial: trivial.as_ref(),
    };
    drawn.figure()
}

/// A forest of the differences of rows from the reference, the best first.
fn differences(study: &StoredStudy, rows: &[StoredRow], reference: &str) -> Option<Figure> {
    let drawn = Drawn::of(study.main);
    let mut lists = Lists::default();
    rows.iter().for_each(|row| lists.see(&row.name));
    let mut estimates: Vec<Estimate> = rows
        .iter()
        .filter_map(|row| {
            let difference = row.certainty.as_ref()?.against.as_ref()?.judged();
            let scaled = |x: f64| drawn.scale * x;
            Some(Estimate {
                name: lists.brief(&row.name),
                value: scaled(difference.estimate),
                ends: difference
                    .interval
                    .map(|ends| [scaled(ends.low), scaled(ends.high)]),
                verdict: row.verdict(),
            })
        })
        .collect();
    let higher = study.main.higher_is_better();
    estimates.sort_by(|a, b| match higher {
        true => b.value.total_cmp(&a.value),
        false => a.value.total_cmp(&b.value),
    });
    let all = estimates.len();
    estimates.truncate(MOST_ROWS);
    let mut caption = format!(
        "Each row minus “{reference}” on the same held-out clips, with its 95 % interval (bootstrap over actors{}). {MARKS}",
        seeds(rows)
    );
    if all > MOST_ROWS {
        caption += &format!(" The best {MOST_ROWS} of {all} rows.");
    }
    let forest = Forest {
        named: ["differences", "Differences from the reference"],
        axis: &drawn.change(),
        rows: &estimates,
        differences: true,
        digits: drawn.digits(),
        caption,
    };
    forest.figure()
}

fn seeds(rows: &[StoredRow]) -> &'static str {
    match rows.iter().any(|row| row.seeds() > 1) {
        true => " and seeds",
        false => "; one seed, so training noise is not included",
    }
}

/// A forest of scores, for values that have no order.
fn scores(study: &StoredStudy, rows: &[StoredRow], axis: &str) -> Option<Figure> {
    let drawn = Drawn::of(study.main);
    let mut lists = Lists::default();
    rows.iter().for_each(|row| lists.see(&row.name));
    let mut estimates: Vec<Estimate> = rows
        .iter()
        .filter_map(|row| {
            let interval = row.interval()?;
            Some(Estimate {
                name: lists.brief(&row.name),
                value: drawn.scale * interval.estimate,
                ends: Some([drawn.scale * interval.low, drawn.scale * interval.high]),
                verdict: row.verdict(),
            })
        })
        .collect();
    let higher = study.main.higher_is_better();
    estimates.sort_by(|a, b| match higher {
        true => b.value.total_cmp(&a.value),
        false => a.value.total_cmp(&b.value),
    });
    estimates.truncate(MOST_ROWS);
    let title = format!("Score by {axis}");
    let forest = Forest {
        named: ["search_scores", &title],
        axis: drawn.axis,
        rows: &estimates,
        differences: false,
        digits: drawn.digits(),
        caption: format!(
            "All held-out clips together with the 95 % interval (bootstrap over actors{}). Against the reference: {MARKS}",
            seeds(rows)
        ),
    };
    forest.figure()
}

/// A row as a point of a curve.
fn point(study: &StoredStudy, row: &StoredRow, x: f64, label: String) -> Option<CurvePoint> {
    let spread = row.main(study.main)?;
    Some(CurvePoint {
        x,
        label,
        mean: spread.mean,
        std: spread.std_folds,
        folds: row.by_fold(study.main),
        ends: row.interval().map(|interval| [interval.low, interval.high]),
    })
}

/// A curve over one key; `None` with fewer than two values.
fn curve(
    study: &StoredStudy,
    named: [&str; 2],
    axis: &str,
    mut points: Vec<CurvePoint>,
) -> Option<Figure> {
    points.sort_by(|a, b| a.x.total_cmp(&b.x));
    let levels: Vec<Level> = level(study).into_iter().collect();
    let curve = Curve {
        named,
        axis,
        main: study.main,
        points: &points,
        across: None,
        levels: &levels,
        caption: "",
    };
    curve.figure()
}

/// The key that keeps encoders has the paper's figure.
const KEPT: &str = "model.top_k";

fn of_search(study: &StoredStudy, search: &StoredSearch, drawn: &mut StudyFigures) {
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
                KEPT => [
                    "figure_2_kept",
                    "The score against the number of kept encoders",
                ],
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
                false => self::scores(study, &search.rows, key),
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
                crate::report::key_importance::FEWEST
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

fn of_paper(study: &StoredStudy, paper: &StoredPaper, drawn: &mut StudyFigures) {
    let of_table = |rows: &[StoredRow], name: &str, title: &str| {
        let mut figure = differences(study, rows, first_name(rows))?;
        figure.name = name.to_owned();
        figure.title = title.to_owned();
        Some(figure)
    };
    let kept: Vec<CurvePoint> = paper
        .kept
        .iter()
        .filter_map(|row| {
            let k = row.kept()?;
            point(study, row, k as f64, k.to_string())
        })
        .collect();
    let curve = match kept.len() {
        0 | 1 => {
            drawn
                .left_out
                .push("Figure 2 needs two values of k: with so few encoders there is one.".into());
            None
        }
        _ => {
            let named = [
                "figure_2_kept",
                "The score against the number of kept encoders",
            ];
            curve(study, named, "Encoders kept, k", kept)
        }
    };
    let models = of_table(
        &paper.models,
        "table_1_differences",
        "Table I: differences from the model of all encoders",
    );
    let ablations = of_table(
        &paper.ablations,
        "table_2_differences",
        "Table II: differences from the full model",
    );
    drawn
        .figures
        .extend([models, curve, ablations].into_iter().flatten());
}

/// The tables of a plan, as people read them, and folded in full.
///
/// # Errors
/// As [`read`].
pub fn tables(study: &StoredStudy, run: &Path) -> Result<String> {
    let mut reading = Reading::by(study.main);
    let command = study.plan.command.as_str();
    let main: &[(&str, &str)] = match command {
        Sweep::NAME => &[("sweep.csv", "All configurations")],
        Tune::NAME => &[("tune.csv", "All configurations")],
        Ablate::NAME => &[("ablation.csv", "The model without each of its parts")],
        CompareBaselines::NAME => &[("baseline.csv", "Baselines and the fusion model")],
        _ => {
            reading.order = None;
            &[
                ("summary.csv", "Cross-validation, summary"),
                ("table_1.csv", "Table I: validation and test"),
                ("table_2.csv", "Table II: ablations"),
                ("table_5.csv", "Table V: encoders kept"),
            ]
        }
    };
    if !study.beside_the_paper() {
        reading
            .hidden
            .extend(["paper_average", "paper_test_average"]);
    }
    let mut html = String::new();
    for (file, title) in main {
        let Some(table) = read(&run.join(file))? else {
            continue;
        };
        html += &for_people(table.clone(), title, reading.clone());
        if *file != "summary.csv" {
            let whole = super::tables::html(&table, &format!("{title}: every column"), None);
            html += &folded(&format!("Every column of {file}"), &whole);
        }
    }
    let notes = study
        .notes
        .iter()
        .map(|note| paragraph(note))
        .collect::<String>();
    if !notes.is_empty() {
        html += &folded("How to read the numbers", &notes);
    }
    for (file, title) in [
        ("folds.csv", "Every fold"),
        ("measures.csv", "All measures"),
    ] {
        if let Some(table) = read(&run.join(file))? {
            html += &match file {
                "folds.csv" => for_people(table, title, Reading::in_order()),
                _ => folded(title, &foldable(&table, title)),
            };
        }
    }
    Ok(html)
}
