//! Comparison of the rows of one feature file: duplicates and outliers.

use std::collections::HashMap;

use crate::data::equal_rows::{equal, hash};
use crate::data::features::Features;
use crate::data::standardise::ColumnStats;

/// Modified z-scores above this are outliers (Iglewicz and Hoaglin, "How to Detect and Handle
/// Outliers", 1993).
const OUTLYING: f64 = 3.5;
/// The third quartile of the standard normal distribution, which converts a median absolute deviation
/// into a standard deviation.
const QUARTILE: f64 = 0.6745;

/// The rows of a feature file, classified.
pub(super) struct Rows {
    /// The used rows that are finite.
    pub finite: Vec<u32>,
    /// Rows by the hash of their values.
    by_hash: HashMap<u64, Vec<u32>>,
    /// Rows that equal an earlier row, each with that row.
    pub duplicates: Vec<(u32, u32)>,
    /// Rows with outlying norms, with their scores, most extreme first.
    pub outliers: Vec<(u32, f64)>,
    /// Number of columns with a non-finite value.
    pub non_finite_columns: usize,
}

impl Rows {
    /// Inspects the given rows. Norms are those of the rows standardised by `stats`; without it, there
    /// are no outliers.
    pub fn look(features: &Features, used: &[u32], stats: Option<&ColumnStats>) -> Rows {
        let source = features.source();
        let is_finite = |&row: &u32| features.non_finite([row]).is_none();
        let (finite, bad): (Vec<u32>, Vec<u32>) = used.iter().partition(|row| is_finite(row));
        let mut values = vec![0.0f32; features.cols()];
        let mut rows = Rows {
            by_hash: HashMap::with_capacity(finite.len()),
            duplicates: Vec::new(),
            outliers: Vec::new(),
            non_finite_columns: 0,
            finite,
        };
        let mut lengths = Vec::with_capacity(rows.finite.len());
        for &row in &rows.finite {
            source.read(row as usize, 0, &mut values);
            let key = hash(&values);
            if let Some(twin) = equal(features, &values, rows.by_hash.get(&key)) {
                rows.duplicates.push((row, twin));
            } else {
                rows.by_hash.entry(key).or_default().push(row);
            }
            if let Some(stats) = stats {
                lengths.push(length(&values, stats));
            }
        }
        let scores = modified_z(&lengths);
        let scores = rows.finite.iter().copied().zip(scores);
        rows.outliers = scores.filter(|(_, score)| score.abs() > OUTLYING).collect();
        rows.outliers
            .sort_by(|a, b| b.1.abs().total_cmp(&a.1.abs()));
        if !bad.is_empty() {
            let mut columns = vec![false; features.cols()];
            for row in bad {
                source.read(row as usize, 0, &mut values);
                let finite = values.iter().map(|x| x.is_finite());
                columns
                    .iter_mut()
                    .zip(finite)
                    .for_each(|(bad, finite)| *bad |= !finite);
            }
            rows.non_finite_columns = columns.into_iter().filter(|&bad| bad).count();
        }
        rows
    }

    /// Rows of another file that equal a row of this file, each with that row.
    pub fn twins(&self, features: &Features, other: &Features, rows: &[u32]) -> Vec<(u32, u32)> {
        if features.cols() != other.cols() {
            return Vec::new();
        }
        let mut values = vec![0.0f32; other.cols()];
        let twins = rows.iter().filter_map(|&row| {
            other.source().read(row as usize, 0, &mut values);
            let twin = equal(features, &values, self.by_hash.get(&hash(&values)))?;
            Some((row, twin))
        });
        twins.collect()
    }
}

/// Root mean square of a standardised row.
fn length(values: &[f32], stats: &ColumnStats) -> f64 {
    const LANES: usize = 16;
    let kernel = stats.as_kernel();
    let mut squares = [0.0f64; LANES];
    let columns = values.chunks(LANES).zip(kernel.mean.chunks(LANES));
    for ((values, means), inv_stds) in columns.zip(kernel.inv_std.chunks(LANES)) {
        let columns = values.iter().zip(means).zip(inv_stds);
        for (square, ((x, mean), inv_std)) in squares.iter_mut().zip(columns) {
            let z = f64::from((x - mean) * inv_std);
            *square += z * z;
        }
    }
    (squares.iter().sum::<f64>() / values.len() as f64).sqrt()
}

/// Modified z-scores: distances from the median in units of the median distance; 0 if that is 0.
fn modified_z(lengths: &[f64]) -> Vec<f64> {
    let middle = median(lengths);
    let distances: Vec<f64> = lengths.iter().map(|x| (x - middle).abs()).collect();
    let unit = median(&distances);
    let score = |x: &f64| {
        if unit > 0.0 {
            QUARTILE * (x - middle) / unit
        } else {
            0.0
        }
    };
    lengths.iter().map(score).collect()
}

fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    match sorted.len() {
        0 => 0.0,
        n => (sorted[(n - 1) / 2] + sorted[n / 2]) / 2.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::formats::npz::write::{Precision, write};

    #[test]
    fn equal_far_and_broken_rows_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let names: Vec<String> = (0..40).map(|n| format!("c{n}")).collect();
        let value = |row: usize, column: usize| match (row, column) {
            (7, _) => [0.0, -5.0][column],
            (9, _) => [-0.0, -5.0][column],
            (20, _) => 900.0,
            (30, 1) => f64::NAN,
            _ => (row as f64 * 1.7 + column as f64).sin(),
        };
        write(&path, |npz| {
            npz.rows("X", Precision::F32, [40, 2], |row, out| {
                out.iter_mut()
                    .enumerate()
                    .for_each(|(column, x)| *x = value(row, column));
            })?;
            npz.names("filenames", &names)
        })
        .unwrap();
        let features = Features::open(&path).unwrap();
        let all: Vec<u32> = (0..40).collect();
        let finite: Vec<u32> = all.iter().copied().filter(|&row| row != 30).collect();
        let stats = ColumnStats::fit(features.source(), &finite);
        let rows = Rows::look(&features, &all, Some(&stats));
        assert_eq!(rows.finite, finite);
        assert_eq!(rows.duplicates, [(9, 7)]);
        assert_eq!(rows.outliers[0].0, 20);
        assert_eq!(rows.non_finite_columns, 1);
        let twins = rows.twins(&features, &features, &[9, 5]);
        assert_eq!(twins, [(9, 7), (5, 5)]);
    }

    #[test]
    fn the_modified_score_is_iglewicz_and_hoaglins() {
        // Median 3, median distance 1.
        let scores = modified_z(&[1.0, 2.0, 3.0, 4.0, 100.0]);
        assert!((scores[4] - 0.6745 * 97.0).abs() < 1e-12);
        assert_eq!(modified_z(&[2.0, 2.0, 2.0, 9.0]), [0.0; 4]);
        assert!(modified_z(&[]).is_empty());
    }
}
