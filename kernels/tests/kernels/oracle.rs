//! The reference itself, on cases small enough to work out by hand.

use blendfuse_kernels::adam::AdamStep;
use blendfuse_kernels::epilogue::{Affine, NormaliseBackward, NormaliseForward};
use blendfuse_kernels::layout::{PackedRows, Panels};
use blendfuse_kernels::pack::{Pick, RowScaling, RowSource, RowValues, Standardise};
use blendfuse_kernels::{MatMut, MatRef, reference};

use crate::inputs::{assert_close, packed};

/// (1 2; 3 4) (5 6; 7 8) = (19 22; 43 50).
#[test]
fn gemm_multiplies_two_by_two() {
    let (a, b) = ([1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0]);
    let (a, b) = (MatRef::row_major(&a, 2, 2), MatRef::row_major(&b, 2, 2));
    let mut c = [1.0; 4];
    reference::gemm(1.0, a, b, 0.0, MatMut::row_major(&mut c, 2, 2));
    assert_eq!(c, [19.0, 22.0, 43.0, 50.0]);
    reference::gemm(2.0, a, b, -1.0, MatMut::row_major(&mut c, 2, 2));
    assert_eq!(c, [19.0, 22.0, 43.0, 50.0]);
}

/// One sample (1, 2), W = (3 4; 5 6; 7 8): W x = (11, 17, 23).
#[test]
fn a_linear_layer_goes_forth_and_back() {
    let x = packed(&[1.0, 2.0], 1, 2);
    let w = Panels::from_row_major(&[3.0, 4.0, 5.0, 6.0, 7.0, 8.0], 3, 2);
    let mut y = [f64::NAN; 3];
    reference::linear_forward(
        &x,
        &w,
        Some(&[0.5, 0.0, -1.0]),
        MatMut::row_major(&mut y, 1, 3),
    );
    assert_eq!(y, [11.5, 17.0, 22.0]);
    let dy = [1.0, 0.0, -1.0];
    let dy = MatRef::row_major(&dy, 1, 3);
    let mut dx = [10.0, 20.0];
    reference::linear_backward_input(dy, &w, MatMut::row_major(&mut dx, 1, 2));
    assert_eq!(dx, [6.0, 16.0]);
    let mut dw = [0.5; 6];
    reference::linear_backward_weight(dy, &x, MatMut::row_major(&mut dw, 3, 2));
    assert_eq!(dw, [1.5, 2.5, 0.5, 0.5, -0.5, -1.5]);
}

/// Columns (1, 3) and (2, 6): means 2 and 4, biased variances 1 and 4; without the second row (1, 2)
/// and 0.
#[test]
fn moments_are_mean_and_biased_variance() {
    let y = MatRef::row_major(&[1.0, 2.0, 3.0, 6.0], 2, 2);
    let moments = reference::column_moments(y, None);
    assert_eq!(
        (moments.mean, moments.var),
        (vec![2.0, 4.0], vec![1.0, 4.0])
    );
    let moments = reference::column_moments(y, Some(&[true, false]));
    assert_eq!(
        (moments.mean, moments.var),
        (vec![1.0, 2.0], vec![0.0, 0.0])
    );
    assert_eq!(moments.count, 1);
}

/// One column (1, 3), γ = 2, β = 1/2: x̂ = (−1, 1), z = (−1.5, 2.5), h = (0, 2.5). With dh = (7, 1)
/// only the second row passes: dγ = 1, dβ = 1, dy = γ (dz − ½ − x̂ ½) = (0, 0).
#[test]
fn a_normalised_layer_goes_forth_and_back() {
    let affine = Affine {
        gamma: &[2.0],
        beta: &[0.5],
    };
    let (mut y, mut x_hat) = ([1.0, 3.0], [f64::NAN; 2]);
    reference::normalise_relu_dropout(
        MatMut::row_major(&mut y, 2, 1),
        Some(MatMut::row_major(&mut x_hat, 2, 1)),
        NormaliseForward {
            mean: &[2.0],
            inv_std: &[1.0],
            affine,
            present: None,
            dropout: None,
            first_col: 0,
            width: 1,
        },
    );
    assert_eq!((y, x_hat), ([0.0, 2.5], [-1.0, 1.0]));
    let back = |batch_count| {
        let (mut dh, mut dgamma, mut dbeta) = ([7.0, 1.0], [10.0], [20.0]);
        reference::normalise_relu_dropout_backward(
            MatMut::row_major(&mut dh, 2, 1),
            NormaliseBackward {
                h: MatRef::row_major(&y, 2, 1),
                normalised: MatRef::row_major(&x_hat, 2, 1),
                inv_std: &[1.0],
                gamma: &[2.0],
                present: None,
                batch_count,
                dropout_scale: 1.0,
            },
            &mut dgamma,
            &mut dbeta,
        );
        (dh, dgamma[0], dbeta[0])
    };
    assert_eq!(back(Some(2)), ([0.0, 0.0], 11.0, 21.0));
    // Constant statistics pass γ inv_std dz alone.
    assert_eq!(back(None), ([0.0, 2.0], 11.0, 21.0));
}

/// Rows 1 and 0 of a source, the middle one missing: (3 − 1) · 2 = 4.
#[test]
fn gathering_picks_standardises_and_leaves_gaps() {
    let source = RowSource {
        values: RowValues::F64(&[1.0, 2.0, 3.0, 4.0]),
        cols: 2,
    };
    let pick = |row| Some(Pick { source: 0, row });
    let standardise = Standardise {
        mean: &[1.0, 0.0],
        inv_std: &[2.0, 1.0],
        bound: f32::INFINITY,
    };
    let bounded = Standardise {
        bound: 1.5,
        ..standardise
    };
    let mut out = PackedRows::<f32>::zeros(3, 2);
    let picks = [pick(1), None, pick(0)];
    let same = RowScaling::Same(standardise);
    reference::gather_rows(&[source], &picks, same, &mut out);
    assert_eq!(out.to_row_major(), [4.0, 4.0, 0.0, 0.0, 0.0, 2.0]);
    let each = [standardise, standardise, bounded];
    reference::gather_rows(&[source], &picks, RowScaling::Each(&each), &mut out);
    assert_eq!(out.to_row_major(), [4.0, 4.0, 0.0, 0.0, 0.0, 1.5]);
}

/// From rest, with g = 1: m = 0.1, v = 0.001; lr 1 and both corrections make a step of 1.
#[test]
fn a_first_adam_step_is_the_learning_rate() {
    let (mut p, mut m, mut v) = ([5.0_f64], [0.0], [0.0]);
    let step = AdamStep {
        beta1: 0.9,
        beta2: 0.999,
        eps: 0.0,
        weight_decay: 0.0,
        step_size: 0.001_f64.sqrt() / (1.0 - 0.9),
        weight_factor: 1.0,
        gradient_scale: 1.0,
    };
    reference::adam_dense(&step, &mut p, &[1.0], &mut m, &mut v, None);
    assert_close(&[p[0], m[0], v[0]], &[4.0, 0.1, 0.001], 1e-12);
}
