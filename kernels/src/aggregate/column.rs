//! One column at a time, slow and obvious: the oracle of the tests, and the fallback for columns that
//! hold NaN, infinities or values whose squares overflow.

use super::statistic::Statistic;
use crate::pack::{RowSource, RowValues};

/// The statistics of frames `(T, d)`, blockwise, as [`super::Aggregation::run`] computes them.
///
/// # Panics
/// If there are no frames.
pub fn aggregate(frames: RowSource<'_>, statistics: &[Statistic]) -> Vec<f32> {
    let mut out = vec![0.0; statistics.len() * frames.cols];
    for col in 0..frames.cols {
        let values = self::statistics(values(frames, col), statistics);
        for (statistic, value) in values.enumerate() {
            out[statistic * frames.cols + col] = value;
        }
    }
    out
}

/// A column, widened.
pub(super) fn values(frames: RowSource<'_>, col: usize) -> Vec<f64> {
    fn pick<T: Copy>(values: &[T], frames: (usize, usize), widen: fn(T) -> f64) -> Vec<f64> {
        let (col, cols) = frames;
        values[col..]
            .iter()
            .step_by(cols)
            .map(|&x| widen(x))
            .collect()
    }
    let at = (col, frames.cols);
    match frames.values {
        RowValues::F16(values) => pick(values, at, f64::from),
        RowValues::F32(values) => pick(values, at, f64::from),
        RowValues::F64(values) => pick(values, at, f64::from),
    }
}

/// The statistics of one column.
///
/// # Panics
/// If it is empty.
pub(super) fn statistics(mut x: Vec<f64>, statistics: &[Statistic]) -> impl Iterator<Item = f32> {
    let count = x.len() as f64;
    let mean = x.iter().sum::<f64>() / count;
    let variance = x.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / count;
    let any_nan = x.iter().any(|x| x.is_nan());
    if !any_nan {
        x.sort_unstable_by(f64::total_cmp);
    }
    statistics.iter().map(move |statistic| {
        let value = match *statistic {
            _ if any_nan => f64::NAN,
            Statistic::Mean => mean,
            Statistic::Std => variance.sqrt(),
            Statistic::Min => x[0],
            Statistic::Max => x[x.len() - 1],
            Statistic::Percentile(q) => {
                let rank = Rank::new(q, x.len());
                rank.interpolate(x[rank.below], x[rank.above])
            }
        };
        value as f32
    })
}

/// The position of a percentile in a sorted column.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rank {
    pub(super) below: usize,
    /// `below + 1`, or `below` at the last rank.
    pub(super) above: usize,
    fraction: f64,
}

impl Rank {
    /// Percentile `q` of `len > 0` values.
    pub(super) fn new(q: f64, len: usize) -> Self {
        let last = len - 1;
        let at = last as f64 * (q / 100.0);
        let below = (at as usize).min(last);
        Self {
            below,
            above: (below + 1).min(last),
            fraction: at - below as f64,
        }
    }

    /// Between the two values, from the nearer one: exact at both ends.
    #[inline(always)]
    pub(super) fn interpolate(self, below: f64, above: f64) -> f64 {
        let (t, step) = (self.fraction, above - below);
        if t < 0.5 {
            below + step * t
        } else {
            above - step * (1.0 - t)
        }
    }
}
