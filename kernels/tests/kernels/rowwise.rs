//! Softmax and what is built on it.

use blendfuse_kernels::rowwise::{log_sum_exp, soft_cross_entropy, softmax, top_k};
use blendfuse_kernels::{MatRef, Real};

use crate::inputs::{Guarded, assert_close, fractions};

const INF: f32 = f32::INFINITY;

fn softmax_of(row: &[f32], scale: f32) -> Vec<f32> {
    let mut out = Guarded::unwritten(1, row.len());
    softmax(MatRef::row_major(row, 1, row.len()), scale, out.as_mut());
    out.values()
}

fn kept(row: &[f32], n: usize) -> Vec<f32> {
    let mut out = Guarded::unwritten(1, row.len());
    top_k(MatRef::row_major(row, 1, row.len()), n, out.as_mut());
    out.values()
}

fn loss_of<T: Real>(logits: &[T], targets: &[T], rows: usize) -> (T, Vec<T>) {
    let cols = logits.len() / rows;
    let mut p = Guarded::unwritten(rows, cols);
    let view = |x| MatRef::row_major(x, rows, cols);
    let loss = soft_cross_entropy(view(logits), view(targets), p.as_mut());
    (loss, p.values())
}

#[test]
fn softmax_is_exp_over_its_sum() {
    // exp(ln 2, ln 3, ln 5) / 10.
    let row = [2.0_f32.ln(), 3.0_f32.ln(), 5.0_f32.ln()];
    assert_close(&softmax_of(&row, 1.0), &[0.2, 0.3, 0.5], 1e-7);
    // Squared: (4, 9, 25) / 38.
    let squared = [4.0, 9.0, 25.0].map(|x: f32| x / 38.0);
    assert_close(&softmax_of(&row, 2.0), &squared, 1e-7);
}

#[test]
fn softmax_takes_extremes() {
    assert_eq!(softmax_of(&[1e30, 0.0], 1.0), [1.0, 0.0]);
    assert_eq!(softmax_of(&[-INF, 3.0, -INF], 1.0), [0.0, 1.0, 0.0]);
    assert_eq!(softmax_of(&[-INF, -INF], 1.0), [0.0, 0.0]);
    assert!(softmax_of(&[f32::NAN, 1.0], 1.0).iter().all(|y| y.is_nan()));
    assert!(
        softmax_of(&[f32::NAN, -INF], 1.0)
            .iter()
            .all(|y| y.is_nan())
    );
    assert!(softmax_of(&[INF, 1.0], 1.0).iter().all(|y| y.is_nan()));
    assert!(softmax_of(&[], 1.0).is_empty());
}

/// A common offset, even one that leaves the logits few digits, changes no sum.
#[test]
fn softmax_sums_to_one_under_any_offset() {
    for offset in [0.0, 100.0, -1e4, 1e6] {
        let row: Vec<f32> = fractions(36, 1).iter().map(|x: &f32| x + offset).collect();
        let sum: f32 = softmax_of(&row, 1.0).iter().sum();
        assert_close(&[sum], &[1.0], 1e-6);
    }
}

#[test]
fn log_sum_exp_is_stable() {
    let of = |row: &[f64]| log_sum_exp(row.iter().copied());
    assert_close(&[of(&[800.0, 800.0])], &[800.0 + 2.0_f64.ln()], 1e-15);
    assert_close(&[of(&[-800.0, -900.0])], &[-800.0], 1e-15);
    assert_eq!(of(&[]), f64::NEG_INFINITY);
    assert_eq!(of(&[f64::NEG_INFINITY; 2]), f64::NEG_INFINITY);
    assert_eq!(of(&[f64::INFINITY, 0.0]), f64::INFINITY);
    assert!(of(&[f64::NAN, f64::NEG_INFINITY]).is_nan());
}

#[test]
fn the_largest_are_kept_and_renormalised() {
    assert_close(
        &kept(&[0.1, 0.4, 0.2, 0.3], 2),
        &[0.0, 4.0 / 7.0, 0.0, 3.0 / 7.0],
        1e-6,
    );
    // Ties go to the lower index; zeros are never kept, so fewer than n may remain.
    assert_close(&kept(&[0.25; 4], 2), &[0.5, 0.5, 0.0, 0.0], 1e-6);
    assert_close(&kept(&[0.0, 1.0, 0.0], 2), &[0.0, 1.0, 0.0], 1e-6);
    assert_eq!(kept(&[0.0, 0.0], 2), [0.0, 0.0]);
    assert_eq!(kept(&[0.5, 0.5], 0), [0.0, 0.0]);
    assert!(kept(&[f32::NAN, 0.5], 1).iter().all(|y| y.is_nan()));
}

#[test]
fn keeping_all_changes_nothing_but_rounding() {
    let row = softmax_of(&fractions(36, 2), 3.0);
    assert_close(&kept(&row, 36), &row, 1e-6);
    assert_close(&kept(&row, 100), &row, 1e-6);
}

#[test]
fn cross_entropy_of_uniform_logits_is_log_of_the_classes() {
    let (loss, p) = loss_of(
        &[0.0_f64; 12],
        &[0.7, 0.3, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        2,
    );
    assert_close(&[loss], &[6.0_f64.ln()], 1e-15);
    assert_close(&p, &[1.0 / 6.0; 12], 1e-15);
}

#[test]
fn cross_entropy_takes_extremes() {
    let (loss, p) = loss_of(&[800.0_f32, -800.0], &[1.0, 0.0], 1);
    assert_eq!((loss, p), (0.0, vec![1.0, 0.0]));
    let (loss, _) = loss_of(&[800.0_f32, -800.0], &[0.0, 1.0], 1);
    assert_eq!(loss, 1600.0);
    // A class that is excluded costs nothing without target mass, and everything with it.
    assert_eq!(loss_of(&[0.0_f32, -INF], &[1.0, 0.0], 1).0, 0.0);
    assert_eq!(loss_of(&[0.0_f32, -INF], &[0.5, 0.5], 1).0, INF);
    assert!(loss_of(&[f32::NAN, 0.0], &[0.0, 1.0], 1).0.is_nan());
    let empty: [f32; 0] = [];
    let view = MatRef::row_major(&empty, 0, 2);
    assert!(soft_cross_entropy(view, view, Guarded::unwritten(0, 2).as_mut()).is_nan());
}

#[test]
#[should_panic(expected = "softmax: shapes")]
fn refuses_an_output_of_another_shape() {
    softmax(
        MatRef::row_major(&[1.0_f32; 4], 2, 2),
        1.0,
        Guarded::unwritten(2, 3).as_mut(),
    );
}
