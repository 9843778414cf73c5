//! Adam on dense and on factored gradients.

use blendfuse_kernels::adam::{
    AdamStep, Factor, FactorInput, NextBatch, PanelMoments, adam_dense, adam_factored,
    factored_norm_squared,
};
use blendfuse_kernels::layout::{PackedRows, Panels};
use blendfuse_kernels::linear::linear_forward;
use blendfuse_kernels::{MatRef, Real, reference};

use crate::inputs::{
    assert_close, assert_padding_is_zero, assert_same_bits, fractions, integers, packed,
};

pub fn step<T: Real>() -> AdamStep<T> {
    AdamStep {
        beta1: T::of(0.9),
        beta2: T::of(0.999),
        eps: T::of(1e-8),
        weight_decay: T::of(1e-3),
        step_size: T::of(1e-4),
        weight_factor: T::one(),
        gradient_scale: T::one(),
    }
}

/// Coupled and decoupled decay, descent, ascent and clipping.
fn steps<T: Real>() -> [AdamStep<T>; 4] {
    let decoupled = AdamStep {
        weight_decay: T::zero(),
        weight_factor: T::of(0.99),
        ..step()
    };
    [
        step(),
        decoupled,
        AdamStep {
            gradient_scale: -T::one(),
            ..step()
        },
        AdamStep {
            gradient_scale: T::of(0.25),
            ..decoupled
        },
    ]
}

struct State<T> {
    p: Vec<T>,
    m: Vec<T>,
    v: Vec<T>,
    v_max: Vec<T>,
}

fn state<T: Real>(len: usize) -> State<T> {
    let squares = |seed| {
        integers::<T>(len, seed)
            .into_iter()
            .map(|x| x * x)
            .collect()
    };
    State {
        p: integers(len, 11),
        m: integers(len, 12),
        v: squares(13),
        v_max: squares(14),
    }
}

#[test]
fn dense_agrees_with_the_reference_bit_for_bit() {
    for len in [0, 1, 15, 16, 17, 1000, 70_001] {
        for step in steps::<f32>() {
            for amsgrad in [false, true] {
                let g = fractions(len, 5);
                let (mut ours, mut expected) = (state(len), state(len));
                let State { p, m, v, v_max } = &mut ours;
                adam_dense(&step, p, &g, m, v, amsgrad.then_some(v_max));
                let State { p, m, v, v_max } = &mut expected;
                reference::adam_dense(&step, p, &g, m, v, amsgrad.then_some(v_max));
                assert_same_bits(&ours.p, &expected.p);
                assert_same_bits(&ours.m, &expected.m);
                assert_same_bits(&ours.v, &expected.v);
                assert_same_bits(&ours.v_max, &expected.v_max);
            }
        }
    }
}

/// With integers the gradient is exact, so both routes must give the same bits.
fn factored_is_dense<T: Real>(batches: &[usize], inputs: usize, outputs: usize) {
    let xs: Vec<Vec<T>> = batches.iter().map(|b| integers(b * inputs, 21)).collect();
    let dys: Vec<Vec<T>> = batches.iter().map(|b| integers(b * outputs, 22)).collect();
    let packed_xs: Vec<PackedRows<T>> = xs
        .iter()
        .zip(batches)
        .map(|(x, &batch)| packed(x, batch, inputs))
        .collect();
    let factors: Vec<Factor<'_, T>> = packed_xs
        .iter()
        .zip(&dys)
        .map(|(x, dy)| Factor {
            dy: MatRef::row_major(dy, x.rows(), outputs),
            x: FactorInput::Packed(x),
        })
        .collect();
    let mut g = vec![T::zero(); outputs * inputs];
    for factor in &factors {
        let dw = blendfuse_kernels::MatMut::row_major(&mut g, outputs, inputs);
        reference::linear_backward_weight(factor.dy, &factor.x.to_packed(), dw);
    }

    for step in steps::<T>() {
        for (amsgrad, next_rows) in [
            (false, None),
            (true, None),
            (false, Some(9)),
            (true, Some(65)),
        ] {
            let mut dense = state::<T>(outputs * inputs);
            let panels = |values: &[T]| Panels::from_row_major(values, outputs, inputs);
            let (mut p, mut m) = (panels(&dense.p), panels(&dense.m));
            let (mut v, mut v_max) = (panels(&dense.v), panels(&dense.v_max));
            let moments = PanelMoments {
                m: &mut m,
                v: &mut v,
                v_max: amsgrad.then_some(&mut v_max),
            };
            let rows = next_rows.unwrap_or(0);
            let next_x = packed(&fractions::<T>(rows * inputs, 23), rows, inputs);
            let (mut y, mut expected) = (
                vec![T::of(7.0); rows * outputs],
                vec![T::zero(); rows * outputs],
            );
            let next = next_rows.map(|rows| NextBatch {
                x: &next_x,
                y: blendfuse_kernels::MatMut::row_major(&mut y, rows, outputs),
            });
            adam_factored(&step, &factors, &mut p, moments, next);
            let product = blendfuse_kernels::MatMut::row_major(&mut expected, rows, outputs);
            linear_forward(&next_x, &p, None, product);
            assert_same_bits(&y, &expected);
            let State {
                p: dp,
                m: dm,
                v: dv,
                v_max: dv_max,
            } = &mut dense;
            reference::adam_dense(&step, dp, &g, dm, dv, amsgrad.then_some(dv_max));
            for (packed, dense) in [(&p, dp), (&m, dm), (&v, dv), (&v_max, dv_max)] {
                assert_same_bits(&packed.to_row_major(), dense);
                assert_padding_is_zero(packed);
            }
        }
    }
}

#[test]
fn factored_is_dense_on_the_product_at_every_edge() {
    for inputs in [1, 7, 8, 9, 33, 200, 257, 300] {
        for outputs in [1, 31, 32, 33, 65] {
            for batch in [1, 8, 9, 33, 65] {
                factored_is_dense::<f32>(&[batch], inputs, outputs);
            }
        }
    }
    factored_is_dense::<f32>(&[64], 1500, 256);
    factored_is_dense::<f64>(&[9], 33, 40);
}

#[test]
fn factors_add_up_and_may_be_absent() {
    factored_is_dense::<f32>(&[], 17, 33);
    factored_is_dense::<f32>(&[0], 17, 33);
    factored_is_dense::<f32>(&[3, 64, 128], 100, 40);
    factored_is_dense::<f32>(&[5, 5], 0, 3);
    factored_is_dense::<f32>(&[5, 5], 3, 0);
}

/// An infinite input makes 0 · ∞ in the padding, which must stay 0 all the same.
#[test]
fn padding_stays_zero_under_infinite_inputs() {
    let (batch, inputs, outputs) = (9, 12, 33);
    let mut x = integers::<f32>(batch * inputs, 1);
    x[3] = f32::INFINITY;
    let x = packed(&x, batch, inputs);
    let dy = vec![1.0; batch * outputs];
    let factor = Factor {
        dy: MatRef::row_major(&dy, batch, outputs),
        x: FactorInput::Packed(&x),
    };
    let mut p = Panels::from_row_major(&vec![1.0; outputs * inputs], outputs, inputs);
    let (mut m, mut v) = (
        Panels::zeros(outputs, inputs),
        Panels::zeros(outputs, inputs),
    );
    let mut v_max = Panels::zeros(outputs, inputs);
    let moments = PanelMoments {
        m: &mut m,
        v: &mut v,
        v_max: Some(&mut v_max),
    };
    let step = AdamStep { eps: 0.0, ..step() };
    adam_factored(&step, &[factor], &mut p, moments, None);
    for panels in [&p, &m, &v, &v_max] {
        assert_padding_is_zero(panels);
    }
    assert!(p.get(32, 3).is_nan());
    assert!(p.get(32, 4).is_finite());
}

#[test]
fn norm_from_gram_matrices_is_the_norm_of_the_product() {
    for (batches, inputs, outputs) in [
        (vec![1], 1, 1),
        (vec![9], 400, 33),
        (vec![64], 1000, 65),
        (vec![3, 40, 65], 50, 31),
    ] {
        let xs: Vec<PackedRows<f32>> = batches
            .iter()
            .map(|&b| packed(&integers(b * inputs, 31 + b as u64), b, inputs))
            .collect();
        let dys: Vec<Vec<f32>> = batches
            .iter()
            .map(|&b| integers(b * outputs, 32 + b as u64))
            .collect();
        let factors: Vec<Factor<'_, f32>> = xs
            .iter()
            .zip(&dys)
            .map(|(x, dy)| Factor {
                dy: MatRef::row_major(dy, x.rows(), outputs),
                x: FactorInput::Packed(x),
            })
            .collect();
        let mut g = vec![0.0_f32; outputs * inputs];
        for factor in &factors {
            let dw = blendfuse_kernels::MatMut::row_major(&mut g, outputs, inputs);
            reference::linear_backward_weight(factor.dy, &factor.x.to_packed(), dw);
        }
        let expected: f64 = g.iter().map(|&g| f64::from(g).powi(2)).sum();
        // Integers: exact.
        assert_eq!(factored_norm_squared(&factors), expected);
    }
    assert_eq!(factored_norm_squared::<f32>(&[]), 0.0);
}

#[test]
fn norm_of_a_nan_is_nan() {
    let x = packed(&[1.0_f32, f32::NAN], 1, 2);
    let dy = [1.0];
    let factor = Factor {
        dy: MatRef::row_major(&dy, 1, 1),
        x: FactorInput::Packed(&x),
    };
    assert!(factored_norm_squared(&[factor]).is_nan());
}

/// `torch.optim.Adam` written out: g += λp, the moments, and p −= lr m̂ / (√v̂ + ε).
#[test]
fn a_step_is_torchs() {
    let (beta1, beta2, eps, decay, lr) = (0.9_f64, 0.999_f64, 1e-8, 1e-2, 0.1);
    let (mut p, mut m, mut v) = (vec![0.5, -2.0, 3.0], vec![0.0; 3], vec![0.0; 3]);
    let (mut q, mut n, mut w) = (p.clone(), m.clone(), v.clone());
    for t in 1..=5_i32 {
        let g = [0.3, -0.7 * f64::from(t), 1e-3];
        let root_correction = (1.0 - beta2.powi(t)).sqrt();
        let step = AdamStep {
            beta1,
            beta2,
            eps: eps * root_correction,
            weight_decay: decay,
            step_size: lr * root_correction / (1.0 - beta1.powi(t)),
            weight_factor: 1.0,
            gradient_scale: 1.0,
        };
        adam_dense(&step, &mut p, &g, &mut m, &mut v, None);
        for i in 0..3 {
            let g = g[i] + decay * q[i];
            n[i] = beta1 * n[i] + (1.0 - beta1) * g;
            w[i] = beta2 * w[i] + (1.0 - beta2) * g * g;
            let (m_hat, v_hat) = (n[i] / (1.0 - beta1.powi(t)), w[i] / (1.0 - beta2.powi(t)));
            q[i] -= lr * m_hat / (f64::sqrt(v_hat) + eps);
        }
    }
    assert_close(&p, &q, 1e-14);
}

#[test]
#[should_panic(expected = "gradient and moments")]
fn refuses_moments_of_another_length() {
    adam_dense(
        &step::<f32>(),
        &mut [0.0; 3],
        &[0.0; 3],
        &mut [0.0; 2],
        &mut [0.0; 3],
        None,
    );
}

#[test]
#[should_panic(expected = "largest second moment")]
fn refuses_a_largest_moment_of_another_length() {
    let v_max: &mut [f32] = &mut [0.0; 2];
    adam_dense(
        &step(),
        &mut [0.0; 3],
        &[0.0; 3],
        &mut [0.0; 3],
        &mut [0.0; 3],
        Some(v_max),
    );
}
