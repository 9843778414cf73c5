//! What follows a matrix product in a layer: batch norm, ReLU and dropout in one pass, and their
//! backward in one pass.
//!
//! These run on the calling thread: each encoder has few columns. A caller with many encoders may
//! spread them over the pool.

use crate::counter::Dropout;
use crate::micro::{self, Pass};
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

impl<T: Real> Pass for ColumnMoments<'_, T> {
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

/// `h = Dropout(ReLU(γ (y − mean) inv_std + β))`, in place on `y (B, P)`; absent rows become 0.
/// `normalised`, if given, receives `(y − mean) inv_std` (0 for absent rows) for the backward pass.
/// The block stands at column `first_col` of a layer that is `width` wide: dropout numbers element
/// `(r, c)` as `r * width + first_col + c`. NaN stays NaN unless it is dropped.
///
/// # Panics
/// If shapes differ.
#[expect(
    clippy::too_many_arguments,
    reason = "each is one operand of the fused pass"
)]
pub fn normalise_relu_dropout<T: Real>(
    y: MatMut<'_, T>,
    normalised: Option<MatMut<'_, T>>,
    mean: &[T],
    inv_std: &[T],
    affine: Affine<'_, T>,
    present: Option<&[bool]>,
    dropout: Option<Dropout>,
    first_col: usize,
    width: usize,
) {
    let cols = y.cols();
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
        mean,
        inv_std,
        affine,
        present,
        dropout,
        first_col,
        width,
    });
}

struct Forward<'a, T> {
    y: MatMut<'a, T>,
    normalised: Option<MatMut<'a, T>>,
    mean: &'a [T],
    inv_std: &'a [T],
    affine: Affine<'a, T>,
    present: Option<&'a [bool]>,
    dropout: Option<Dropout>,
    first_col: usize,
    width: usize,
}

impl<T: Real> Pass for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        let mut words = vec![0; self.y.cols()];
        for r in 0..self.y.rows() {
            let y = self.y.row_mut(r);
            let mut normalised = self.normalised.as_mut().map(|n| n.row_mut(r));
            if !is_present(self.present, r) {
                y.fill(T::zero());
                if let Some(normalised) = &mut normalised {
                    normalised.fill(T::zero());
                }
                continue;
            }
            for ((y, &mean), &inv_std) in y.iter_mut().zip(self.mean).zip(self.inv_std) {
                *y = (*y - mean) * inv_std;
            }
            if let Some(normalised) = normalised {
                normalised.copy_from_slice(y);
            }
            let Affine { gamma, beta } = self.affine;
            for ((y, &gamma), &beta) in y.iter_mut().zip(gamma).zip(beta) {
                let z = gamma * *y + beta;
                // Written so that NaN stays NaN.
                *y = if z < T::zero() { T::zero() } else { z };
            }
            if let Some(dropout) = self.dropout {
                let first = r * self.width + self.first_col;
                dropout.key.fill(first as u64, &mut words);
                // Below 2³², as the rate is below 1.
                let threshold = dropout.threshold() as u32;
                let scale = T::of(dropout.scale());
                for (y, &word) in y.iter_mut().zip(&words) {
                    let keep = word >= threshold;
                    *y = if keep { *y * scale } else { T::zero() };
                }
            }
        }
    }
}

/// Backward of [`normalise_relu_dropout`], in place: `dh (B, P)` becomes the gradient of its input
/// `y`; `dgamma` and `dbeta` are added to. `h` is the forward output (0 where ReLU or dropout cut).
/// `batch_count` is the number of rows behind the statistics, or `None` if they were constants
/// (running statistics). `dropout_scale` is 1 / (1 − rate).
///
/// # Panics
/// If shapes differ.
#[expect(
    clippy::too_many_arguments,
    reason = "each is one operand of the fused pass"
)]
pub fn normalise_relu_dropout_backward<T: Real>(
    dh: MatMut<'_, T>,
    h: MatRef<'_, T>,
    normalised: MatRef<'_, T>,
    inv_std: &[T],
    gamma: &[T],
    present: Option<&[bool]>,
    batch_count: Option<usize>,
    dropout_scale: T,
    dgamma: &mut [T],
    dbeta: &mut [T],
) {
    let (rows, cols) = (dh.rows(), dh.cols());
    assert_eq!(
        [(h.rows(), h.cols()), (normalised.rows(), normalised.cols())],
        [(rows, cols); 2],
        "normalise_relu_dropout_backward: output and normalised input"
    );
    assert_eq!(
        [inv_std, gamma, &*dgamma, &*dbeta].map(<[T]>::len),
        [cols; 4],
        "normalise_relu_dropout_backward: one deviation, scale and gradient per column"
    );
    check_present(present, rows);
    micro::active().run(Backward {
        dh,
        h,
        normalised,
        inv_std,
        gamma,
        present,
        batch_count,
        dropout_scale,
        dgamma,
        dbeta,
    });
}

struct Backward<'a, T> {
    dh: MatMut<'a, T>,
    h: MatRef<'a, T>,
    normalised: MatRef<'a, T>,
    inv_std: &'a [T],
    gamma: &'a [T],
    present: Option<&'a [bool]>,
    batch_count: Option<usize>,
    dropout_scale: T,
    dgamma: &'a mut [T],
    dbeta: &'a mut [T],
}

impl<T: Real> Pass for Backward<'_, T> {
    type Output = ();

    /// dz = dh · scale where h > 0; dγ += Σ dz x̂, dβ += Σ dz;
    /// dy = γ inv_std (dz − mean(dz) − x̂ mean(dz x̂)), without the means where the statistics were
    /// constants.
    #[inline(always)]
    fn run(mut self) {
        let (rows, cols) = (self.dh.rows(), self.dh.cols());
        let (mut sum, mut sum_x_hat) = (vec![0.0; cols], vec![0.0; cols]);
        let (mut h_scratch, mut x_hat_scratch) = (Vec::new(), Vec::new());
        for r in 0..rows {
            let h = self.h.row(r, &mut h_scratch);
            let x_hat = self.normalised.row(r, &mut x_hat_scratch);
            let sums = sum.iter_mut().zip(&mut sum_x_hat);
            let values = self.dh.row_mut(r).iter_mut().zip(h).zip(x_hat);
            for (((dh, &h), &x_hat), (sum, sum_x_hat)) in values.zip(sums) {
                let scaled = *dh * self.dropout_scale;
                let dz = if h > T::zero() { scaled } else { T::zero() };
                *dh = dz;
                *sum += dz.as_f64();
                *sum_x_hat += (dz * x_hat).as_f64();
            }
        }
        let mean = |sum: f64| {
            self.batch_count
                .map_or(T::zero(), |n| T::of(sum / n as f64))
        };
        let (mut means, mut means_x_hat) = (Vec::with_capacity(cols), Vec::with_capacity(cols));
        for c in 0..cols {
            self.dgamma[c] += T::of(sum_x_hat[c]);
            self.dbeta[c] += T::of(sum[c]);
            means.push(mean(sum[c]));
            means_x_hat.push(mean(sum_x_hat[c]));
        }
        for r in 0..rows {
            let dy = self.dh.row_mut(r);
            if !is_present(self.present, r) {
                dy.fill(T::zero());
                continue;
            }
            let x_hat = self.normalised.row(r, &mut x_hat_scratch);
            let means = means.iter().zip(&means_x_hat);
            let scales = self.gamma.iter().zip(self.inv_std);
            for (((dy, &x_hat), (&mean, &mean_x_hat)), (&gamma, &inv_std)) in
                dy.iter_mut().zip(x_hat).zip(means).zip(scales)
            {
                *dy = (*dy - mean - x_hat * mean_x_hat) * gamma * inv_std;
            }
        }
    }
}
