//! A study's rows as points of a curve over one key.

use super::level;
use crate::report::figure::Figure;
use crate::report::figure::curve::{Curve, CurvePoint, Level};
use crate::report::page::stored::{StoredRow, StoredStudy};

/// Name and title of the paper's figure: the score against the number of kept encoders.
pub const KEPT_FIGURE: [&str; 2] = [
    "figure_2_kept",
    "The score against the number of kept encoders",
];

/// A row as a point of a curve.
pub fn point(study: &StoredStudy, row: &StoredRow, x: f64, label: String) -> Option<CurvePoint> {
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
pub fn curve(
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
