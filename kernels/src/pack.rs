//! Gathers rows of stored features into a packed, standardised batch.

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::layout::{PackedRows, ROW_BLOCK};
use crate::micro::{self, Pass};
use crate::parallel;
use crate::real::Real;

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

/// Columns that one task gathers.
const COLS_PER_TASK: usize = 2048;

/// Columns staged at once: 8 rows of them are 4 KiB.
const STAGED: usize = 128;

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
    let (rows, cols) = (out.rows(), out.cols());
    assert_eq!(picks.len(), rows, "gather_rows: one pick per row");
    if let Some(s) = standardise {
        assert_eq!(
            (s.mean.len(), s.inv_std.len()),
            (cols, cols),
            "gather_rows: one mean and deviation per column"
        );
    }
    let picked: Vec<Option<RowValues<'_>>> = picks
        .iter()
        .map(|pick| {
            let pick = (*pick)?;
            assert_eq!(
                sources[pick.source].cols, cols,
                "gather_rows: columns of source {}",
                pick.source
            );
            Some(sources[pick.source].row(pick.row))
        })
        .collect();
    if cols == 0 {
        return;
    }
    let kernel = micro::active();
    let blocks = out.as_mut_slice().as_chunks_mut::<ROW_BLOCK>().0;
    let mut tasks = Vec::new();
    for (block, rows) in blocks.chunks_mut(cols).zip(picked.chunks(ROW_BLOCK)) {
        for (n, out) in block.chunks_mut(COLS_PER_TASK).enumerate() {
            tasks.push(Gather {
                rows,
                first_col: n * COLS_PER_TASK,
                standardise,
                out,
            });
        }
    }
    parallel::for_each(rows * cols, tasks, |gather| kernel.run(gather));
}

impl<'a> RowSource<'a> {
    /// One row.
    fn row(&self, row: usize) -> RowValues<'a> {
        let range = row * self.cols..(row + 1) * self.cols;
        match self.values {
            RowValues::F16(values) => RowValues::F16(&values[range]),
            RowValues::F32(values) => RowValues::F32(&values[range]),
            RowValues::F64(values) => RowValues::F64(&values[range]),
        }
    }
}

impl RowValues<'_> {
    /// Values `first ..` as `f32`, as many as `out` takes.
    #[inline(always)]
    fn widen(&self, first: usize, out: &mut [f32]) {
        let range = first..first + out.len();
        match self {
            RowValues::F16(values) => values[range].convert_to_f32_slice(out),
            RowValues::F32(values) => out.copy_from_slice(&values[range]),
            RowValues::F64(values) => {
                for (out, &x) in out.iter_mut().zip(&values[range]) {
                    *out = x as f32;
                }
            }
        }
    }
}

/// Some columns of a block of up to 8 rows.
struct Gather<'a, T> {
    rows: &'a [Option<RowValues<'a>>],
    first_col: usize,
    standardise: Option<Standardise<'a>>,
    out: &'a mut [[T; ROW_BLOCK]],
}

impl<T: Real> Pass for Gather<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        // Rows without a pick and the padding stay 0.
        let mut staged = [[0.0_f32; STAGED]; ROW_BLOCK];
        for (n, out) in self.out.chunks_mut(STAGED).enumerate() {
            let first = self.first_col + n * STAGED;
            for (row, staged) in self.rows.iter().zip(&mut staged) {
                let Some(row) = row else { continue };
                let staged = &mut staged[..out.len()];
                row.widen(first, staged);
                if let Some(s) = self.standardise {
                    let (mean, inv_std) = (&s.mean[first..], &s.inv_std[first..]);
                    for ((x, mean), inv_std) in staged.iter_mut().zip(mean).zip(inv_std) {
                        *x = (*x - mean) * inv_std;
                    }
                }
            }
            for (c, out) in out.iter_mut().enumerate() {
                for (out, staged) in out.iter_mut().zip(&staged) {
                    *out = T::of(f64::from(staged[c]));
                }
            }
        }
    }
}
