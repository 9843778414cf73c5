//! The rows of one encoder as training sees them, and their products, formed in blocks of columns so that
//! no more of a feature file than a block is ever in memory.

use std::ops::Range;

use rayon::prelude::*;

use crate::kernels::gemm::gemm;
use crate::kernels::pack::{Standardise, StoredRows};
use crate::kernels::real::Real;
use crate::kernels::view::{MatMut, MatRef};

/// Columns of a block. Products are summed over a block in the type of the values and over blocks in
/// `f64`.
const COLUMNS: usize = 768;

/// Rows of a strip of a symmetric product; half a strip of each is computed twice.
const STRIP: usize = 256;

/// Some rows of an encoder, standardised as in a batch.
#[derive(Clone, Debug)]
pub(super) struct EncoderRows<'a> {
    rows: Vec<EncoderRow<'a>>,
    cols: usize,
}

/// A row of a matrix, and how it is standardised.
#[derive(Clone, Copy, Debug)]
pub(crate) struct EncoderRow<'a> {
    pub(crate) source: StoredRows<'a>,
    pub(crate) row: usize,
    pub(crate) standardise: Option<Standardise<'a>>,
}

impl<'a> EncoderRows<'a> {
    /// The given rows of matrices that all have `cols` columns.
    pub(super) fn new(rows: Vec<EncoderRow<'a>>, cols: usize) -> Self {
        Self { rows, cols }
    }

    /// Number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// D.
    pub(super) fn cols(&self) -> usize {
        self.cols
    }

    /// The rows at the given places.
    pub(super) fn select(&self, places: &[usize]) -> Self {
        Self {
            rows: places.iter().map(|&place| self.rows[place]).collect(),
            cols: self.cols,
        }
    }

    /// So many rows after another; nothing of no rows.
    pub(super) fn chunks(&self, rows: usize) -> Vec<Self> {
        let chunk = |rows: &[EncoderRow<'a>]| Self::new(rows.to_vec(), self.cols);
        self.rows.chunks(rows).map(chunk).collect()
    }

    /// These rows, then others of as many columns.
    fn followed_by(&self, others: &Self) -> Self {
        Self {
            rows: [&self.rows[..], &others.rows].concat(),
            cols: self.cols,
        }
    }

    fn blocks(&self) -> impl Iterator<Item = Range<usize>> + use<> {
        let cols = self.cols;
        let starts = (0..cols).step_by(COLUMNS);
        starts.map(move |start| start..cols.min(start + COLUMNS))
    }

    /// Columns of all rows, row-major.
    pub(super) fn block<T: Real>(&self, columns: Range<usize>, out: &mut Vec<T>) {
        let width = columns.len();
        out.resize(self.len() * width, T::zero());
        out.par_chunks_mut(width.max(1))
            .zip(&self.rows)
            .for_each_init(
                || vec![0.0_f32; width],
                |values, (out, row)| {
                    row.source.read(row.row, columns.start, values);
                    if let Some(standardise) = &row.standardise {
                        standardise.apply(columns.start, values);
                    }
                    for (out, &x) in out.iter_mut().zip(&*values) {
                        *out = T::of(f64::from(x));
                    }
                },
            );
    }
}

/// X̃ X̃ᵀ `(N, N)` of some rows and Ỹ X̃ᵀ `(M, N)` of others, both row-major, in one pass over their columns, with
/// products in `T`.
pub(super) fn gram_and_cross<T: Real>(
    rows: &EncoderRows<'_>,
    others: &EncoderRows<'_>,
) -> [Vec<f64>; 2] {
    let count = rows.len();
    let all = rows.followed_by(others);
    let [mut gram, mut cross] = [count, others.len()].map(|rows| vec![0.0; rows * count]);
    // All of these rows multiply the same columns, which are packed once for each strip of them.
    let half = others.len().div_ceil(2).max(1);
    let mut x = Vec::new();
    for columns in all.blocks() {
        let width = columns.len();
        all.block::<T>(columns, &mut x);
        let x = MatRef::row_major(&x, all.len(), width);
        let symmetric = gram.chunks_mut((STRIP * count).max(1)).enumerate();
        let symmetric = symmetric.map(|(strip, sums)| {
            let first = strip * STRIP;
            let end = first + sums.len() / count;
            (first..end, end, sums)
        });
        let beside = cross.chunks_mut((half * count).max(1)).enumerate();
        let beside = beside.map(|(strip, sums)| {
            let first = count + strip * half;
            (first..first + sums.len() / count, count, sums)
        });
        let strips: Vec<_> = beside.chain(symmetric).collect();
        let strips = strips.into_par_iter().with_max_len(1);
        strips.for_each_init(Vec::new, |product, (rows, end, sums)| {
            let right = x.part(0..end, 0..width).transposed();
            add_product(x.part(rows, 0..width), right, product, (sums, count));
        });
    }
    for row in 0..count {
        for col in 0..row {
            gram[col * count + row] = gram[row * count + col];
        }
    }
    [gram, cross]
}

/// X̃ Ỹᵀ `(N, M)` of the rows of two sets, row-major, its products in `T`.
pub(super) fn cross<T: Real>(left: &EncoderRows<'_>, right: &EncoderRows<'_>) -> Vec<f64> {
    let (rows, count) = (left.len(), right.len());
    let mut sums = vec![0.0; rows * count];
    let (mut x, mut y) = (Vec::new(), Vec::new());
    for columns in left.blocks() {
        let width = columns.len();
        left.block::<T>(columns.clone(), &mut x);
        right.block::<T>(columns, &mut y);
        let x = MatRef::row_major(&x, rows, width);
        let y = MatRef::row_major(&y, count, width).transposed();
        let strips = sums.par_chunks_mut((STRIP * count).max(1)).enumerate();
        strips.for_each_init(Vec::new, |product, (strip, sums)| {
            let first = strip * STRIP;
            let end = first + sums.len() / count;
            add_product(x.part(first..end, 0..width), y, product, (sums, count));
        });
    }
    sums
}

/// Adds `A B` to the first columns of rows that are `stride` long; `product` is overwritten with it.
fn add_product<T: Real>(
    a: MatRef<'_, T>,
    b: MatRef<'_, T>,
    product: &mut Vec<T>,
    (sums, stride): (&mut [f64], usize),
) {
    let (rows, cols) = (a.rows(), b.cols());
    product.resize(rows * cols, T::zero());
    let out = MatMut::row_major(product, rows, cols);
    gemm(T::one(), a, b, T::zero(), out);
    for (sums, product) in sums.chunks_mut(stride).zip(product.chunks(cols)) {
        for (sum, &product) in sums.iter_mut().zip(product) {
            *sum += product.as_f64();
        }
    }
}

/// B X̃ `(P, D)`, row-major, for factors B `(P, N)`.
pub(super) fn combine(factors: MatRef<'_, f64>, rows: &EncoderRows<'_>) -> Vec<f32> {
    let (outputs, cols) = (factors.rows(), rows.cols());
    let mut combined = vec![0.0_f32; outputs * cols];
    let (mut x, mut product) = (Vec::new(), Vec::new());
    for columns in rows.blocks() {
        let width = columns.len();
        rows.block::<f64>(columns.clone(), &mut x);
        product.resize(outputs * width, 0.0);
        let x = MatRef::row_major(&x, rows.len(), width);
        let out = MatMut::row_major(&mut product, outputs, width);
        gemm(1.0, factors, x, 0.0, out);
        for (combined, product) in combined.chunks_mut(cols).zip(product.chunks(width)) {
            for (to, &from) in combined[columns.clone()].iter_mut().zip(product) {
                *to = from as f32;
            }
        }
    }
    combined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::pack::{RowSource, RowValues};

    #[test]
    fn products_over_several_blocks_are_those_of_the_rows() {
        let (count, cols) = (5, 2 * COLUMNS + 3);
        let values: Vec<f32> = (0..count * cols).map(|i| (i as f32 * 0.7).sin()).collect();
        let (mean, inv_std) = (vec![0.25; cols], vec![2.0; cols]);
        let source: StoredRows<'_> = RowSource {
            values: RowValues::F32(&values),
            cols,
        }
        .into();
        let standardise = Some(Standardise {
            mean: &mean,
            inv_std: &inv_std,
            bound: f32::INFINITY,
        });
        let places = [4, 0, 2];
        let row = |row: usize| EncoderRow {
            source,
            row,
            standardise,
        };
        let all = EncoderRows::new((0..count).map(row).collect(), cols);
        let some = all.select(&places);
        let x = |row: usize, col: usize| f64::from((values[row * cols + col] - 0.25) * 2.0);
        let product = |a: usize, b: usize| (0..cols).map(|c| x(a, c) * x(b, c)).sum::<f64>();
        let [square, beside] = gram_and_cross::<f64>(&all, &some);
        let across = cross::<f32>(&some, &all);
        for a in 0..count {
            for b in 0..count {
                assert!((square[a * count + b] - product(a, b)).abs() <= 1e-9);
            }
        }
        for (a, &place) in places.iter().enumerate() {
            for b in 0..count {
                assert!((beside[a * count + b] - product(place, b)).abs() <= 1e-9);
                assert!((across[a * count + b] - product(place, b)).abs() <= 2e-3);
            }
        }
        let factors = [1.0, -0.5, 0.25, 0.0, 2.0, 1.0];
        let combined = combine(MatRef::row_major(&factors, 2, 3), &some);
        for (output, factors) in factors.chunks(3).enumerate() {
            for col in [0, COLUMNS - 1, COLUMNS, cols - 1] {
                let expected: f64 = (0..3).map(|i| factors[i] * x(places[i], col)).sum();
                assert!((f64::from(combined[output * cols + col]) - expected).abs() <= 1e-6);
            }
        }
    }
}
