//! The same bits from any number of threads, and from within a task of the pool.

use blendfuse_kernels::adam::{
    Factor, FactorInput, NextBatch, PanelMoments, adam_dense, adam_factored, factored_norm_squared,
};
use blendfuse_kernels::gemm::gemm;
use blendfuse_kernels::layout::Panels;
use blendfuse_kernels::linear::{linear_backward_input, linear_backward_weight, linear_forward};
use blendfuse_kernels::{MatMut, MatRef};
use rayon::prelude::*;

use crate::inputs::{assert_same_bits, fractions, packed};

/// All products of one layer on values that round, strung together.
fn everything(batch: usize, inputs: usize, outputs: usize) -> Vec<f32> {
    let x: Vec<f32> = fractions(batch * inputs, 1);
    let w: Vec<f32> = fractions(outputs * inputs, 2);
    let dy: Vec<f32> = fractions(batch * outputs, 3);
    let packed_x = packed(&x, batch, inputs);
    let mut p = Panels::from_row_major(&w, outputs, inputs);
    let (mut y, mut dx) = (vec![0.0; batch * outputs], vec![0.0; batch * inputs]);
    let (mut dw, mut c) = (vec![0.0; outputs * inputs], vec![0.0; batch * outputs]);
    let dy = MatRef::row_major(&dy, batch, outputs);
    linear_forward(
        &packed_x,
        &p,
        None,
        MatMut::row_major(&mut y, batch, outputs),
    );
    linear_backward_input(dy, &p, MatMut::row_major(&mut dx, batch, inputs));
    linear_backward_weight(dy, &packed_x, MatMut::row_major(&mut dw, outputs, inputs));
    let w = MatRef::row_major(&w, outputs, inputs).transposed();
    let x = MatRef::row_major(&x, batch, inputs);
    gemm(1.5, x, w, 0.0, MatMut::row_major(&mut c, batch, outputs));
    let factor = Factor {
        dy,
        x: FactorInput::Packed(&packed_x),
    };
    let norm = factored_norm_squared(&[factor, factor]) as f32;
    let (mut m, mut v) = (
        Panels::zeros(outputs, inputs),
        Panels::zeros(outputs, inputs),
    );
    let moments = PanelMoments {
        m: &mut m,
        v: &mut v,
        v_max: None,
    };
    let mut next_y = vec![0.0; batch * outputs];
    let next = NextBatch {
        x: &packed_x,
        y: MatMut::row_major(&mut next_y, batch, outputs),
    };
    let factors = [factor, factor];
    adam_factored(&crate::adam::step(), &factors, &mut p, moments, Some(next));
    let (mut q, mut n, mut u) = (y.clone(), y.clone(), c.clone());
    u.iter_mut().for_each(|u| *u *= *u);
    adam_dense(&crate::adam::step(), &mut q, &c, &mut n, &mut u, None);
    [
        &y[..],
        &dx,
        &dw,
        &c,
        p.as_slice(),
        m.as_slice(),
        v.as_slice(),
        &q,
        &n,
        &u,
        &next_y,
        &[norm],
    ]
    .concat()
}

const SHAPES: [(usize, usize, usize); 4] =
    [(64, 1200, 100), (65, 133, 256), (300, 70, 40), (3, 9, 5)];

#[test]
fn results_do_not_depend_on_the_number_of_threads() {
    let run = |threads| {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .expect("a pool");
        pool.install(|| SHAPES.map(|(batch, inputs, outputs)| everything(batch, inputs, outputs)))
    };
    let expected = run(1);
    for threads in [2, 3, 8] {
        for (ours, expected) in run(threads).iter().zip(&expected) {
            assert_same_bits(ours, expected);
        }
    }
}

#[test]
fn calls_from_within_a_task_give_the_same() {
    let expected = SHAPES.map(|(batch, inputs, outputs)| everything(batch, inputs, outputs));
    let nested: Vec<Vec<f32>> = SHAPES
        .into_par_iter()
        .map(|(batch, inputs, outputs)| everything(batch, inputs, outputs))
        .collect();
    for (ours, expected) in nested.iter().zip(&expected) {
        assert_same_bits(ours, expected);
    }
}
