//! Batches in which each block of columns counts in some rows only: the same bits as with their zeros.

use blendfuse_kernels::adam::{
    Factor, FactorInput, NextBatch, PanelMoments, adam_factored, factored_norm_squared,
};
use blendfuse_kernels::layout::{Panels, SelectedBlock, SelectedRows};
use blendfuse_kernels::linear::{
    linear_backward_input, linear_forward, selected_backward_input, selected_forward,
};
use blendfuse_kernels::{MatMut, MatRef, Real};

use crate::adam::step;
use crate::inputs::{assert_same_bits, fractions, packed};

/// Batch, blocks, width of a block, outputs.
const SHAPES: [[usize; 4]; 7] = [
    [1, 1, 1, 1],
    [9, 3, 5, 33],
    [64, 36, 32, 65],
    [64, 5, 256, 64],
    [130, 4, 300, 40],
    [33, 2, 400, 31],
    [8, 3, 8, 32],
];

/// Block `m` counts in about one row of `m + 1`, the second of several in none.
fn selected<T: Real>([batch, blocks, width, _]: [usize; 4]) -> SelectedRows<T> {
    let block = |m: usize| {
        let rows: Vec<usize> = match m {
            1 => Vec::new(),
            _ => (0..batch)
                .filter(|r| (r * 5 + m).is_multiple_of(m + 1))
                .collect(),
        };
        let values = fractions(rows.len() * width, 40 + m as u64);
        let values = packed(&values, rows.len(), width);
        SelectedBlock::new(rows, values)
    };
    SelectedRows::new(batch, (0..blocks).map(block).collect())
}

fn weight<T: Real>([_, blocks, width, outputs]: [usize; 4]) -> Panels<T> {
    let inputs = blocks * width;
    Panels::from_row_major(&fractions(outputs * inputs, 50), outputs, inputs)
}

fn products_have_the_bits_of_the_whole<T: Real>(shape: [usize; 4]) {
    let [batch, _, width, outputs] = shape;
    let (x, w) = (selected::<T>(shape), weight::<T>(shape));
    let whole = x.to_packed();
    // Whatever is there before.
    let mut y = vec![T::of(7.0); batch * outputs];
    let mut expected = y.clone();
    selected_forward(&x, &w, MatMut::row_major(&mut y, batch, outputs));
    let product = MatMut::row_major(&mut expected, batch, outputs);
    linear_forward(&whole, &w, None, product);
    assert_same_bits(&y, &expected);

    let dy = fractions::<T>(batch * outputs, 51);
    let dy = MatRef::row_major(&dy, batch, outputs);
    let mut expected = vec![T::zero(); batch * x.cols()];
    linear_backward_input(dy, &w, MatMut::row_major(&mut expected, batch, x.cols()));
    let dx = selected_backward_input(dy, &w, &x);
    for (m, (block, dx)) in x.blocks().iter().zip(&dx).enumerate() {
        assert_eq!(dx.len(), block.rows().len() * width);
        for (&row, dx) in block.rows().iter().zip(dx.chunks(width)) {
            let whole = &expected[row * x.cols() + m * width..][..width];
            assert_same_bits(dx, whole);
        }
    }
}

#[test]
fn products_have_the_bits_of_the_whole_batch() {
    for shape in SHAPES {
        products_have_the_bits_of_the_whole::<f32>(shape);
        products_have_the_bits_of_the_whole::<f64>(shape);
    }
}

/// Weight and moments after a step, and the product with a next batch.
fn stepped<T: Real>(
    factors: &[Factor<'_, T>],
    shape: [usize; 4],
    amsgrad: bool,
    next_rows: usize,
) -> Vec<Vec<T>> {
    let [_, blocks, width, outputs] = shape;
    let inputs = blocks * width;
    let of_squares = |seed| {
        let values: Vec<T> = fractions(outputs * inputs, seed);
        let squares: Vec<T> = values.iter().map(|&x| x * x).collect();
        Panels::from_row_major(&squares, outputs, inputs)
    };
    let mut p = weight::<T>(shape);
    let mut m = Panels::from_row_major(&fractions(outputs * inputs, 52), outputs, inputs);
    let (mut v, mut v_max) = (of_squares(53), of_squares(54));
    let moments = PanelMoments {
        m: &mut m,
        v: &mut v,
        v_max: amsgrad.then_some(&mut v_max),
    };
    let x = packed(&fractions::<T>(next_rows * inputs, 55), next_rows, inputs);
    let mut y = vec![T::zero(); next_rows * outputs];
    let next = (next_rows > 0).then(|| NextBatch {
        x: &x,
        y: MatMut::row_major(&mut y, next_rows, outputs),
    });
    adam_factored(&step(), factors, &mut p, moments, next);
    let mut all: Vec<Vec<T>> = [&p, &m, &v, &v_max].map(Panels::to_row_major).into();
    all.push(y);
    all
}

fn steps_have_the_bits_of_the_whole<T: Real>(shape: [usize; 4]) {
    let [batch, _, _, outputs] = shape;
    let x = selected::<T>(shape);
    let whole = x.to_packed();
    let dy = fractions::<T>(batch * outputs, 56);
    let of = |x| Factor {
        dy: MatRef::row_major(&dy, batch, outputs),
        x,
    };
    let (alone, instead) = (
        of(FactorInput::Selected(&x)),
        of(FactorInput::Packed(&whole)),
    );
    for (factors, expected) in [
        (vec![alone], vec![instead]),
        (vec![alone, instead], vec![instead, instead]),
        (vec![alone, alone], vec![instead, instead]),
    ] {
        for (amsgrad, next_rows) in [(false, 0), (true, 0), (false, 9), (true, 3)] {
            let ours = stepped(&factors, shape, amsgrad, next_rows);
            let expected = stepped(&expected, shape, amsgrad, next_rows);
            for (ours, expected) in ours.iter().zip(&expected) {
                assert_same_bits(ours, expected);
            }
        }
        assert_eq!(
            factored_norm_squared(&factors),
            factored_norm_squared(&expected)
        );
    }
}

#[test]
fn a_step_has_the_bits_of_the_whole_batch() {
    for shape in SHAPES {
        steps_have_the_bits_of_the_whole::<f32>(shape);
    }
    steps_have_the_bits_of_the_whole::<f64>([9, 3, 5, 33]);
}

#[test]
#[should_panic(expected = "ascending")]
fn refuses_rows_out_of_order() {
    SelectedBlock::new(vec![2, 1], packed(&[0.0_f32; 2], 2, 1));
}
