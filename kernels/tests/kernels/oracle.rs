//! The reference itself, on cases small enough to work out by hand.

use blendfuse_kernels::layout::Panels;
use blendfuse_kernels::{MatMut, MatRef, reference};

use crate::inputs::packed;

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
