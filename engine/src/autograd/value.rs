//! What a node of the tape holds: a dense array, or one of the kernels' packed layouts.

use std::sync::Arc;

use blendfuse_kernels::layout::{PackedRows, Panels};
use blendfuse_kernels::{MatMut, MatRef};
use ndarray::{ArcArray2, Array2, ArrayView2, ArrayViewMut2};

use super::Scalar;

/// A value on a tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Var {
    pub(super) id: usize,
    // Guards against use on another tape, where the id would name another value.
    pub(super) tape: u64,
}

/// A 2-D value. Copies are cheap: the numbers are shared.
#[derive(Clone, Debug)]
pub enum Tensor<F> {
    /// Row-major and contiguous.
    Dense(ArcArray2<F>),
    /// A batch of inputs, packed once for forward and weight gradient.
    PackedInput(Arc<PackedRows<F>>),
    /// A weight matrix `(outputs, inputs)`; its gradient stays factored.
    PackedWeight(Arc<Panels<F>>),
}

impl<F: Scalar> Tensor<F> {
    /// A dense value from a row-major slice.
    ///
    /// # Panics
    /// If the slice does not hold `rows * cols` values.
    pub fn dense(rows: usize, cols: usize, values: Vec<F>) -> Self {
        assert_eq!(values.len(), rows * cols, "a {rows} × {cols} tensor");
        Tensor::Dense(ArcArray2::from_shape_fn((rows, cols), |(r, c)| {
            values[r * cols + c]
        }))
    }

    /// `(rows, cols)`.
    pub fn shape(&self) -> (usize, usize) {
        match self {
            Tensor::Dense(x) => x.dim(),
            Tensor::PackedInput(x) => (x.rows(), x.cols()),
            Tensor::PackedWeight(x) => (x.rows(), x.cols()),
        }
    }

    /// The values in row-major order, as files hold them.
    pub fn to_row_major(&self) -> Vec<F> {
        match self {
            Tensor::Dense(x) => x.iter().copied().collect(),
            Tensor::PackedInput(x) => x.to_row_major(),
            Tensor::PackedWeight(x) => x.to_row_major(),
        }
    }
}

impl<F: Scalar> From<Array2<F>> for Tensor<F> {
    fn from(x: Array2<F>) -> Self {
        Tensor::Dense(row_major(x).into_shared())
    }
}

/// The same array, contiguous and row-major.
pub(super) fn row_major<F: Scalar>(x: Array2<F>) -> Array2<F> {
    if x.is_standard_layout() {
        x
    } else {
        x.as_standard_layout().into_owned()
    }
}

/// A kernel's view of a row-major array.
///
/// # Panics
/// If the array is not contiguous and row-major; every value of a tape is.
pub fn mat_ref<'a, F: Scalar>(x: &ArrayView2<'a, F>) -> MatRef<'a, F> {
    let (rows, cols) = x.dim();
    MatRef::row_major(
        x.to_slice().expect("values of a tape are row-major"),
        rows,
        cols,
    )
}

/// A kernel's mutable view of a row-major array.
///
/// # Panics
/// If the array is not contiguous and row-major; every gradient of a tape is.
pub fn mat_mut<'a, F: Scalar>(x: &'a mut ArrayViewMut2<'_, F>) -> MatMut<'a, F> {
    let (rows, cols) = x.dim();
    MatMut::row_major(
        x.as_slice_mut().expect("gradients of a tape are row-major"),
        rows,
        cols,
    )
}
