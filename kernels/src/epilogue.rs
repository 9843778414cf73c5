//! What follows a matrix product in a layer: batch norm, ReLU and dropout in one pass, and their
//! backward in one pass.
//!
//! These run on the calling thread: each encoder has few columns. A caller with many encoders may
//! spread them over the pool.

use crate::counter::Dropout;
use crate::micro::{self, SimdTask};
use crate::real::Real;
use crate::view::{MatMut, MatRef};

/// Column statistics of a batch.
#[derive(Clone, Debug, PartialEq)]
pub struct Moments<T> {
    /// Mean of each column over the rows that count.
    pub mean: Vec<T>,
    /// Biased variance of each column.
    pub var: Vec<T>,
    /// How many rows counted.
    pub count: usize,
}

/// Batch norm's learned scale and shift, one of each a column.
#[derive(Clone, Copy, Debug)]
pub struct Affine<'a, T> {
    /// γ.
    pub gamma: &'a [T],
    /// β.
    pub beta: &'a [T],
}

/// Column means and biased variances of `y (B, P)` over the rows that are `present` (all, if
/// `None`), in two passes of `f64` sums. With no such row the moments are NaN.
///
/// # Panics
/// If `present` has not one entry per row.
pub fn column_moments<T: Real>(y: MatRef<'_, T>, present: Option<&[bool]>) -> Moments<T> {
    check_present(present, y.rows());
    micro::active().run(ColumnMoments { y, present })
}

fn check_present(present: Option<&[bool]>, rows: usize) {
    if let Some(present) = present {
        assert_eq!(present.len(), rows, "one entry of `present` per row");
    }
}

fn is_present(present: Option<&[bool]>, row: usize) -> bool {
    present.is_none_or(|present| present[row])
}

struct ColumnMoments<'a, T> {
    y: MatRef<'a, T>,
    present: Option<&'a [bool]>,
}

impl<T: Real> SimdTask for ColumnMoments<'_, T> {
    type Output = Moments<T>;

    #[inline(always)]
    fn run(self) -> Moments<T> {
        let Self { y, present } = self;
        let rows = || (0..y.rows()).filter(|&r| is_present(present, r));
        let count = rows().count();
        let mut scratch = Vec::new();
        let mut mean = vec![0.0; y.cols()];
        for r in rows() {
            for (sum, x) in mean.iter_mut().zip(y.row(r, &mut scratch)) {
                *sum += x.as_f64();
            }
        }
        mean.iter_mut().for_each(|mean| *mean /= count as f64);
        let mut var = vec![0.0; y.cols()];
        for r in rows() {
            for ((sum, x), mean) in var.iter_mut().zip(y.row(r, &mut scratch)).zip(&mean) {
                let deviation = x.as_f64() - mean;
                *sum += deviation * deviation;
            }
        }
        Moments {
            mean: mean.into_iter().map(T::of).collect(),
            var: var.iter().map(|sum| T::of(sum / count as f64)).collect(),
            count,
        }
    }
}

/// The operands of [`normalise_relu_dropout`] that it only reads.
///
/// The block that it works on is part of a layer: dropout numbers element `(r, c)` of the block as
/// `r * width + first_col + c`.
#[derive(Clone, Copy, Debug)]
pub struct NormaliseForward<'a, T> {
    /// Mean of each column.
    pub mean: &'a [T],
    /// 1 / standard deviation of each column.
    pub inv_std: &'a [T],
    /// Scale and shift.
    pub affine: Affine<'a, T>,
    /// Which rows are present; `None`: all.
    pub present: Option<&'a [bool]>,
    /// Dropout; `None`: every element is kept.
    pub dropout: Option<Dropout>,
    /// Column of the layer that the block starts at.
    pub first_col: usize,
    /// Columns of the layer.
    pub width: usize,
}

/// `h = Dropout(ReLU(γ (y − mean) inv_std + β))`, in place on `y (B, P)`; absent rows become 0.
/// `normalised`, if given, receives `(y − mean) inv_std` (0 for absent rows) for the backward pass.
/// NaN stays NaN unless it is dropped.
///
/// # Panics
/// If shapes differ.
pub fn normalise_relu_dropout<T: Real>(
    y: MatMut<'_, T>,
    normalised: Option<MatMut<'_, T>>,
    operands: NormaliseForward<'_, T>,
) {
    let cols = y.cols();
    let NormaliseForward {
        mean,
        inv_std,
        affine,
        present,
        ..
    } = operands;
    assert_eq!(
        [mean, inv_std, affine.gamma, affine.beta].map(<[T]>::len),
        [cols; 4],
        "normalise_relu_dropout: one mean, deviation, scale and shift per column"
    );
    if let Some(normalised) = &normalised {
        assert_eq!(
            (normalised.rows(), normalised.cols()),
            (y.rows(), cols),
            "normalise_relu_dropout: normalised"
        );
    }
    check_present(present, y.rows());
    micro::active().run(Forward {
        y,
        normalised,
        operands,
    });
}

struct Forward<'a, T> {
    y: MatMut<'a, T>,
    normalised: Option<MatMut<'a, T>>,
    operands: NormaliseForward<'a, T>,
}

impl<T: Real> SimdTask for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let NormaliseForward {
            mean,
            inv_std,
            affine: Affine { gamma, beta },
            present,
            dropout,
            first_col,
            width,
        } = self.operands;
        let mut words = vec![0; self.y.cols()];
        for r in 0..self.y.rows() {
            let y = self.y.row_mut(r);
            let mut normalised = self.normalised.as_mut().map(|n| n.row_mut(r));
            if !is_present(present, r) {
                y.fill(T::zero());
                if let Some(normalised) = &mut normalised {
                    normalised.fill(T::zero());
                }
                continue;
            }
            for ((y, &mean), &inv_std) in y.iter_mut().zip(mean).zip(inv_std) {
                *y = (*y - mean) * inv_std;
            }
            if let Some(normalised) = normalised {
                normalised.copy_from_slice(y);
            }
            for ((y, &gamma), &beta) in y.iter_mut().zip(gamma).zip(beta) {
                let z = gamma * *y + beta;
                // Written so that NaN stays NaN.
                *y = if z < T::zero() { T::zero() } else { z };
            }
            if let Some(dropout) = dropout {
                let first = r * width + first_col;
                drop_elements(y, first as u64, dropout, &mut words);
            }
        }
    }
}

/// Elements that [`dropout`] draws at once.
const DRAWN: usize = 256;

/// Inverted dropout in place: `values[i]` is element `i` of the layer. Kept elements are divided by
/// 1 − rate, the others become 0; also its own backward, on the gradient.
pub fn dropout<T: Real>(values: &mut [T], dropout: Dropout) {
    micro::active().run(DropElements { values, dropout });
}

struct DropElements<'a, T> {
    values: &'a mut [T],
    dropout: Dropout,
}

impl<T: Real> SimdTask for DropElements<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let mut words = [0; DRAWN];
        for (n, values) in self.values.chunks_mut(DRAWN).enumerate() {
            let words = &mut words[..values.len()];
            drop_elements(values, (n * DRAWN) as u64, self.dropout, words);
        }
    }
}

/// Drops or scales elements from number `first` on; `words`, as many, are overwritten.
#[inline(always)]
fn drop_elements<T: Real>(values: &mut [T], first: u64, dropout: Dropout, words: &mut [u32]) {
    dropout.key.fill(first, words);
    // Below 2³², as the rate is below 1.
    let threshold = dropout.threshold() as u32;
    let scale = T::of(dropout.scale());
    for (x, &word) in values.iter_mut().zip(&*words) {
        let keep = word >= threshold;
        *x = if keep { *x * scale } else { T::zero() };
    }
}

/// The operands of [`normalise_relu_dropout_backward`] that it only reads.
#[derive(Clone, Copy, Debug)]
pub struct NormaliseBackward<'a, T> {
    /// The forward output `(B, P)`: 0 where ReLU or dropout cut.
    pub h: MatRef<'a, T>,
    /// The normalised input `(B, P)`.
    pub normalised: MatRef<'a, T>,
    /// 1 / standard deviation of each column.
    pub inv_std: &'a [T],
    /// Scale of each column.
    pub gamma: &'a [T],
    /// Which rows are present; `None`: all.
    pub present: Option<&'a [bool]>,
    /// Number of rows behind the statistics; `None`: they were constants (running statistics).
    pub batch_count: Option<usize>,
    /// 1 / (1 − rate) of the dropout; 1 without.
    pub dropout_scale: T,
}

/// Backward of [`normalise_relu_dropout`], in place: `dh (B, P)` becomes the gradient of its input
/// `y`; `dgamma` and `dbeta` are added to.
///
/// # Panics
/// If shapes differ.
pub fn normalise_relu_dropout_backward<T: Real>(
    dh: MatMut<'_, T>,
    operands: NormaliseBackward<'_, T>,
    dgamma: &mut [T],
    dbeta: &mut [T],
) {
    let (rows, cols) = (dh.rows(), dh.cols());
    let (h, normalised) = (operands.h, operands.normalised);
    assert_eq!(
        [(h.rows(), h.cols()), (normalised.rows(), normalised.cols())],
        [(rows, cols); 2],
        "normalise_relu_dropout_backward: output and normalised input"
    );
    assert_eq!(
        [operands.inv_std, operands.gamma, &*dgamma, &*dbeta].map(<[T]>::len),
        [cols; 4],
        "normalise_relu_dropout_backward: one deviation, scale and gradient per column"
    );
    check_present(operands.present, rows);
    micro::active().run(Backward {
        dh,
        operands,
        dgamma,
        dbeta,
    });
}

struct Backward<'a, T> {
    dh: MatMut<'a, T>,
    operands: NormaliseBackward<'a, T>,
    dgamma: &'a mut [T],
    dbeta: &'a mut [T],
}

impl<T: Real> SimdTask for Backward<'_, T> {
    type Output = ();

    /// dz = dh · scale where h > 0; dγ += Σ dz x̂, dβ += Σ dz;
    /// dy = γ inv_std (dz − mean(dz) − x̂ mean(dz x̂)), without the means where the statistics were
    /// constants.
    #[inline(always)]
    fn run(mut self) {
        let NormaliseBackward {
            h,
            normalised,
            inv_std,
            gamma,
            present,
            batch_count,
            dropout_scale,
        } = self.operands;
        let (rows, cols) = (self.dh.rows(), self.dh.cols());
        let (mut sum, mut sum_x_hat) = (vec![0.0; cols], vec![0.0; cols]);
        let (mut h_scratch, mut x_hat_scratch) = (Vec::new(), Vec::new());
        for r in 0..rows {
            let h = h.row(r, &mut h_scratch);
            let x_hat = normalised.row(r, &mut x_hat_scratch);
            let sums = sum.iter_mut().zip(&mut sum_x_hat);
            let values = self.dh.row_mut(r).iter_mut().zip(h).zip(x_hat);
            for (((dh, &h), &x_hat), (sum, sum_x_hat)) in values.zip(sums) {
                let scaled = *dh * dropout_scale;
                let dz = if h > T::zero() { scaled } else { T::zero() };
                *dh = dz;
                *sum += dz.as_f64();
                *sum_x_hat += (dz * x_hat).as_f64();
            }
        }
        let mean = |sum: f64| batch_count.map_or(T::zero(), |n| T::of(sum / n as f64));
        let (mut means, mut means_x_hat) = (Vec::with_capacity(cols), Vec::with_capacity(cols));
        for c in 0..cols {
            self.dgamma[c] += T::of(sum_x_hat[c]);
            self.dbeta[c] += T::of(sum[c]);
            means.push(mean(sum[c]));
            means_x_hat.push(mean(sum_x_hat[c]));
        }
        for r in 0..rows {
            let dy = self.dh.row_mut(r);
            if !is_present(present, r) {
                dy.fill(T::zero());
                continue;
            }
            let x_hat = normalised.row(r, &mut x_hat_scratch);
            let means = means.iter().zip(&means_x_hat);
            let scales = gamma.iter().zip(inv_std);
            for (((dy, &x_hat), (&mean, &mean_x_hat)), (&gamma, &inv_std)) in
                dy.iter_mut().zip(x_hat).zip(means).zip(scales)
            {
                *dy = (*dy - mean - x_hat * mean_x_hat) * gamma * inv_std;
            }
        }
    }
}
