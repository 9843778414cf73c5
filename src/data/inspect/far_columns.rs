//! Columns in which held-out clips lie far from those that a model would be trained on.
//!
//! Statistics of all clips would hide them: a value that is part of them is at most √N deviations off.

use std::collections::{BTreeMap, HashMap};

use crate::data::features::Features;
use crate::data::standardise::ColumnStats;

/// Values more than this many standard deviations from the clips of the other folds are far.
const FAR: f64 = 30.0;

/// A column with a value that is far off.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct FarColumn {
    pub(super) column: usize,
    /// The row of the farthest value.
    pub(super) row: u32,
    /// How far, in standard deviations of the other folds' rows.
    pub(super) deviations: f64,
}

/// Columns in which some row lies far from the rows of the other folds, the farthest first; none without
/// at least two folds. Rows have to be finite.
pub(super) fn columns(
    features: &Features<'_>,
    rows: &[u32],
    folds: &HashMap<u32, usize>,
) -> Vec<FarColumn> {
    let mut of_fold: BTreeMap<usize, Vec<u32>> = BTreeMap::new();
    for row in rows {
        if let Some(&fold) = folds.get(row) {
            of_fold.entry(fold).or_default().push(*row);
        }
    }
    if of_fold.len() < 2 {
        return Vec::new();
    }
    let parts: Vec<Part> = of_fold
        .into_values()
        .map(|rows| Part {
            stats: ColumnStats::fit(features.source(), &rows),
            rows,
        })
        .collect();
    let (mut values, mut farthest) = (vec![0.0_f32; features.cols()], BTreeMap::new());
    for (held_out, part) in parts.iter().enumerate() {
        let others: Vec<(f64, f64)> = (0..features.cols())
            .map(|column| moments_without(&parts, held_out, column))
            .collect();
        for &row in &part.rows {
            features.source().read(row as usize, 0, &mut values);
            for (column, (x, (mean, std))) in values.iter().zip(&others).enumerate() {
                let deviations = (f64::from(*x) - mean).abs() / std;
                if deviations > FAR && deviations.is_finite() {
                    let far = FarColumn {
                        column,
                        row,
                        deviations,
                    };
                    let known = farthest.entry(column).or_insert(far);
                    if known.deviations < deviations {
                        *known = far;
                    }
                }
            }
        }
    }
    let mut found: Vec<FarColumn> = farthest.into_values().collect();
    found.sort_by(|a, b| b.deviations.total_cmp(&a.deviations));
    found
}

/// What to say of far columns, the farthest first; none if there are none. `column` and `clip` name them.
pub(super) fn in_words(
    far: &[FarColumn],
    column: impl Fn(usize) -> String,
    clip: impl Fn(u32) -> String,
) -> Option<String> {
    let first = far.first()?;
    let columns = match far.len() {
        1 => "1 column has".to_owned(),
        count => format!("{count} columns have"),
    };
    let others: Vec<String> = far[1..]
        .iter()
        .take(2)
        .map(|far| column(far.column))
        .collect();
    let others = match others.len() {
        0 => String::new(),
        _ => format!("; next {}", others.join(", ")),
    };
    Some(format!(
        "{columns} values over {FAR} standard deviations from all clips of the other folds, the farthest {:.0} in column {} for {}{others}: data.clip_values=8 bounds what a model is given",
        first.deviations,
        column(first.column),
        clip(first.row)
    ))
}

/// The rows of a fold.
struct Part {
    rows: Vec<u32>,
    stats: ColumnStats,
}

/// Mean and standard deviation of a column over all folds but one, of those of each fold (Chan, Golub and LeVeque
/// 1983).
fn moments_without(parts: &[Part], held_out: usize, column: usize) -> (f64, f64) {
    let (mut count, mut mean, mut square) = (0.0, 0.0, 0.0);
    let others = parts.iter().enumerate().filter(|(n, _)| *n != held_out);
    for (_, part) in others {
        let (n, stats) = (part.rows.len() as f64, &part.stats);
        let std = match stats.is_constant(column) {
            true => 0.0,
            false => f64::from(stats.std()[column]),
        };
        let off = f64::from(stats.mean()[column]) - mean;
        let total = count + n;
        square += n * std * std + off * off * count * n / total;
        mean += off * n / total;
        count = total;
    }
    (mean, (square / count).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::npz::write::{Precision, write};

    #[test]
    fn a_value_is_measured_against_the_other_folds_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let names: Vec<String> = (0..9).map(|row| format!("c{row}")).collect();
        // Column 0 has one far value; column 1 differs between folds but not far; column 2 is constant outside fold 2.
        write(&path, |npz| {
            npz.rows("X", Precision::F64, [9, 3], |row, out| {
                let noise = (row as f64 * 1.7).sin();
                out[0] = if row == 4 { 1000.0 } else { noise };
                out[1] = noise + 5.0 * (row / 3) as f64;
                out[2] = if row == 8 { 9.0 } else { 2.0 };
            })?;
            npz.names("filenames", &names)
        })
        .unwrap();
        let features = Features::open(&path).unwrap();
        let rows: Vec<u32> = (0..9).collect();
        let folds: HashMap<u32, usize> = rows.iter().map(|&row| (row, row as usize / 3)).collect();
        let found = columns(&features, &rows, &folds);
        assert_eq!(found.len(), 1);
        let expected: Vec<f64> = [0, 1, 2, 6, 7, 8]
            .map(|row| (f64::from(row) * 1.7).sin())
            .to_vec();
        let mean = expected.iter().sum::<f64>() / 6.0;
        let variance = expected.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / 6.0;
        assert_eq!((found[0].column, found[0].row), (0, 4));
        let deviations = (1000.0 - mean).abs() / variance.sqrt();
        assert!((found[0].deviations / deviations - 1.0).abs() <= 1e-5);
        assert!(columns(&features, &rows, &HashMap::new()).is_empty());
    }
}
