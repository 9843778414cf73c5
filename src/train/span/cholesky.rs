//! Cholesky factorisation with diagonal pivoting (Higham, *Accuracy and Stability of Numerical
//! Algorithms*, 10.3), and the inverse of the triangle.

use rayon::prelude::*;

use crate::kernels::gemm::gemm;
use crate::kernels::view::{MatMut, MatRef};

/// Columns that are factored before their product is taken off the rest.
const BLOCK: usize = 64;

/// Rows or columns of a triangle whose product is formed at once, with as much of what lies beyond the
/// diagonal as they need to be a rectangle.
const STRIP: usize = 256;

/// Rows and columns p of a positive semi-definite G with G\[p, p\] = L Lᵀ.
pub(super) struct PivotedCholesky {
    /// The order of the rows; the first `rank` of them span all.
    pub(super) order: Vec<usize>,
    /// How many rows are independent of those before them.
    pub(super) rank: usize,
    /// L, `(N, N)` row-major, of which the first `rank` columns count and only what is not above the
    /// diagonal; what is above it is left from G and never read.
    factor: Vec<f64>,
}

impl PivotedCholesky {
    /// Factors G `(N, N)`, row-major and symmetric, until no row has more than `tolerance` of the largest
    /// diagonal element left outside the span of the rows chosen so far. Of equal rows the first is
    /// chosen first.
    pub(super) fn new(gram: Vec<f64>, count: usize, tolerance: f64) -> Self {
        let mut left: Vec<f64> = (0..count).map(|i| gram[i * count + i]).collect();
        let least = tolerance * left.iter().copied().fold(0.0, f64::max);
        let mut found = Self {
            order: (0..count).collect(),
            rank: 0,
            factor: gram,
        };
        for first in (0..count).step_by(BLOCK) {
            let end = count.min(first + BLOCK);
            for column in first..end {
                let pivot = largest(&left, column);
                // NaN is not above it either.
                let independent = left[pivot] > least;
                if !independent {
                    return found;
                }
                left.swap(column, pivot);
                found.exchange(column, pivot);
                found.column(column, first, left[column].sqrt(), &mut left);
                found.rank = column + 1;
            }
            found.take_off(first, end);
        }
        found
    }

    /// N.
    fn count(&self) -> usize {
        self.order.len()
    }

    /// Exchanges row and column `a` with `b`, not before it, of what is not factored yet.
    fn exchange(&mut self, a: usize, b: usize) {
        let count = self.count();
        if a == b {
            return;
        }
        self.order.swap(a, b);
        let place = |row: usize, col: usize| row * count + col;
        for col in 0..a {
            self.factor.swap(place(a, col), place(b, col));
        }
        self.factor.swap(place(a, a), place(b, b));
        for between in a + 1..b {
            self.factor.swap(place(between, a), place(b, between));
        }
        for row in b + 1..count {
            self.factor.swap(place(row, a), place(row, b));
        }
    }

    /// Column `column` of L, and what it leaves of the diagonal. The columns of the block that begins at
    /// `first` have not been taken off yet.
    fn column(&mut self, column: usize, first: usize, root: f64, left: &mut [f64]) {
        let count = self.count();
        let (above, below) = self.factor.split_at_mut((column + 1) * count);
        let pivot = &mut above[column * count..];
        pivot[column] = root;
        let known = &pivot[first..column];
        for (row, left) in below.chunks_mut(count).zip(&mut left[column + 1..]) {
            let done: f64 = row[first..column]
                .iter()
                .zip(known)
                .map(|(a, b)| a * b)
                .sum();
            let value = (row[column] - done) / root;
            row[column] = value;
            *left -= value * value;
        }
    }

    /// Takes the product of the columns `first .. end` off all that follows.
    fn take_off(&mut self, first: usize, end: usize) {
        let count = self.count();
        let (rows, depth) = (count - end, end - first);
        if rows == 0 {
            return;
        }
        let below = &mut self.factor[end * count..];
        let panel: Vec<f64> = below
            .chunks(count)
            .flat_map(|row| row[first..end].iter().copied())
            .collect();
        let panel = MatRef::row_major(&panel, rows, depth);
        let strips = below.par_chunks_mut(STRIP * count).enumerate();
        strips.for_each(|(strip, rest)| {
            let last = rows.min((strip + 1) * STRIP);
            let left = panel.part(strip * STRIP..last, 0..depth);
            let right = panel.part(0..last, 0..depth).transposed();
            let rest = MatMut::new(&mut rest[end..], left.rows(), last, count);
            gemm(-1.0, left, right, 1.0, rest);
        });
    }

    /// The rows of L, `(N, rank)` row-major, in the order that the rows of G had.
    pub(super) fn rows_of_factor(&self) -> Vec<f64> {
        let (count, rank) = (self.count(), self.rank);
        let mut rows = vec![0.0; count * rank];
        let factor = self.factor.chunks(count.max(1)).zip(&self.order);
        for (row, (factor, &place)) in factor.enumerate() {
            let known = rank.min(row + 1);
            rows[place * rank..][..known].copy_from_slice(&factor[..known]);
        }
        rows
    }

    /// L⁻¹ of the first `rank` rows, `(rank, rank)` row-major and lower triangular.
    pub(super) fn inverse(&self) -> Vec<f64> {
        let (count, rank) = (self.count(), self.rank);
        let mut inverse = vec![0.0; rank * rank];
        for first in (0..rank).step_by(BLOCK) {
            let end = rank.min(first + BLOCK);
            let (done, block) = inverse.split_at_mut(first * rank);
            let triangle = &self.factor[first * count..];
            let left = MatRef::new(triangle, end - first, first, count, 1);
            let right = MatRef::new(done, first, first, rank, 1);
            for from in (0..first).step_by(STRIP) {
                let (depth, cols) = (from..first, from..first.min(from + STRIP));
                let left = left.part(0..end - first, depth.clone());
                let out = MatMut::new(&mut block[from..], end - first, cols.len(), rank);
                gemm(-1.0, left, right.part(depth, cols), 0.0, out);
            }
            for row in first..end {
                let factor = &self.factor[row * count..];
                let (above, rest) = block.split_at_mut((row - first) * rank);
                let out = &mut rest[..=row];
                out[row] = 1.0;
                for (before, above) in above.chunks(rank).enumerate() {
                    let share = factor[first + before];
                    for (out, above) in out.iter_mut().zip(&above[..=first + before]) {
                        *out -= share * above;
                    }
                }
                out.iter_mut().for_each(|x| *x /= factor[row]);
            }
        }
        inverse
    }
}

/// The place of the largest value from `from` on, the first of equal ones.
fn largest(values: &[f64], from: usize) -> usize {
    let mut best = from;
    for place in from..values.len() {
        if values[place] > values[best] {
            best = place;
        }
    }
    best
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Gram matrix of rows `(count, cols)`.
    fn gram(rows: &[f64], cols: usize) -> Vec<f64> {
        let rows: Vec<&[f64]> = rows.chunks(cols).collect();
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        rows.iter()
            .flat_map(|a| rows.iter().map(move |b| product(a, b)))
            .collect()
    }

    fn check(rows: &[f64], cols: usize, rank: usize) {
        let gram = gram(rows, cols);
        let count = rows.len() / cols;
        let found = PivotedCholesky::new(gram.clone(), count, 1e-12);
        assert_eq!(found.rank, rank);
        let mut order = found.order.clone();
        let inverse = found.inverse();
        // L⁻¹ G L⁻ᵀ = I.
        for a in 0..rank {
            for b in 0..rank {
                let mut sum = 0.0;
                for i in 0..rank {
                    for j in 0..rank {
                        let value = gram[order[i] * count + order[j]];
                        sum += inverse[a * rank + i] * value * inverse[b * rank + j];
                    }
                }
                let expected = if a == b { 1.0 } else { 0.0 };
                assert!((sum - expected).abs() <= 1e-8, "{a} {b}: {sum}");
            }
        }
        order.sort_unstable();
        assert_eq!(order, (0..count).collect::<Vec<_>>());
    }

    #[test]
    fn the_chosen_rows_become_orthonormal_over_several_blocks() {
        let (count, cols) = (2 * BLOCK + 5, 2 * BLOCK + 40);
        let rows: Vec<f64> = (0..count * cols)
            .map(|i| (i as f64 * 1.618_033).sin() + (i as f64 * 0.37).cos())
            .collect();
        let mut full = rows.clone();
        for (i, x) in full.iter_mut().enumerate() {
            // Two waves alone would span four dimensions.
            *x = ((i * i + 7 * i) as f64 * 0.618_034).sin() + 0.1 * rows[i];
        }
        check(&full, cols, count);
    }

    #[test]
    fn repeated_rows_and_rows_of_zeros_add_nothing() {
        check(
            &[1.0, 2.0, 0.5, 0.0, 0.0, 0.0, 1.0, 2.0, 0.5, 2.0, 4.0, 1.0],
            3,
            1,
        );
        check(&[1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 0.0], 3, 2);
        let none = PivotedCholesky::new(vec![0.0; 9], 3, 1e-12);
        assert_eq!((none.rank, none.inverse().len()), (0, 0));
    }
}
