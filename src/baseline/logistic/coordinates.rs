//! Coordinates in which a ridge-penalised linear model of wide data is small.
//!
//! Such a model depends on the rows only through their inner products (the representer theorem), so n
//! rows of any width can be replaced by n rows of at most n columns with the same inner products. With
//! K = X Xᵀ and its pivoted Cholesky factor L, K = L Lᵀ, the rows of L have them, and another row z has
//! the coordinates that solve L_pivots c = X_pivots z.

use ndarray::linalg::general_mat_mul;
use ndarray::{Array2, ArrayView2, Axis, Slice};

/// The residual diagonal below which rows are combinations of earlier pivots, relative to the largest.
const RANK_TOLERANCE: f64 = 1e-10;

/// How rows become coordinates.
pub enum Coordinates {
    /// The columns themselves, where there are no more columns than rows.
    Columns,
    /// Combinations of the pivots' inner products.
    Pivots {
        /// The rows that were pivots, `(rank, columns)`.
        rows: Array2<f32>,
        /// Their coordinates, `(rank, rank)`, lower triangular.
        factor: Array2<f64>,
    },
}

impl Coordinates {
    /// Of training rows `(rows, columns)`, with the coordinates of these rows.
    pub fn fit(x: &Array2<f32>) -> (Self, Array2<f64>) {
        if x.ncols() <= x.nrows() {
            return (Self::Columns, x.mapv(f64::from));
        }
        let (pivots, factor) = cholesky(&inner_products(x.view(), x.view()));
        let coordinates = Self::Pivots {
            rows: x.select(Axis(0), &pivots),
            factor: factor.select(Axis(0), &pivots),
        };
        (coordinates, factor)
    }

    /// Of other rows with the same columns: `(rows, coordinates)`.
    pub fn of(&self, x: &Array2<f32>) -> Array2<f64> {
        let Self::Pivots { rows, factor } = self else {
            return x.mapv(f64::from);
        };
        let mut found = inner_products(x.view(), rows.view());
        // Forward substitution, in place.
        for mut row in found.rows_mut() {
            for at in 0..row.len() {
                let known: f64 = (0..at)
                    .map(|before| factor[[at, before]] * row[before])
                    .sum();
                row[at] = (row[at] - known) / factor[[at, at]];
            }
        }
        found
    }
}

/// Number of columns that are converted to double precision at once.
const COLUMNS: usize = 1024;

/// Inner products of all pairs of rows, accumulated in double precision.
fn inner_products(a: ArrayView2<'_, f32>, b: ArrayView2<'_, f32>) -> Array2<f64> {
    let mut sum = Array2::zeros((a.nrows(), b.nrows()));
    let chunks = a.axis_chunks_iter(Axis(1), COLUMNS);
    for (a, b) in chunks.zip(b.axis_chunks_iter(Axis(1), COLUMNS)) {
        let (a, b) = (a.mapv(f64::from), b.mapv(f64::from));
        general_mat_mul(1.0, &a, &b.t(), 1.0, &mut sum);
    }
    sum
}

/// The pivots in order and L `(n, rank)` of a positive semidefinite K.
fn cholesky(k: &Array2<f64>) -> (Vec<usize>, Array2<f64>) {
    let n = k.nrows();
    let mut left: Vec<f64> = k.diag().to_vec();
    let most = left.iter().copied().fold(0.0, f64::max);
    let mut factor: Array2<f64> = Array2::zeros((n, n));
    let mut pivots = Vec::new();
    for rank in 0..n {
        let rest = (0..n).filter(|row| !pivots.contains(row));
        let Some(pivot) = rest.max_by(|&a, &b| left[a].total_cmp(&left[b])) else {
            break;
        };
        if left[pivot] <= RANK_TOLERANCE * most {
            break;
        }
        let scale = left[pivot].sqrt();
        for row in 0..n {
            let known: f64 = (0..rank)
                .map(|c| factor[[row, c]] * factor[[pivot, c]])
                .sum();
            let value = match pivots.contains(&row) {
                true => 0.0,
                false => (k[[row, pivot]] - known) / scale,
            };
            factor[[row, rank]] = value;
            left[row] -= value * value;
        }
        pivots.push(pivot);
    }
    factor.slice_axis_inplace(Axis(1), Slice::from(..pivots.len()));
    (pivots, factor.as_standard_layout().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(count: usize, columns: usize) -> Array2<f32> {
        Array2::from_shape_fn((count, columns), |(i, j)| {
            ((i * 7 + j * j * 3 + i * j) % 11) as f32 - 5.0
        })
    }

    fn assert_same_products(a: &Array2<f64>, b: &Array2<f64>, x: &Array2<f32>, z: &Array2<f32>) {
        let (found, expected) = (a.dot(&b.t()), inner_products(x.view(), z.view()));
        let scale = expected.iter().fold(0.0, |most: f64, x| x.abs().max(most));
        for (found, expected) in found.iter().zip(&expected) {
            assert!(
                (found - expected).abs() <= 1e-8 * scale,
                "{found} {expected}"
            );
        }
    }

    #[test]
    fn coordinates_have_the_inner_products_of_the_rows() {
        let mut x = rows(9, 40);
        // Two equal rows, so that the rank is below the number of rows.
        let copy = x.row(2).to_owned();
        x.row_mut(5).assign(&copy);
        let (coordinates, of_training) = Coordinates::fit(&x);
        assert!(of_training.ncols() < 9);
        assert_same_products(&of_training, &of_training, &x, &x);
        assert_same_products(&coordinates.of(&x), &of_training, &x, &x);
        let other = rows(20, 40);
        assert_same_products(&coordinates.of(&other), &of_training, &other, &x);
    }

    #[test]
    fn narrow_rows_stay_as_they_are() {
        let x = rows(9, 4);
        let (coordinates, of_training) = Coordinates::fit(&x);
        assert_eq!(of_training, x.mapv(f64::from));
        assert_eq!(coordinates.of(&x), of_training);
    }
}
