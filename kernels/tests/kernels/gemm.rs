//! The product of matrices that are not kept packed.

use blendfuse_kernels::gemm::gemm;
use blendfuse_kernels::{MatRef, Real, reference};

use crate::inputs::{Guarded, SIZES, integers};

fn check<T: Real>(m: usize, k: usize, n: usize, alpha: f64, beta: f64) {
    let (alpha, beta) = (T::of(alpha), T::of(beta));
    let a: Vec<T> = integers(m * k, 1);
    let b: Vec<T> = integers(k * n, 2);
    let c: Vec<T> = integers(m * n, 3);
    let rows = MatRef::row_major;
    for a in [rows(&a, m, k), rows(&a, k, m).transposed()] {
        for b in [rows(&b, k, n), rows(&b, n, k).transposed()] {
            let mut expected = if beta == T::zero() {
                Guarded::unwritten(m, n)
            } else {
                Guarded::holding(&c, m, n)
            };
            let mut ours = expected.clone();
            reference::gemm(alpha, a, b, beta, expected.as_mut());
            gemm(alpha, a, b, beta, ours.as_mut());
            assert_eq!(ours.values(), expected.values(), "{m} × {k} × {n}");
        }
    }
}

#[test]
fn agrees_with_the_reference_at_every_edge() {
    for m in SIZES {
        for k in SIZES {
            for n in SIZES {
                let beta = [0.0, 1.0, -2.0][(m + k + n) % 3];
                check::<f32>(m, k, n, 2.0, beta);
            }
        }
    }
}

#[test]
fn agrees_with_the_reference_over_several_parts() {
    for (m, k, n) in [(520, 10, 33), (5, 400, 1100), (200, 385, 300)] {
        check::<f32>(m, k, n, 1.0, 0.0);
        check::<f64>(m, k, n, -1.0, 1.0);
    }
}

/// Two routes to the same number: Bᵀ Aᵀ is (A B)ᵀ.
#[test]
fn agrees_with_its_own_transpose() {
    let (m, k, n) = (37, 250, 70);
    let (a, b): (Vec<f32>, Vec<f32>) = (integers(m * k, 1), integers(k * n, 2));
    let (a, b) = (MatRef::row_major(&a, m, k), MatRef::row_major(&b, k, n));
    let mut c = Guarded::unwritten(m, n);
    let mut transposed = Guarded::unwritten(n, m);
    gemm(1.0, a, b, 0.0, c.as_mut());
    gemm(
        1.0,
        b.transposed(),
        a.transposed(),
        0.0,
        transposed.as_mut(),
    );
    let (c, transposed) = (c.values(), transposed.values());
    for i in 0..m {
        for j in 0..n {
            assert_eq!(c[i * n + j], transposed[j * m + i]);
        }
    }
}

#[test]
fn keeps_nan_even_under_a_zero_alpha() {
    let mut c = Guarded::holding(&[1.0_f32; 4], 2, 2);
    let a = [f32::NAN, 1.0];
    gemm(
        0.0,
        MatRef::row_major(&a, 2, 1),
        MatRef::row_major(&[1.0, 1.0], 1, 2),
        1.0,
        c.as_mut(),
    );
    let c = c.values();
    assert!(c[0].is_nan() && c[1].is_nan());
    assert_eq!(c[2..], [1.0, 1.0]);
}

#[test]
#[should_panic(expected = "k, m, n")]
fn refuses_mismatched_inner_dimensions() {
    let x = [1.0_f32; 6];
    gemm(
        1.0,
        MatRef::row_major(&x, 2, 3),
        MatRef::row_major(&x, 2, 3),
        0.0,
        Guarded::unwritten(2, 3).as_mut(),
    );
}
