//! Gathers rows of stored features into a packed, standardised batch.

use half::f16;

use crate::layout::PackedRows;
use crate::real::Real;
use crate::reference;

/// Stored feature values, row-major, in the type the file had.
#[derive(Clone, Copy, Debug)]
pub enum RowValues<'a> {
    /// Half precision.
    F16(&'a [f16]),
    /// Single precision.
    F32(&'a [f32]),
    /// Double precision; rounded to single when gathered.
    F64(&'a [f64]),
}

/// A row-major matrix of stored features.
#[derive(Clone, Copy, Debug)]
pub struct RowSource<'a> {
    /// The values.
    pub values: RowValues<'a>,
    /// Columns.
    pub cols: usize,
}

impl RowSource<'_> {
    /// One value.
    #[inline(always)]
    pub fn get(&self, row: usize, col: usize) -> f32 {
        let at = row * self.cols + col;
        match self.values {
            RowValues::F16(values) => values[at].to_f32(),
            RowValues::F32(values) => values[at],
            RowValues::F64(values) => values[at] as f32,
        }
    }
}

/// Which stored row a batch row takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pick {
    /// Index into the sources.
    pub source: usize,
    /// Row of that source.
    pub row: usize,
}

/// Column-wise standardisation, `(x − mean) · inv_std`.
#[derive(Clone, Copy, Debug)]
pub struct Standardise<'a> {
    /// Mean of each column.
    pub mean: &'a [f32],
    /// 1 / standard deviation of each column; 0 where the column is constant.
    pub inv_std: &'a [f32],
}

/// Fills `out (B, D)` with the picked rows, standardised in `f32`; a row without a pick (a missing
/// encoder) is 0.
///
/// # Panics
/// If shapes differ or a pick lies outside its source.
pub fn gather_rows<T: Real>(
    sources: &[RowSource<'_>],
    picks: &[Option<Pick>],
    standardise: Option<Standardise<'_>>,
    out: &mut PackedRows<T>,
) {
    reference::gather_rows(sources, picks, standardise, out);
}
