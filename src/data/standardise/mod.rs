//! Column statistics of the training rows and of actors, and standardisation with them.

mod actors;
mod scaling;

use rayon::prelude::*;

pub use actors::ActorStats;
pub(crate) use actors::{ActorClips, EncoderRows};
pub(crate) use scaling::warning_of_few_clips;
pub use scaling::{Scaling, Standardisation};

use super::dataset::Split;
use crate::kernels::pack::{Standardise, StoredRows};

/// Columns per task. Each column is summed by a single task, row by row, so that the result does not
/// depend on the number of threads.
const COLUMNS: usize = 1024;

/// The standard deviation by which a weights file marks a constant column.
const CONSTANT: f32 = 1.0;

/// Mean and standard deviation of every column of one encoder.
#[derive(Clone, Debug, PartialEq)]
pub struct ColumnStats {
    mean: Vec<f32>,
    std: Vec<f32>,
    inv_std: Vec<f32>,
    constant: Vec<bool>,
}

impl ColumnStats {
    /// Mean and population standard deviation over the given rows, accumulated in `f64` from the
    /// values as `f32` (which is what training sees). A column is constant where all its values
    /// are equal (or none are given): it has standard deviation 1 and standardises to 0.
    ///
    /// # Panics
    /// If a row does not exist.
    pub fn fit(source: StoredRows<'_>, rows: &[u32]) -> ColumnStats {
        let starts: Vec<usize> = (0..source.cols).step_by(COLUMNS).collect();
        let parts: Vec<Vec<(f32, Option<f32>)>> = starts
            .into_par_iter()
            .map(|start| moments(source, rows, start, COLUMNS.min(source.cols - start)))
            .collect();
        let (mean, std): (Vec<_>, Vec<_>) = parts.into_iter().flatten().unzip();
        ColumnStats::new(mean, &std)
    }

    /// Statistics as a weights file holds them; a standard deviation of exactly 1 marks a constant
    /// column ([`ColumnStats::fit`] gives no other column exactly 1).
    ///
    /// # Panics
    /// If the lengths differ.
    pub fn from_parts(mean: Vec<f32>, std: Vec<f32>) -> ColumnStats {
        assert_eq!(
            mean.len(),
            std.len(),
            "one mean and one deviation per column"
        );
        let varies = |std: f32| (std != CONSTANT).then_some(std);
        ColumnStats::new(mean, &std.into_iter().map(varies).collect::<Vec<_>>())
    }

    /// From means and standard deviations; `None` for a constant column.
    fn new(mean: Vec<f32>, std: &[Option<f32>]) -> ColumnStats {
        ColumnStats {
            mean,
            inv_std: std
                .iter()
                .map(|std| std.map_or(0.0, |std| 1.0 / std))
                .collect(),
            constant: std.iter().map(Option::is_none).collect(),
            std: std.iter().map(|std| std.unwrap_or(CONSTANT)).collect(),
        }
    }

    /// Mean of each column.
    pub fn mean(&self) -> &[f32] {
        &self.mean
    }

    /// Standard deviation of each column; 1 where it is constant.
    pub fn std(&self) -> &[f32] {
        &self.std
    }

    /// Whether a column standardises to 0 everywhere.
    pub fn is_constant(&self, column: usize) -> bool {
        self.constant[column]
    }

    /// As the kernels take it.
    pub fn as_kernel(&self) -> Standardise<'_> {
        Standardise {
            mean: &self.mean,
            inv_std: &self.inv_std,
            bound: f32::INFINITY,
        }
    }
}

/// Statistics of every encoder over the given clips that it has.
pub fn fit(split: &Split, clips: &[usize]) -> Vec<ColumnStats> {
    (0..split.encoders())
        .into_par_iter()
        .map(|encoder| {
            let rows = split.rows(encoder);
            let rows: Vec<u32> = clips.iter().filter_map(|&clip| rows[clip]).collect();
            ColumnStats::fit(split.source(encoder), &rows)
        })
        .collect()
}

/// Mean and standard deviation of `width` columns from `start`; no deviation for a constant column.
fn moments(
    source: StoredRows<'_>,
    rows: &[u32],
    start: usize,
    width: usize,
) -> Vec<(f32, Option<f32>)> {
    let mut x = vec![0.0f32; width];
    let mut mean = vec![0.0f64; width];
    let (mut low, mut high) = (vec![f32::INFINITY; width], vec![f32::NEG_INFINITY; width]);
    for &row in rows {
        source.read(row as usize, start, &mut x);
        for (sum, &x) in mean.iter_mut().zip(&x) {
            *sum += f64::from(x);
        }
        low.iter_mut()
            .zip(&x)
            .for_each(|(low, &x)| *low = low.min(x));
        high.iter_mut()
            .zip(&x)
            .for_each(|(high, &x)| *high = high.max(x));
    }
    let range = low.into_iter().zip(high);
    let count = rows.len().max(1) as f64;
    mean.iter_mut().for_each(|sum| *sum /= count);
    // A second pass: subtracting squares of sums would lose all digits of a column far from 0.
    let mut square = vec![0.0f64; width];
    for &row in rows {
        source.read(row as usize, start, &mut x);
        for ((sum, mean), &x) in square.iter_mut().zip(&mean).zip(&x) {
            let off = f64::from(x) - mean;
            *sum += off * off;
        }
    }
    let column = |((mean, square), (low, high)): ((f64, f64), (f32, f32))| {
        let std = (square / count).sqrt() as f32;
        if low >= high || !(1.0 / std).is_finite() {
            // The value itself, free of rounding in the sum, so that it standardises to exactly 0.
            (if rows.is_empty() { 0.0 } else { low }, None)
        } else if std == CONSTANT {
            // The next number, since the file would take it for a constant column.
            (mean as f32, Some(CONSTANT + f32::EPSILON))
        } else {
            (mean as f32, Some(std))
        }
    };
    mean.into_iter()
        .zip(square)
        .zip(range)
        .map(column)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::pack::{RowSource, RowValues};

    fn source(values: &[f64], cols: usize) -> StoredRows<'_> {
        let values = RowValues::F64(values);
        RowSource { values, cols }.into()
    }

    #[test]
    fn fits_the_given_rows_only() {
        let x = [1.0, 5.0, 3.0, 5.0, 1e9, -7.0, 5.0, 5.0];
        let stats = ColumnStats::fit(source(&x, 2), &[0, 1, 3]);
        assert_eq!(stats.mean(), [3.0, 5.0]);
        assert!((stats.std()[0] - (8.0f32 / 3.0).sqrt()).abs() <= 1e-6);
        assert_eq!(stats.std()[1], 1.0);
        assert!(stats.is_constant(1) && !stats.is_constant(0));
        assert_eq!(stats.as_kernel().inv_std[1], 0.0);
    }

    #[test]
    fn a_constant_column_is_found_whatever_its_sum_rounds_to() {
        let x = [0.1; 1000];
        let rows: Vec<u32> = (0..1000).collect();
        let stats = ColumnStats::fit(source(&x, 1), &rows);
        assert!(stats.is_constant(0));
        assert_eq!(stats.mean(), [0.1f32]);
    }

    #[test]
    fn constant_columns_survive_the_weights_file_and_unit_deviations_do_too() {
        // Column 0 has a standard deviation of exactly 1, column 1 is constant.
        let x = [1.0, 4.0, -1.0, 4.0];
        let stats = ColumnStats::fit(source(&x, 2), &[0, 1]);
        let read = ColumnStats::from_parts(stats.mean().to_vec(), stats.std().to_vec());
        assert_eq!(read, stats);
        assert!(!read.is_constant(0) && read.is_constant(1));
        // An encoder of zeros alone, or without a row, is constant too, and stays so.
        assert!(ColumnStats::from_parts(vec![0.0; 2], vec![1.0; 2]).is_constant(0));
    }

    #[test]
    fn no_rows_and_absurd_values_are_defined() {
        let stats = ColumnStats::fit(source(&[1.0, 2.0], 2), &[]);
        assert!(stats.is_constant(0) && stats.mean() == [0.0, 0.0]);
        let stats = ColumnStats::fit(source(&[1e-45, 0.0], 1), &[0, 1]);
        assert!(stats.is_constant(0));
    }

    #[test]
    fn any_number_of_threads_gives_the_same_bits() {
        let x: Vec<f64> = (0..7 * 3000).map(|i| (i as f64 * 0.37).sin()).collect();
        let rows: Vec<u32> = (0..7).collect();
        let fit = |threads| {
            let pool = rayon::ThreadPoolBuilder::new()
                .num_threads(threads)
                .build()
                .unwrap();
            pool.install(|| ColumnStats::fit(source(&x, 3000), &rows))
        };
        assert_eq!(fit(1), fit(4));
    }
}
