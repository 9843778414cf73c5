//! The discrete cosine transform as a rotation: it spreads every coordinate over all of them.
//!
//! In the basis of a Cholesky factorisation the last coordinates belong to few training clips: they are 0
//! for all that were chosen before. Adam takes its longest steps along such rare gradients. After the
//! rotation no coordinate is special.

use std::f64::consts::TAU;

use crate::kernels::real::Real;

/// The orthogonal matrix `(r, r)`, row-major, of the transform DCT-II.
pub(super) fn cosine_transform<T: Real>(rank: usize) -> Vec<T> {
    let turn = 4 * rank;
    let cosines: Vec<f64> = (0..turn)
        .map(|part| (TAU * part as f64 / turn as f64).cos())
        .collect();
    let mut matrix = Vec::with_capacity(rank * rank);
    for wave in 0..rank {
        let squared: f64 = if wave == 0 { 1.0 } else { 2.0 };
        let length = (squared / rank as f64).sqrt();
        let row = (0..rank).map(|place| cosines[(2 * place + 1) * wave % turn]);
        matrix.extend(row.map(|cosine| T::of(length * cosine)));
    }
    matrix
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn its_rows_are_orthonormal_and_none_has_a_large_element() {
        for rank in [1, 2, 7, 64] {
            let matrix = cosine_transform::<f64>(rank);
            let rows: Vec<&[f64]> = matrix.chunks(rank).collect();
            for (i, a) in rows.iter().enumerate() {
                for (j, b) in rows.iter().enumerate() {
                    let product: f64 = a.iter().zip(*b).map(|(a, b)| a * b).sum();
                    let expected = if i == j { 1.0 } else { 0.0 };
                    assert!((product - expected).abs() <= 1e-13, "{rank}: {i} {j}");
                }
            }
            let bound = (2.0 / rank as f64).sqrt() + 1e-15;
            assert!(matrix.iter().all(|x| x.abs() <= bound.min(1.0)));
        }
        assert!(cosine_transform::<f32>(0).is_empty());
    }
}
