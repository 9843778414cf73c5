//! Gathers rows of stored features into a packed, standardised batch.

use std::ops::Range;

use half::f16;
use half::slice::HalfFloatSliceExt;

use crate::layout::PackedRows;
use crate::micro::transpose::as_bytes;
use crate::micro::{self, Kernel, SimdTask};
use crate::parallel;
use crate::real::Real;
use crate::shape::ROW_BLOCK;
use crate::shape::STAGED;

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

impl RowValues<'_> {
    /// How many.
    pub fn len(&self) -> usize {
        match self {
            RowValues::F16(values) => values.len(),
            RowValues::F32(values) => values.len(),
            RowValues::F64(values) => values.len(),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The type in numpy's notation: `f2`, `f4` or `f8`.
    pub fn type_name(&self) -> &'static str {
        match self {
            RowValues::F16(_) => "f2",
            RowValues::F32(_) => "f4",
            RowValues::F64(_) => "f8",
        }
    }
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

/// Stored feature values, row-major: in memory, or as the bytes of a mapped file.
#[derive(Clone, Copy, Debug)]
pub enum StoredValues<'a> {
    /// In memory.
    Memory(RowValues<'a>),
    /// Half precision, little-endian, at any address.
    F16(&'a [[u8; 2]]),
    /// Single precision, little-endian, at any address.
    F32(&'a [[u8; 4]]),
    /// Double precision, little-endian, at any address; rounded to single when read.
    F64(&'a [[u8; 8]]),
}

/// A row-major matrix of stored features, in memory or in a mapped file.
#[derive(Clone, Copy, Debug)]
pub struct StoredRows<'a> {
    /// The values.
    pub values: StoredValues<'a>,
    /// Columns.
    pub cols: usize,
}

impl<'a> From<RowSource<'a>> for StoredRows<'a> {
    fn from(source: RowSource<'a>) -> Self {
        Self {
            values: StoredValues::Memory(source.values),
            cols: source.cols,
        }
    }
}

impl StoredRows<'_> {
    /// Columns `first ..` of a row as `f32`, as many as `out` takes.
    ///
    /// # Panics
    /// If they leave the matrix.
    #[inline(always)]
    pub fn read(&self, row: usize, first: usize, out: &mut [f32]) {
        assert!(first + out.len() <= self.cols, "columns of a row");
        let start = row * self.cols + first;
        let range = start..start + out.len();
        match self.values {
            StoredValues::Memory(RowValues::F16(values)) => {
                values[range].convert_to_f32_slice(out);
            }
            StoredValues::Memory(RowValues::F32(values)) => out.copy_from_slice(&values[range]),
            StoredValues::Memory(RowValues::F64(values)) => {
                for (out, &x) in out.iter_mut().zip(&values[range]) {
                    *out = x as f32;
                }
            }
            StoredValues::F16(values) => {
                for (out, bytes) in out.chunks_mut(STAGED).zip(values[range].chunks(STAGED)) {
                    let mut halves = [f16::ZERO; STAGED];
                    for (half, bytes) in halves.iter_mut().zip(bytes) {
                        *half = f16::from_le_bytes(*bytes);
                    }
                    halves[..out.len()].convert_to_f32_slice(out);
                }
            }
            StoredValues::F32(values) => {
                for (out, bytes) in out.iter_mut().zip(&values[range]) {
                    *out = f32::from_le_bytes(*bytes);
                }
            }
            StoredValues::F64(values) => {
                for (out, bytes) in out.iter_mut().zip(&values[range]) {
                    *out = f64::from_le_bytes(*bytes) as f32;
                }
            }
        }
    }
}

impl<'a> StoredRows<'a> {
    /// Some columns of a row as little-endian bytes of `f32`, if that is what is stored.
    #[inline(always)]
    fn bytes(&self, row: usize, columns: Range<usize>) -> Option<&'a [[u8; 4]]> {
        let start = row * self.cols;
        let range = start + columns.start..start + columns.end;
        match self.values {
            StoredValues::F32(values) => Some(&values[range]),
            StoredValues::Memory(RowValues::F32(values)) if cfg!(target_endian = "little") => {
                Some(as_bytes(&values[range]))
            }
            _ => None,
        }
    }

    /// Prefetches some columns of a row into the second-level cache.
    #[inline(always)]
    pub(crate) fn prefetch(&self, row: usize, columns: Range<usize>) {
        let start = row * self.cols;
        let range = start + columns.start..start + columns.end;
        match self.values {
            StoredValues::Memory(RowValues::F16(values)) => {
                micro::prefetch::<false, _>(&values[range]);
            }
            StoredValues::Memory(RowValues::F32(values)) => {
                micro::prefetch::<false, _>(&values[range]);
            }
            StoredValues::Memory(RowValues::F64(values)) => {
                micro::prefetch::<false, _>(&values[range]);
            }
            StoredValues::F16(values) => micro::prefetch::<false, _>(&values[range]),
            StoredValues::F32(values) => micro::prefetch::<false, _>(&values[range]),
            StoredValues::F64(values) => micro::prefetch::<false, _>(&values[range]),
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

/// Column-wise standardisation, `(x − mean) · inv_std`, and a bound on what comes out.
#[derive(Clone, Copy, Debug)]
pub struct Standardise<'a> {
    /// Mean of each column.
    pub mean: &'a [f32],
    /// 1 / standard deviation of each column; 0 where the column is constant.
    pub inv_std: &'a [f32],
    /// Values beyond ±`bound` become ±`bound`; infinity leaves all as they are.
    pub bound: f32,
}

/// How the rows of a batch are standardised.
#[derive(Clone, Copy, Debug, Default)]
pub enum RowScaling<'a> {
    /// They are not.
    #[default]
    None,
    /// All alike.
    Same(Standardise<'a>),
    /// Each in its own way: one entry per row of the batch. That of a missing row is not read.
    Each(&'a [Standardise<'a>]),
}

impl<'a> RowScaling<'a> {
    /// That of a row of the batch.
    #[inline(always)]
    pub fn of(&self, row: usize) -> Option<Standardise<'a>> {
        match self {
            RowScaling::None => None,
            RowScaling::Same(standardise) => Some(*standardise),
            RowScaling::Each(rows) => Some(rows[row]),
        }
    }

    /// # Panics
    /// Unless there is one entry per row, each with one mean and deviation per column.
    pub(crate) fn check(&self, rows: usize, cols: usize) {
        let each: &[Standardise<'_>] = match self {
            RowScaling::None => return,
            RowScaling::Same(standardise) => std::slice::from_ref(standardise),
            RowScaling::Each(each) => {
                assert_eq!(each.len(), rows, "one standardisation per row");
                each
            }
        };
        for standardise in each {
            assert_eq!(
                (standardise.mean.len(), standardise.inv_std.len()),
                (cols, cols),
                "one mean and deviation per column"
            );
        }
    }
}

/// Columns that one task gathers.
const COLS_PER_TASK: usize = 2048;

/// Fills `out (B, D)` with the picked rows, standardised in `f32`; a row without a pick (a missing
/// encoder) is 0.
///
/// # Panics
/// If shapes differ or a pick lies outside its source.
pub fn gather_rows<'a, T: Real>(
    sources: &[impl Into<StoredRows<'a>> + Copy],
    picks: &[Option<Pick>],
    scaling: RowScaling<'_>,
    out: &mut PackedRows<T>,
) {
    let (rows, cols) = (out.rows(), out.cols());
    assert_eq!(picks.len(), rows, "gather_rows: one pick per row");
    scaling.check(rows, cols);
    let picked: Vec<PickedRow<'_>> = picks
        .iter()
        .enumerate()
        .map(|(n, pick)| {
            let pick = (*pick)?;
            let source: StoredRows<'_> = sources[pick.source].into();
            assert_eq!(
                source.cols, cols,
                "gather_rows: columns of source {}",
                pick.source
            );
            Some(StoredRow {
                source,
                row: pick.row,
                standardise: scaling.of(n),
            })
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
                kernel,
                rows,
                first_col: n * COLS_PER_TASK,
                out,
            });
        }
    }
    parallel::for_each(rows * cols, tasks, |gather| kernel.run(gather));
}

/// A stored row that a batch row takes; none where the encoder is missing.
pub(crate) type PickedRow<'a> = Option<StoredRow<'a>>;

/// A row of a matrix of stored features, and how it is standardised.
#[derive(Clone, Copy)]
pub(crate) struct StoredRow<'a> {
    pub(crate) source: StoredRows<'a>,
    pub(crate) row: usize,
    pub(crate) standardise: Option<Standardise<'a>>,
}

/// Some columns of a block of up to 8 rows.
pub(crate) struct Gather<'a, T> {
    pub(crate) kernel: Kernel,
    pub(crate) rows: &'a [PickedRow<'a>],
    pub(crate) first_col: usize,
    /// `[columns][8]`.
    pub(crate) out: &'a mut [[T; ROW_BLOCK]],
}

impl<T: Real> SimdTask for Gather<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let done = self.run_whole();
        self.out = &mut self.out[done..];
        self.first_col += done;
        if self.out.is_empty() {
            return;
        }
        // Rows without a pick and the padding stay 0.
        let mut staged = [[0.0_f32; STAGED]; ROW_BLOCK];
        for (n, out) in self.out.chunks_mut(STAGED).enumerate() {
            let first = self.first_col + n * STAGED;
            for (row, staged) in self.rows.iter().zip(&mut staged) {
                let Some(row) = row else { continue };
                let staged = &mut staged[..out.len()];
                row.source.read(row.row, first, staged);
                if let Some(s) = row.standardise {
                    s.apply(first, staged);
                }
            }
            T::transpose8(self.kernel, &staged, out);
        }
    }
}

impl<T: Real> Gather<'_, T> {
    /// The usual case directly, without staging: eight rows of `f32`, all present and standardised alike
    /// without a bound. Returns how many columns were done.
    #[inline(always)]
    fn run_whole(&mut self) -> usize {
        if self.rows.len() < ROW_BLOCK {
            return 0;
        }
        let columns = self.first_col..self.first_col + self.out.len();
        let common = self.rows[0].and_then(|row| row.standardise);
        if common.is_some_and(|s| s.bound < f32::INFINITY) {
            return 0;
        }
        let mut stored: [&[[u8; 4]]; ROW_BLOCK] = [&[]; ROW_BLOCK];
        for (stored, row) in stored.iter_mut().zip(self.rows) {
            let alike = row.filter(|row| Standardise::are_one(row.standardise, common));
            let bytes = alike.and_then(|row| row.source.bytes(row.row, columns.clone()));
            let Some(bytes) = bytes else { return 0 };
            *stored = bytes;
        }
        let standardise = common.map(|s| (&s.mean[columns.clone()], &s.inv_std[columns.clone()]));
        T::transpose8_f32_le(self.kernel, &stored, standardise, self.out)
    }
}

impl Standardise<'_> {
    /// Standardises the values of columns `first ..` of a row.
    #[inline(always)]
    pub fn apply(&self, first: usize, values: &mut [f32]) {
        let (mean, inv_std) = (&self.mean[first..], &self.inv_std[first..]);
        for ((x, mean), inv_std) in values.iter_mut().zip(mean).zip(inv_std) {
            *x = (*x - mean) * inv_std;
        }
        if self.bound < f32::INFINITY {
            values
                .iter_mut()
                .for_each(|x| *x = x.clamp(-self.bound, self.bound));
        }
    }

    /// Whether two rows are standardised by the very same statistics; equal ones elsewhere may count as others.
    #[inline(always)]
    fn are_one(left: Option<Self>, right: Option<Self>) -> bool {
        match (left, right) {
            (None, None) => true,
            (Some(left), Some(right)) => {
                std::ptr::eq(left.mean, right.mean)
                    && std::ptr::eq(left.inv_std, right.inv_std)
                    && left.bound == right.bound
            }
            _ => false,
        }
    }
}
