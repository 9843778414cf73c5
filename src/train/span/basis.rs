//! A basis of the span of some rows of one encoder, without its vectors: Q = A X̃ₚ for chosen rows X̃ₚ.

use super::cholesky::PivotedCholesky;
use super::rotation::cosine_transform;
use super::rows::{EncoderRows, combine, cross, gram};
use crate::kernels::gemm::gemm;
use crate::kernels::real::Real;
use crate::kernels::view::{MatMut, MatRef};

/// A row counts as independent of the others if more than this share of the largest squared length is
/// left of it: well above what products in `f32` round, and a part of 0.3 % of its length.
pub(super) const TOLERANCE: f64 = 1e-5;

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
    /// A `(r, r)`, row-major.
    pub(super) factors: Vec<f64>,
    /// s.
    pub(super) scale: f64,
}

impl Basis {
    /// The basis of some rows and their coordinates `(N, r)`, row-major; products are formed in `T`, and
    /// A holds numbers of `T`.
    pub(super) fn of<T: Real>(rows: &EncoderRows<'_>, tolerance: f64) -> (Self, Vec<f64>) {
        let count = rows.len();
        let products = gram::<T>(rows);
        let found = PivotedCholesky::new(products.clone(), count, tolerance);
        let (rank, pivots) = (found.rank, found.order[..found.rank].to_vec());
        let rotation = cosine_transform::<T>(rank);
        let inverse: Vec<T> = found.inverse().into_iter().map(T::of).collect();
        drop(found);
        let mut factors = vec![T::zero(); rank * rank];
        let [rotation, inverse] = [&rotation, &inverse].map(|x| MatRef::row_major(x, rank, rank));
        let out = MatMut::row_major(&mut factors, rank, rank);
        gemm(T::one(), rotation, inverse, T::zero(), out);
        let basis = Self {
            pivots,
            // Coordinates and the way back use the same numbers, so that their rounding is not an error.
            factors: factors.into_iter().map(T::as_f64).collect(),
            scale: scale(rows.cols(), rank),
        };
        let mut chosen = Vec::with_capacity(count * rank);
        for row in products.chunks(count.max(1)) {
            chosen.extend(basis.pivots.iter().map(|&pivot| row[pivot]));
        }
        let coordinates = basis.of_products(&chosen, basis.scale);
        (basis, coordinates)
    }

    /// r.
    pub(super) fn rank(&self) -> usize {
        self.pivots.len()
    }

    fn factors(&self) -> MatRef<'_, f64> {
        MatRef::row_major(&self.factors, self.rank(), self.rank())
    }

    /// Coordinates `(M, r)` of other rows; `spanning` are those that the basis was made from.
    pub(super) fn coordinates<T: Real>(
        &self,
        others: &EncoderRows<'_>,
        spanning: &EncoderRows<'_>,
    ) -> Vec<f64> {
        let products = cross::<T>(others, &spanning.select(&self.pivots));
        self.of_products(&products, self.scale)
    }

    /// `scale` Y X̃ₚᵀ Aᵀ of the products Y X̃ₚᵀ `(M, r)`.
    fn of_products(&self, products: &[f64], scale: f64) -> Vec<f64> {
        let rank = self.rank();
        let mut out = vec![0.0; products.len()];
        if rank == 0 {
            return out;
        }
        let rows = products.len() / rank;
        let products = MatRef::row_major(products, rows, rank);
        let into = MatMut::row_major(&mut out, rows, rank);
        gemm(scale, products, self.factors().transposed(), 0.0, into);
        out
    }

    /// The weights W `(P, D)` that give every row what W′ `(P, r)` gives its coordinates: W = s W′ Q.
    pub(super) fn to_columns(&self, weights: &[f32], spanning: &EncoderRows<'_>) -> Vec<f32> {
        let rank = self.rank();
        let weights: Vec<f64> = weights.iter().copied().map(f64::from).collect();
        let outputs = weights.len() / rank;
        let mut factors = vec![0.0; outputs * rank];
        let into = MatMut::row_major(&mut factors, outputs, rank);
        let weights = MatRef::row_major(&weights, outputs, rank);
        gemm(self.scale, weights, self.factors(), 0.0, into);
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
        self.of_products(&products, 1.0 / self.scale)
    }
}
