//! Inputs with exact sums, and outputs with canaries.

use blendfuse_kernels::layout::{PANEL, PackedRows, Panels, ROW_BLOCK};
use blendfuse_kernels::{MatMut, MatRef, Real};

/// Around every edge of the tiles (8 × 32) and of a pass (384).
pub const SIZES: [usize; 10] = [0, 1, 7, 8, 9, 31, 32, 33, 65, 400];

/// Integers from −3 to 3, the same for the same seed.
pub fn integers<T: Real>(len: usize, seed: u64) -> Vec<T> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..len)
        .map(|_| {
            // Knuth's MMIX generator; its high bits are the good ones.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            T::of(((state >> 33) % 7) as f64 - 3.0)
        })
        .collect()
}

/// Values from −1 to 1 with all bits in use.
pub fn fractions<T: Real>(len: usize, seed: u64) -> Vec<T> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    (0..len)
        .map(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            T::of((state >> 11) as f64 / (1_u64 << 52) as f64 - 1.0)
        })
        .collect()
}

pub fn packed<T: Real>(values: &[T], rows: usize, cols: usize) -> PackedRows<T> {
    PackedRows::from_view(MatRef::row_major(values, rows, cols))
}

/// A row-major matrix with NaN between its rows and behind the last one.
#[derive(Clone, Debug)]
pub struct Guarded<T> {
    data: Vec<T>,
    rows: usize,
    cols: usize,
    stride: usize,
}

impl<T: Real> Guarded<T> {
    /// NaN inside as well: for outputs that must be overwritten and never read.
    pub fn unwritten(rows: usize, cols: usize) -> Self {
        let stride = cols + 3;
        Self {
            data: vec![T::nan(); rows * stride + 5],
            rows,
            cols,
            stride,
        }
    }

    pub fn holding(values: &[T], rows: usize, cols: usize) -> Self {
        let mut guarded = Self::unwritten(rows, cols);
        for r in 0..rows {
            guarded.data[r * guarded.stride..][..cols].copy_from_slice(&values[r * cols..][..cols]);
        }
        guarded
    }

    pub fn as_mut(&mut self) -> MatMut<'_, T> {
        MatMut::new(&mut self.data, self.rows, self.cols, self.stride)
    }

    pub fn as_ref(&self) -> MatRef<'_, T> {
        MatRef::new(&self.data, self.rows, self.cols, self.stride, 1)
    }

    /// The values, after checking that every canary still lives.
    pub fn values(&self) -> Vec<T> {
        let mut values = Vec::with_capacity(self.rows * self.cols);
        for (at, &x) in self.data.iter().enumerate() {
            let (r, c) = (at / self.stride, at % self.stride);
            if r < self.rows && c < self.cols {
                values.push(x);
            } else {
                assert!(x.is_nan(), "a stray write of {x} at row {r}, column {c}");
            }
        }
        values
    }
}

/// The padding of the last panel is 0, to the bit.
pub fn assert_padding_is_zero<T: Real>(w: &Panels<T>) {
    for (at, row) in w.as_slice().chunks(PANEL).enumerate() {
        let first = at / w.cols() * PANEL;
        for (j, &x) in row.iter().enumerate() {
            if first + j >= w.rows() {
                assert!(x == T::zero(), "output {} of {}: {x}", first + j, w.rows());
            }
        }
    }
}

/// The padding of the last block of rows is 0.
pub fn assert_row_padding_is_zero<T: Real>(x: &PackedRows<T>) {
    for (at, column) in x.as_slice().chunks(ROW_BLOCK).enumerate() {
        let first = at / x.cols() * ROW_BLOCK;
        for (i, &value) in column.iter().enumerate() {
            if first + i >= x.rows() {
                assert!(value == T::zero(), "row {} of {}", first + i, x.rows());
            }
        }
    }
}

/// `|x − y| ≤ tolerance · max(1, |y|)` everywhere; NaN fails.
pub fn assert_close<T: Real>(x: &[T], y: &[T], tolerance: f64) {
    assert_eq!(x.len(), y.len());
    for (at, (x, y)) in x.iter().zip(y).enumerate() {
        let (x, y) = (x.as_f64(), y.as_f64());
        let difference = (x - y).abs();
        assert!(
            difference <= tolerance * y.abs().max(1.0),
            "element {at}: {x} for {y}"
        );
    }
}

/// Equal bit for bit; NaN equals NaN.
pub fn assert_same_bits<T: Real>(x: &[T], y: &[T]) {
    let bits = |values: &[T]| -> Vec<u64> { values.iter().map(|x| x.as_f64().to_bits()).collect() };
    assert_eq!(bits(x), bits(y));
}
