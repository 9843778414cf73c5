//! A basis of the span of some rows of one encoder, without its vectors: Q = M L⁻¹ X̃ₚ for chosen rows X̃ₚ
//! whose Gram matrix is L Lᵀ, and a rotation M.

use super::cholesky::PivotedCholesky;
use super::rotation::cosine_transform;
use super::rows::{EncoderRows, combine, cross, gram_and_cross};
use crate::kernels::gemm::gemm;
use crate::kernels::real::Real;
use crate::kernels::view::{MatMut, MatRef};

/// A row counts as independent of the others if more than this share of the largest squared length is
/// left of it: well above what products in `f32` round, and a part of 0.3 % of its length.
pub(super) const TOLERANCE: f64 = 1e-5;

/// As many times the spanning rows, other rows are multiplied with them in one pass; more take further passes, so
/// that memory grows with the square of the spanning rows and not with the others.
const OTHERS_AT_ONCE: usize = 2;

/// s = √(D / r), so that a step of Adam, whose length does not depend on the gradient's, moves the outputs
/// about as far as it would with columns.
pub(super) fn scale(columns: usize, rank: usize) -> f64 {
    (columns as f64 / rank.max(1) as f64).sqrt()
}

/// A basis of the span of rows X̃ `(N, D)`: Q `(r, D)` with orthonormal rows, and coordinates s Q x̃.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Basis {
    /// Places of the r rows X̃ₚ that span the others.
    pub(super) pivots: Vec<usize>,
    /// L⁻¹ `(r, r)`, row-major and lower triangular.
    pub(super) inverse: Vec<f64>,
    /// s.
    pub(super) scale: f64,
}

impl Basis {
    /// The basis of some rows, their coordinates `(N, r)` and those of others `(M, r)`, row-major; products and the
    /// rotation are computed in `T`.
    pub(super) fn of<T: Real>(
        rows: &EncoderRows<'_>,
        others: &EncoderRows<'_>,
        tolerance: f64,
    ) -> (Self, [Vec<f64>; 2]) {
        let mut others = others
            .chunks(OTHERS_AT_ONCE * rows.len().max(1))
            .into_iter();
        let first = others.next().unwrap_or_else(|| rows.select(&[]));
        let [gram, cross] = gram_and_cross::<T>(rows, &first);
        let size = (rows.len(), rows.cols());
        let (basis, [of_rows, mut of_others]) =
            Self::of_products::<T>(gram, cross, size, tolerance);
        for more in others {
            of_others.extend(basis.coordinates::<T>(&more, rows));
        }
        (basis, [of_rows, of_others])
    }

    /// The same from X̃ X̃ᵀ `(N, N)` and Ỹ X̃ᵀ `(M, N)` of N rows of D columns.
    pub(super) fn of_products<T: Real>(
        gram: Vec<f64>,
        cross: Vec<f64>,
        (count, cols): (usize, usize),
        tolerance: f64,
    ) -> (Self, [Vec<f64>; 2]) {
        let found = PivotedCholesky::new(gram, count, tolerance);
        let rank = found.rank;
        let basis = Self {
            pivots: found.order[..rank].to_vec(),
            inverse: found.inverse(),
            scale: scale(cols, rank),
        };
        // L Lᵀ is the Gram matrix, so that the rows of L are the coordinates but for the rotation.
        let unrotated: Vec<T> = found.rows_of_factor().into_iter().map(T::of).collect();
        drop(found);
        let of_rows = basis.rotated(&unrotated);
        let with_pivots = |cross: &[f64]| basis.pivots.iter().map(|&pivot| cross[pivot]).collect();
        let products: Vec<Vec<f64>> = cross.chunks(count.max(1)).map(with_pivots).collect();
        let of_others = basis.coordinates_of_products::<T>(&products.concat());
        (basis, [of_rows, of_others])
    }

    /// r.
    pub(super) fn rank(&self) -> usize {
        self.pivots.len()
    }

    /// s U Mᵀ of coordinates U `(N, r)` in the basis before its rotation.
    fn rotated<T: Real>(&self, unrotated: &[T]) -> Vec<f64> {
        let rank = self.rank();
        let mut out = vec![T::zero(); unrotated.len()];
        if let Some(rows) = unrotated.len().checked_div(rank) {
            let rotation = cosine_transform::<T>(rank);
            let rotation = MatRef::row_major(&rotation, rank, rank).transposed();
            let unrotated = MatRef::row_major(unrotated, rows, rank);
            let into = MatMut::row_major(&mut out, rows, rank);
            gemm(T::of(self.scale), unrotated, rotation, T::zero(), into);
        }
        out.into_iter().map(T::as_f64).collect()
    }

    /// Y X̃ₚᵀ L⁻ᵀ of the products Y X̃ₚᵀ `(M, r)`: in `f64`, for L⁻¹ has large elements that cancel.
    fn unrotated(&self, products: &[f64]) -> Vec<f64> {
        let rank = self.rank();
        let mut out = vec![0.0; products.len()];
        if let Some(rows) = products.len().checked_div(rank) {
            let inverse = MatRef::row_major(&self.inverse, rank, rank);
            let products = MatRef::row_major(products, rows, rank);
            let into = MatMut::row_major(&mut out, rows, rank);
            gemm(1.0, products, inverse.transposed(), 0.0, into);
        }
        out
    }

    /// Coordinates `(M, r)` of other rows; `spanning` are those that the basis was made from.
    fn coordinates<T: Real>(
        &self,
        others: &EncoderRows<'_>,
        spanning: &EncoderRows<'_>,
    ) -> Vec<f64> {
        let products = cross::<T>(others, &spanning.select(&self.pivots));
        self.coordinates_of_products::<T>(&products)
    }

    /// Coordinates `(M, r)` of other rows, from their products Y X̃ₚᵀ `(M, r)`.
    fn coordinates_of_products<T: Real>(&self, products: &[f64]) -> Vec<f64> {
        let unrotated = self.unrotated(products).into_iter().map(T::of);
        self.rotated::<T>(&unrotated.collect::<Vec<T>>())
    }

    /// The weights W `(P, D)` that give every row what W′ `(P, r)` gives its coordinates: W = s W′ Q.
    pub(super) fn to_columns(&self, weights: &[f32], spanning: &EncoderRows<'_>) -> Vec<f32> {
        let rank = self.rank();
        let outputs = weights.len() / rank;
        let weights: Vec<f64> = weights.iter().copied().map(f64::from).collect();
        let rotation = cosine_transform::<f64>(rank);
        let [rotation, inverse] =
            [&rotation, &self.inverse].map(|x| MatRef::row_major(x, rank, rank));
        let (mut turned, mut factors) = (vec![0.0; weights.len()], vec![0.0; weights.len()]);
        let weights = MatRef::row_major(&weights, outputs, rank);
        let into = MatMut::row_major(&mut turned, outputs, rank);
        gemm(self.scale, weights, rotation, 0.0, into);
        let turned = MatRef::row_major(&turned, outputs, rank);
        let into = MatMut::row_major(&mut factors, outputs, rank);
        gemm(1.0, turned, inverse, 0.0, into);
        let factors = MatRef::row_major(&factors, outputs, rank);
        combine(factors, &spanning.select(&self.pivots))
    }

    /// The weights W′ `(P, r)` that give coordinates what the part of W `(P, D)` in the span gives rows.
    pub(super) fn to_span(
        &self,
        weights: &EncoderRows<'_>,
        spanning: &EncoderRows<'_>,
    ) -> Vec<f64> {
        let products = cross::<f64>(weights, &spanning.select(&self.pivots));
        let mut found = self.rotated::<f64>(&self.unrotated(&products));
        // Coordinates are s times as long as in the basis, so weights are as much shorter.
        found.iter_mut().for_each(|x| *x /= self.scale * self.scale);
        found
    }
}
