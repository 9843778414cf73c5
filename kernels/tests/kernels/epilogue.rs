//! Batch statistics, and the fused normalise-ReLU-dropout pass, forward and backward.

use blendfuse_kernels::counter::{Dropout, StreamKey};
use blendfuse_kernels::epilogue::{
    Affine, NormaliseBackward, NormaliseForward, column_moments, normalise_relu_dropout,
    normalise_relu_dropout_backward,
};
use blendfuse_kernels::{MatRef, Real, reference};

use crate::inputs::{Guarded, assert_close, assert_same_bits, fractions};

const SHAPES: [(usize, usize); 8] = [
    (0, 3),
    (1, 1),
    (3, 0),
    (2, 7),
    (9, 33),
    (64, 256),
    (65, 31),
    (200, 5),
];

fn dropout(rate: f64) -> Dropout {
    let key = StreamKey {
        seed: 1 << 40,
        stream: 9,
        step: 4,
    };
    Dropout { key, rate }
}

/// Every third row absent, or `None`.
fn presences(rows: usize) -> [Option<Vec<bool>>; 2] {
    [None, Some((0..rows).map(|r| r % 3 != 1).collect())]
}

fn moments_agree<T: Real>(rows: usize, cols: usize) {
    let y = Guarded::<T>::holding(&fractions(rows * cols, 1), rows, cols);
    for present in presences(rows) {
        let expected = reference::column_moments(y.as_ref(), present.as_deref());
        let ours = column_moments(y.as_ref(), present.as_deref());
        assert_same_bits(&ours.mean, &expected.mean);
        assert_same_bits(&ours.var, &expected.var);
        assert_eq!(ours.count, expected.count);
    }
}

fn fused_agrees<T: Real>(rows: usize, cols: usize) {
    let per_col = |seed| fractions::<T>(cols, seed);
    let (mean, inv_std, gamma, beta) = (per_col(1), per_col(2), per_col(3), per_col(4));
    let affine = Affine {
        gamma: &gamma,
        beta: &beta,
    };
    let y = Guarded::<T>::holding(&fractions(rows * cols, 5), rows, cols);
    let dh = Guarded::<T>::holding(&fractions(rows * cols, 6), rows, cols);
    for present in presences(rows) {
        let present = present.as_deref();
        for rate in [None, Some(0.0), Some(0.4)] {
            let dropout = rate.map(dropout);
            let (first_col, width) = (5, cols + 9);
            let operands = NormaliseForward {
                mean: &mean,
                inv_std: &inv_std,
                affine,
                present,
                dropout,
                first_col,
                width,
            };
            let (mut h, mut expected) = (y.clone(), y.clone());
            let mut x_hat = Guarded::unwritten(rows, cols);
            let mut expected_x_hat = x_hat.clone();
            reference::normalise_relu_dropout(
                expected.as_mut(),
                Some(expected_x_hat.as_mut()),
                operands,
            );
            normalise_relu_dropout(h.as_mut(), Some(x_hat.as_mut()), operands);
            assert_same_bits(&h.values(), &expected.values());
            assert_same_bits(&x_hat.values(), &expected_x_hat.values());
            let mut without = y.clone();
            normalise_relu_dropout(without.as_mut(), None, operands);
            assert_same_bits(&without.values(), &expected.values());

            for batch_count in [None, Some(rows.max(1))] {
                let scale = T::of(dropout.map_or(1.0, |d| d.scale()));
                let (mut ours, mut expected) = (dh.clone(), dh.clone());
                let mut ours_affine = (per_col(7), per_col(8));
                let mut expected_affine = ours_affine.clone();
                let operands = NormaliseBackward {
                    h: h.as_ref(),
                    normalised: x_hat.as_ref(),
                    inv_std: &inv_std,
                    gamma: &gamma,
                    present,
                    batch_count,
                    dropout_scale: scale,
                };
                reference::normalise_relu_dropout_backward(
                    expected.as_mut(),
                    operands,
                    &mut expected_affine.0,
                    &mut expected_affine.1,
                );
                normalise_relu_dropout_backward(
                    ours.as_mut(),
                    operands,
                    &mut ours_affine.0,
                    &mut ours_affine.1,
                );
                assert_same_bits(&ours.values(), &expected.values());
                assert_same_bits(&ours_affine.0, &expected_affine.0);
                assert_same_bits(&ours_affine.1, &expected_affine.1);
            }
        }
    }
}

#[test]
fn moments_agree_with_the_reference() {
    for (rows, cols) in SHAPES {
        moments_agree::<f32>(rows, cols);
        moments_agree::<f64>(rows, cols);
    }
}

#[test]
fn moments_of_a_transposed_matrix_are_those_of_its_columns() {
    let values: Vec<f32> = fractions(20 * 7, 1);
    let y = MatRef::row_major(&values, 7, 20).transposed();
    assert_eq!(column_moments(y, None), reference::column_moments(y, None));
}

/// One pass of f32 sums would lose all of the variance here.
#[test]
fn moments_survive_a_large_offset() {
    let y: Vec<f32> = (0..1000).map(|r| 4096.0 + (r % 2) as f32).collect();
    let moments = column_moments(MatRef::row_major(&y, 1000, 1), None);
    assert_eq!((moments.mean[0], moments.var[0]), (4096.5, 0.25));
}

#[test]
fn moments_of_no_rows_are_nan() {
    let y = [1.0_f32, 2.0];
    let moments = column_moments(MatRef::row_major(&y, 2, 1), Some(&[false, false]));
    assert!(moments.mean[0].is_nan() && moments.var[0].is_nan());
    assert_eq!(moments.count, 0);
}

#[test]
fn fused_pass_agrees_with_the_reference_forward_and_backward() {
    for (rows, cols) in SHAPES {
        fused_agrees::<f32>(rows, cols);
        fused_agrees::<f64>(rows, cols);
    }
}

#[test]
fn nan_stays_unless_it_is_dropped() {
    let ones = [1.0_f32; 100];
    let affine = Affine {
        gamma: &ones,
        beta: &ones,
    };
    let run = |dropout| {
        let mut y = Guarded::holding(&[f32::NAN; 100], 1, 100);
        normalise_relu_dropout(
            y.as_mut(),
            None,
            NormaliseForward {
                mean: &ones,
                inv_std: &ones,
                affine,
                present: None,
                dropout,
                first_col: 0,
                width: 100,
            },
        );
        y.values().iter().filter(|y| y.is_nan()).count()
    };
    assert_eq!(run(None), 100);
    let kept = run(Some(dropout(0.5)));
    assert!(kept > 25 && kept < 75, "{kept}");
}

/// The layer's elements have one numbering, however it is cut into blocks of columns.
#[test]
fn blocks_of_columns_drop_what_the_whole_layer_drops() {
    let (rows, width) = (13, 45);
    let y: Vec<f32> = fractions(rows * width, 1);
    let ones = vec![1.0; width];
    let zeros = vec![0.0; width];
    let run = |first: usize, cols: usize| {
        let part: Vec<f32> = (0..rows)
            .flat_map(|r| &y[r * width + first..][..cols])
            .copied()
            .collect();
        let mut part = Guarded::holding(&part, rows, cols);
        let affine = Affine {
            gamma: &ones[..cols],
            beta: &ones[..cols],
        };
        normalise_relu_dropout(
            part.as_mut(),
            None,
            NormaliseForward {
                mean: &zeros[..cols],
                inv_std: &ones[..cols],
                affine,
                present: None,
                dropout: Some(dropout(0.33)),
                first_col: first,
                width,
            },
        );
        part.values()
    };
    let whole = run(0, width);
    for (first, cols) in [(0, 7), (7, 32), (39, 6)] {
        let part = run(first, cols);
        for r in 0..rows {
            assert_same_bits(
                &part[r * cols..][..cols],
                &whole[r * width + first..][..cols],
            );
        }
    }
}

/// Kept shares of the whole, of each row and of each column, and the mean that scaling preserves.
#[test]
fn dropout_keeps_its_share_everywhere() {
    let (rows, cols, rate) = (400, 256, 0.33);
    let ones = vec![1.0_f32; cols];
    let zeros = vec![0.0; cols];
    let affine = Affine {
        gamma: &ones,
        beta: &zeros,
    };
    let mut y = Guarded::holding(&vec![1.0; rows * cols], rows, cols);
    normalise_relu_dropout(
        y.as_mut(),
        None,
        NormaliseForward {
            mean: &zeros,
            inv_std: &ones,
            affine,
            present: None,
            dropout: Some(dropout(rate)),
            first_col: 0,
            width: cols,
        },
    );
    let y = y.values();
    let check = |kept: usize, of: usize| {
        // Five standard errors: one in a million for each of 657 shares.
        let error = (rate * (1.0 - rate) / of as f64).sqrt();
        let share = kept as f64 / of as f64;
        assert!(
            (share - (1.0 - rate)).abs() <= 5.0 * error,
            "{kept} of {of}"
        );
    };
    let kept = |values: &mut dyn Iterator<Item = &f32>| values.filter(|&&y| y > 0.0).count();
    check(kept(&mut y.iter()), rows * cols);
    for r in 0..rows {
        check(kept(&mut y[r * cols..][..cols].iter()), cols);
    }
    for c in 0..cols {
        check(kept(&mut y.iter().skip(c).step_by(cols)), rows);
    }
    let mean = y.iter().map(|&y| f64::from(y)).sum::<f64>() / y.len() as f64;
    assert_close(&[mean], &[1.0], 0.01);
}

#[test]
#[should_panic(expected = "per column")]
fn refuses_statistics_of_another_width() {
    let ones = [1.0_f32; 3];
    let affine = Affine {
        gamma: &ones,
        beta: &ones,
    };
    let mut y = Guarded::holding(&ones, 1, 3);
    normalise_relu_dropout(
        y.as_mut(),
        None,
        NormaliseForward {
            mean: &ones[..2],
            inv_std: &ones,
            affine,
            present: None,
            dropout: None,
            first_col: 0,
            width: 3,
        },
    );
}
