//! Gathering stored rows into a packed batch.

use blendfuse_kernels::layout::PackedRows;
use blendfuse_kernels::pack::{
    Pick, RowScaling, RowSource, RowValues, Standardise, StoredRows, StoredValues, gather_rows,
};
use blendfuse_kernels::{Real, reference};
use half::f16;

use crate::inputs::{SIZES, assert_row_padding_is_zero, assert_same_bits, fractions};

/// Picks from three sources of 5 rows each, in no order, with every seventh row missing.
fn picks(batch: usize) -> Vec<Option<Pick>> {
    (0..batch)
        .map(|r| {
            (r % 7 != 3).then_some(Pick {
                source: r % 3,
                row: r * 2 % 5,
            })
        })
        .collect()
}

fn check<T: Real>(batch: usize, cols: usize) {
    let values: Vec<f32> = fractions(5 * cols, 1);
    let halves: Vec<f16> = values.iter().map(|&x| f16::from_f32(x)).collect();
    let doubles: Vec<f64> = fractions(5 * cols, 2);
    let sources = [
        RowSource {
            values: RowValues::F16(&halves),
            cols,
        },
        RowSource {
            values: RowValues::F32(&values),
            cols,
        },
        RowSource {
            values: RowValues::F64(&doubles),
            cols,
        },
    ];
    let (mean, inv_std) = (fractions(cols, 3), fractions(cols, 4));
    let standardise = Standardise {
        mean: &mean,
        inv_std: &inv_std,
        bound: f32::INFINITY,
    };
    let bounded = Standardise {
        bound: 0.2,
        ..standardise
    };
    let other = Standardise {
        mean: &inv_std,
        inv_std: &mean,
        bound: f32::INFINITY,
    };
    // Rows that differ, and rows that are alike though each says so for itself.
    let kinds = [standardise, other, bounded];
    let each: Vec<_> = (0..batch).map(|row| kinds[row % 3]).collect();
    for scaling in [
        RowScaling::None,
        RowScaling::Same(standardise),
        RowScaling::Same(bounded),
        RowScaling::Each(&each),
        RowScaling::Each(&vec![other; batch]),
    ] {
        let mut expected = PackedRows::<T>::zeros(batch, cols);
        reference::gather_rows(&sources, &picks(batch), scaling, &mut expected);
        // What a former batch left there must not shine through.
        let mut ours = PackedRows::<T>::zeros(batch, cols);
        for r in 0..batch {
            for c in 0..cols {
                let at = ours.index(r, c);
                ours.as_mut_slice()[at] = T::nan();
            }
        }
        gather_rows(&sources, &picks(batch), scaling, &mut ours);
        assert_same_bits(ours.as_slice(), expected.as_slice());
        assert_row_padding_is_zero(&ours);
        // The same values as the bytes of a file, at an odd address.
        let bytes = [
            odd(halves.iter().flat_map(|x| x.to_le_bytes())),
            odd(values.iter().flat_map(|x| x.to_le_bytes())),
            odd(doubles.iter().flat_map(|x| x.to_le_bytes())),
        ];
        let stored = [
            StoredValues::F16(bytes[0][1..].as_chunks().0),
            StoredValues::F32(bytes[1][1..].as_chunks().0),
            StoredValues::F64(bytes[2][1..].as_chunks().0),
        ]
        .map(|values| StoredRows { values, cols });
        let mut mapped = PackedRows::<T>::zeros(batch, cols);
        gather_rows(&stored, &picks(batch), scaling, &mut mapped);
        assert_same_bits(mapped.as_slice(), ours.as_slice());
    }
}

/// The bytes behind one that shifts them.
fn odd(bytes: impl Iterator<Item = u8>) -> Vec<u8> {
    std::iter::once(0).chain(bytes).collect()
}

#[test]
fn agrees_with_the_reference_at_every_edge() {
    for batch in SIZES {
        for cols in SIZES {
            check::<f32>(batch, cols);
        }
    }
    check::<f32>(64, 5000);
    check::<f64>(9, 2049);
}

/// A column without variance has `inv_std` 0 and maps to 0; NaN is kept.
#[test]
fn constant_columns_become_zero_and_nan_stays() {
    let values = [5.0_f32, f32::NAN];
    let source = RowSource {
        values: RowValues::F32(&values),
        cols: 2,
    };
    let standardise = Standardise {
        mean: &[5.0, 0.0],
        inv_std: &[0.0, 1.0],
        bound: 3.0,
    };
    let mut out = PackedRows::<f32>::zeros(1, 2);
    gather_rows(
        &[source],
        &[Some(Pick { source: 0, row: 0 })],
        RowScaling::Same(standardise),
        &mut out,
    );
    assert_eq!(out.get(0, 0), 0.0);
    assert!(out.get(0, 1).is_nan());
}

#[test]
#[should_panic(expected = "range end index 4 out of range")]
fn refuses_a_row_beyond_the_source() {
    let source = RowSource {
        values: RowValues::F32(&[1.0, 2.0]),
        cols: 2,
    };
    let mut out = PackedRows::<f32>::zeros(1, 2);
    gather_rows(
        &[source],
        &[Some(Pick { source: 0, row: 1 })],
        RowScaling::None,
        &mut out,
    );
}

#[test]
#[should_panic(expected = "columns of source 0")]
fn refuses_a_source_of_another_width() {
    let source = RowSource {
        values: RowValues::F32(&[1.0, 2.0]),
        cols: 2,
    };
    let mut out = PackedRows::<f32>::zeros(1, 1);
    gather_rows(
        &[source],
        &[Some(Pick { source: 0, row: 0 })],
        RowScaling::None,
        &mut out,
    );
}
