//! The packed linear layer.

use blendfuse_kernels::layout::Panels;
use blendfuse_kernels::linear::{linear_backward_input, linear_backward_weight, linear_forward};
use blendfuse_kernels::{MatRef, Real, reference};

use crate::inputs::{Guarded, SIZES, assert_padding_is_zero, integers, packed};

struct Layer<T> {
    x: Vec<T>,
    w: Vec<T>,
    dy: Vec<T>,
    bias: Vec<T>,
}

fn layer<T: Real>(batch: usize, inputs: usize, outputs: usize) -> Layer<T> {
    Layer {
        x: integers(batch * inputs, 1),
        w: integers(outputs * inputs, 2),
        dy: integers(batch * outputs, 3),
        bias: integers(outputs, 4),
    }
}

fn check<T: Real>(batch: usize, inputs: usize, outputs: usize) {
    let layer = layer::<T>(batch, inputs, outputs);
    let x = packed(&layer.x, batch, inputs);
    let w = Panels::from_row_major(&layer.w, outputs, inputs);
    assert_padding_is_zero(&w);
    let shape = format!("batch {batch}, inputs {inputs}, outputs {outputs}");

    for bias in [None, Some(&layer.bias[..])] {
        let mut expected = Guarded::unwritten(batch, outputs);
        reference::linear_forward(&x, &w, bias, expected.as_mut());
        let mut y = Guarded::unwritten(batch, outputs);
        linear_forward(&x, &w, bias, y.as_mut());
        assert_eq!(y.values(), expected.values(), "forward: {shape}");
    }

    let dy = Guarded::holding(&layer.dy, batch, outputs);
    let mut expected = Guarded::holding(&layer.x, batch, inputs);
    let mut dx = expected.clone();
    reference::linear_backward_input(dy.as_ref(), &w, expected.as_mut());
    linear_backward_input(dy.as_ref(), &w, dx.as_mut());
    assert_eq!(dx.values(), expected.values(), "input: {shape}");

    let mut expected = Guarded::holding(&layer.w, outputs, inputs);
    let mut dw = expected.clone();
    reference::linear_backward_weight(dy.as_ref(), &x, expected.as_mut());
    linear_backward_weight(dy.as_ref(), &x, dw.as_mut());
    assert_eq!(dw.values(), expected.values(), "weight: {shape}");
}

#[test]
fn agrees_with_the_reference_at_every_edge() {
    for batch in SIZES {
        for inputs in SIZES {
            for outputs in SIZES {
                check::<f32>(batch, inputs, outputs);
            }
        }
    }
}

#[test]
fn agrees_with_the_reference_in_double_precision() {
    for (batch, inputs, outputs) in [(1, 1, 1), (9, 400, 33), (65, 33, 7), (32, 385, 64)] {
        check::<f64>(batch, inputs, outputs);
    }
}

#[test]
fn agrees_with_the_reference_over_several_passes_and_bands() {
    for (batch, inputs, outputs) in [
        (64, 1000, 256),
        (300, 400, 40),
        (513, 385, 300),
        (2, 4097, 31),
    ] {
        check::<f32>(batch, inputs, outputs);
    }
}

#[test]
fn takes_gradients_of_any_strides() {
    let (batch, inputs, outputs) = (33, 20, 40);
    let layer = layer::<f32>(batch, inputs, outputs);
    let x = packed(&layer.x, batch, inputs);
    let w = Panels::from_row_major(&layer.w, outputs, inputs);
    // Column-major, one row broadcast to all, and every second column of a wider matrix.
    let wide: Vec<f32> = integers(batch * outputs * 2, 5);
    for dy in [
        MatRef::row_major(&layer.dy, outputs, batch).transposed(),
        MatRef::new(&layer.dy, batch, outputs, 0, 1),
        MatRef::new(&layer.dy, batch, outputs, 1, 0),
        MatRef::new(&wide, batch, outputs, 2 * outputs, 2),
    ] {
        let mut expected = Guarded::holding(&layer.x, batch, inputs);
        let mut dx = expected.clone();
        reference::linear_backward_input(dy, &w, expected.as_mut());
        linear_backward_input(dy, &w, dx.as_mut());
        assert_eq!(dx.values(), expected.values());

        let mut expected = Guarded::holding(&layer.w, outputs, inputs);
        let mut dw = expected.clone();
        reference::linear_backward_weight(dy, &x, expected.as_mut());
        linear_backward_weight(dy, &x, dw.as_mut());
        assert_eq!(dw.values(), expected.values());
    }
}

/// A NaN or an infinity reaches what depends on it, and nothing else.
#[test]
fn passes_on_what_is_not_finite() {
    let (batch, inputs, outputs) = (33, 400, 40);
    let mut layer = layer::<f32>(batch, inputs, outputs);
    layer.x[32 * inputs + 199] = f32::NAN;
    layer.w[39 * inputs + 5] = f32::INFINITY;
    layer.dy[7 * outputs + 39] = f32::NEG_INFINITY;
    let x = packed(&layer.x, batch, inputs);
    let w = Panels::from_row_major(&layer.w, outputs, inputs);
    let dy = MatRef::row_major(&layer.dy, batch, outputs);
    let same = |x: &[f32], y: &[f32]| {
        assert!(
            x.iter()
                .zip(y)
                .all(|(x, y)| x == y || (x.is_nan() && y.is_nan()))
        );
        assert!(x.iter().any(|x| !x.is_finite()) && x.iter().any(|x| x.is_finite()));
    };

    let mut expected = Guarded::unwritten(batch, outputs);
    let mut y = expected.clone();
    reference::linear_forward(&x, &w, None, expected.as_mut());
    linear_forward(&x, &w, None, y.as_mut());
    same(&y.values(), &expected.values());

    let mut expected = Guarded::holding(&vec![0.0; batch * inputs], batch, inputs);
    let mut dx = expected.clone();
    reference::linear_backward_input(dy, &w, expected.as_mut());
    linear_backward_input(dy, &w, dx.as_mut());
    same(&dx.values(), &expected.values());

    let mut expected = Guarded::holding(&vec![0.0; outputs * inputs], outputs, inputs);
    let mut dw = expected.clone();
    reference::linear_backward_weight(dy, &x, expected.as_mut());
    linear_backward_weight(dy, &x, dw.as_mut());
    same(&dw.values(), &expected.values());
}

#[test]
#[should_panic(expected = "inputs, batch, outputs")]
fn refuses_mismatched_inputs() {
    let x = packed(&[1.0_f32; 6], 2, 3);
    let w = Panels::from_row_major(&[1.0; 8], 2, 4);
    linear_forward(&x, &w, None, Guarded::unwritten(2, 2).as_mut());
}

#[test]
fn packs_and_unpacks_without_loss() {
    for rows in SIZES {
        for cols in SIZES {
            let values: Vec<f32> = integers(rows * cols, 6);
            let w = Panels::from_row_major(&values, rows, cols);
            assert_eq!(w.to_row_major(), values);
            assert_eq!(w.as_slice().as_ptr() as usize % 64 * w.as_slice().len(), 0);
            let x = packed(&values, rows, cols);
            assert_eq!(x.to_row_major(), values);
            crate::inputs::assert_row_padding_is_zero(&x);
            let transposed = MatRef::row_major(&values, rows, cols).transposed();
            let x = blendfuse_kernels::layout::PackedRows::from_view(transposed);
            for r in 0..cols {
                for c in 0..rows {
                    assert_eq!(x.get(r, c), values[c * cols + r]);
                }
            }
        }
    }
}
