//! Layers of a trained network: exact against the reference, and the same bits for a row whatever
//! batch it comes in.

use blendfuse_kernels::inference::{BatchRows, Epilogue, Projection, dense, project, scale_blocks};
use blendfuse_kernels::layout::{PackedRows, Panels};
use blendfuse_kernels::pack::{RowScaling, RowSource, RowValues, Standardise, StoredRows};
use blendfuse_kernels::{MatRef, reference};

use crate::inputs::{
    SIZES, assert_row_padding_is_zero, assert_same_bits, fractions, integers, packed,
};

fn stored(values: &[f32], cols: usize) -> StoredRows<'_> {
    let values = RowValues::F32(values);
    RowSource { values, cols }.into()
}

/// A buffer that holds what a former batch left there.
fn used(rows: usize, cols: usize) -> PackedRows<f32> {
    let mut out = PackedRows::zeros(rows, cols);
    for r in 0..rows {
        for c in 0..cols {
            let at = out.index(r, c);
            out.as_mut_slice()[at] = f32::NAN;
        }
    }
    out
}

fn check_dense(batch: usize, inputs: usize, outputs: usize) {
    let (x, w) = (integers(batch * inputs, 1), integers(outputs * inputs, 2));
    let (scale, shift) = (integers(outputs, 3), integers(outputs, 4));
    for relu in [false, true] {
        let epilogue = Epilogue {
            scale: &scale,
            shift: &shift,
            relu,
        };
        let mut out = used(batch, outputs);
        let panels = Panels::from_row_major(&w, outputs, inputs);
        dense(&packed(&x, batch, inputs), &panels, epilogue, &mut out);
        let (x, w) = (
            MatRef::row_major(&x, batch, inputs),
            MatRef::row_major(&w, outputs, inputs),
        );
        assert_eq!(
            out.to_row_major(),
            reference::folded_layer(x, w, epilogue),
            "{batch} {inputs} {outputs}"
        );
        assert_row_padding_is_zero(&out);
    }
}

#[test]
fn dense_agrees_with_the_reference_at_every_edge() {
    for batch in SIZES {
        for inputs in SIZES {
            check_dense(batch, inputs, 33);
            check_dense(batch, 9, inputs);
        }
    }
    check_dense(300, 400, 256);
}

/// Layers of several widths over stored rows, some of them missing.
fn check_project(batch: usize, widths: &[usize], outputs: &[usize]) {
    let rows: Vec<Vec<Option<usize>>> = (0..widths.len())
        .map(|m| {
            let row = |r: usize| (r % 4 != m).then_some((r * 3 + m) % 5);
            (0..batch).map(row).collect()
        })
        .collect();
    let seed = |m: usize, what: u64| 10 * m as u64 + what;
    let each = |m: usize| (m, widths[m], outputs[m]);
    let layers = || (0..widths.len()).map(each);
    let x: Vec<Vec<f32>> = layers()
        .map(|(m, i, _)| integers(5 * i, seed(m, 1)))
        .collect();
    let w: Vec<Vec<f32>> = layers()
        .map(|(m, i, o)| integers(o * i, seed(m, 2)))
        .collect();
    let mean: Vec<Vec<f32>> = layers().map(|(m, i, _)| integers(i, seed(m, 3))).collect();
    let scale: Vec<Vec<f32>> = layers().map(|(m, _, o)| integers(o, seed(m, 5))).collect();
    let panels: Vec<_> = layers()
        .map(|(m, i, o)| Panels::from_row_major(&w[m], o, i))
        .collect();
    let epilogue = |m: usize| Epilogue {
        scale: &scale[m],
        shift: &scale[m],
        relu: true,
    };
    let standardise = |m: usize, bound: f32| Standardise {
        mean: &mean[m],
        inv_std: &mean[m],
        bound,
    };
    // Every second row has a bound, in the first layer.
    let bound = |m: usize, r: usize| match m == 0 && r % 2 == 1 {
        true => 4.0,
        false => f32::INFINITY,
    };
    let each: Vec<_> = (0..batch).map(|r| standardise(0, bound(0, r))).collect();
    let given: Vec<Projection<'_>> = (0..widths.len())
        .map(|m| Projection {
            input: BatchRows {
                features: stored(&x[m], widths[m]),
                rows: &rows[m],
                scaling: match m {
                    0 => RowScaling::Each(&each),
                    1 => RowScaling::None,
                    _ => RowScaling::Same(standardise(m, f32::INFINITY)),
                },
            },
            weights: &panels[m],
            epilogue: epilogue(m),
        })
        .collect();
    let total: usize = outputs.iter().sum();
    let mut out = used(batch, total);
    project(&given, &mut out);
    let mut first = 0;
    for (m, i, o) in layers() {
        for (r, row) in rows[m].iter().enumerate() {
            let expected = row.map_or_else(
                || vec![0.0; o],
                |row| {
                    let mut x = x[m][row * i..][..i].to_vec();
                    if m != 1 {
                        x.iter_mut().zip(&mean[m]).for_each(|(x, s)| {
                            *x = ((*x - s) * s).clamp(-bound(m, r), bound(m, r));
                        });
                    }
                    let w = MatRef::row_major(&w[m], o, i);
                    reference::folded_layer(MatRef::row_major(&x, 1, i), w, epilogue(m))
                },
            );
            let found: Vec<f32> = (0..o).map(|c| out.get(r, first + c)).collect();
            assert_eq!(found, expected, "row {r} of layer {m}");
        }
        first += o;
    }
    assert_row_padding_is_zero(&out);
}

#[test]
fn projections_agree_with_the_reference_at_every_edge() {
    for batch in SIZES {
        check_project(batch, &[9, 400, 1], &[33, 5, 64]);
        check_project(batch, &[400], &[256]);
    }
    check_project(600, &[50, 385, 7], &[64, 100, 31]);
}

#[test]
fn a_row_has_the_same_bits_in_any_batch_and_with_any_number_of_threads() {
    let (widths, outputs, batch) = ([700, 33], [256, 40], 300);
    let x: Vec<Vec<f32>> = widths.map(|width| fractions(batch * width, 1)).to_vec();
    let panels = [0, 1].map(|m: usize| {
        let w = fractions(outputs[m] * widths[m], 2);
        Panels::from_row_major(&w, outputs[m], widths[m])
    });
    let scale: Vec<f32> = fractions(256, 3);
    let run = |rows: &[usize], threads: usize| {
        let rows: Vec<_> = rows.iter().map(|&row| Some(row)).collect();
        let layers: Vec<_> = (0..2)
            .map(|m| Projection {
                input: BatchRows {
                    features: stored(&x[m], widths[m]),
                    rows: &rows,
                    scaling: RowScaling::None,
                },
                weights: &panels[m],
                epilogue: Epilogue {
                    scale: &scale[..outputs[m]],
                    shift: &scale[..outputs[m]],
                    relu: false,
                },
            })
            .collect();
        let mut h = used(rows.len(), 296);
        let mut z = used(rows.len(), 40);
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap().install(|| {
            project(&layers, &mut h);
            let w = Panels::from_row_major(&fractions(40 * 296, 4), 40, 296);
            let epilogue = Epilogue {
                scale: &scale[..40],
                shift: &scale[..40],
                relu: true,
            };
            dense(&h, &w, epilogue, &mut z);
        });
        [h.to_row_major(), z.to_row_major()]
    };
    let all: Vec<usize> = (0..batch).collect();
    let whole = run(&all, 1);
    for threads in [2, 5] {
        let again = run(&all, threads);
        assert_same_bits(&again[0], &whole[0]);
        assert_same_bits(&again[1], &whole[1]);
    }
    for rows in [&[7][..], &[299, 0], &[3; 9], &all[100..190]] {
        let [h, z] = run(rows, 2);
        for (r, &row) in rows.iter().enumerate() {
            assert_same_bits(&h[r * 296..][..296], &whole[0][row * 296..][..296]);
            assert_same_bits(&z[r * 40..][..40], &whole[1][row * 40..][..40]);
        }
    }
}

#[test]
fn weighing_scales_each_part_of_each_row_and_erases_what_counts_nothing() {
    let x: Vec<f32> = integers(9 * 6, 1);
    let mut out = packed(&x, 9, 6);
    let at = out.index(4, 3);
    out.as_mut_slice()[at] = f32::NAN;
    let factors: Vec<f32> = (0..18)
        .map(|i| if i == 9 { 0.0 } else { i as f32 })
        .collect();
    scale_blocks(&mut out, 3, MatRef::row_major(&factors, 9, 2));
    for r in 0..9 {
        for c in 0..6 {
            let factor = factors[2 * r + c / 3];
            let expected = if factor == 0.0 {
                0.0
            } else {
                x[6 * r + c] * factor
            };
            assert_eq!(out.get(r, c), expected);
        }
    }
    assert_row_padding_is_zero(&out);
}

#[test]
fn nan_stays_nan_through_the_epilogue() {
    let w = Panels::from_row_major(&[f32::NAN, 1.0], 2, 1);
    let epilogue = Epilogue {
        scale: &[1.0, 1.0],
        shift: &[0.0, 0.0],
        relu: true,
    };
    for batch in [1, 2] {
        let mut out = used(batch, 2);
        dense(&packed(&vec![1.0; batch], batch, 1), &w, epilogue, &mut out);
        assert!(out.get(0, 0).is_nan() && out.get(0, 1) == 1.0);
    }
}
