//! The figures and tables of a study, from its stored results.

mod curves;
mod final_models;
mod forests;
mod searches;
pub mod tables;

use super::stored::{Found, StoredPaper, StoredRow, StoredStudy};
use crate::report::figure::Figure;
use crate::report::figure::curve::{CurvePoint, Level};
use crate::report::figure::fold_scores::FoldScores;
use curves::{KEPT_FIGURE, curve, point};
use forests::differences;

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
        Some(Found::Search(search)) => {
            drawn.figures.extend(nested(study));
            searches::draw(study, search, &mut drawn);
        }
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
        .filter_map(|score| Some((score.fold, score.value(study.main)?)))
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

/// The scores of a repeated search on the folds that it did not see.
fn nested(study: &StoredStudy) -> Option<Figure> {
    let mut figure = fold_scores(study, study.nested()?.tuned())?;
    figure.name = "nested_fold_scores".to_owned();
    figure.title =
        "The search repeated without each fold: the score of its choice there".to_owned();
    Some(figure)
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
        _ => curve(study, KEPT_FIGURE, "Encoders kept, k", kept),
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
