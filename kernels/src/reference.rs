//! Every kernel once more, slow and obvious: the oracle of the tests and of the benches.
//!
//! Sums run in `f64` where that costs nothing but time.

use crate::adam::AdamStep;
use crate::epilogue::{Moments, NormaliseBackward, NormaliseForward};
use crate::inference::Epilogue;
use crate::layout::{PackedRows, Panels};
use crate::pack::{Pick, RowScaling, RowSource};
use crate::real::Real;
use crate::view::{MatMut, MatRef};

/// `C = alpha A B + beta C`; `beta == 0` never reads `C`.
pub fn gemm<T: Real>(alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, beta: T, mut c: MatMut<'_, T>) {
    for i in 0..c.rows() {
        for j in 0..c.cols() {
            let mut sum = T::zero();
            for k in 0..a.cols() {
                sum += a.get(i, k) * b.get(k, j);
            }
            let out = &mut c.row_mut(i)[j];
            *out = if beta == T::zero() {
                alpha * sum
            } else {
                alpha * sum + beta * *out
            };
        }
    }
}

/// `Y = X Wᵀ (+ bias)`.
pub fn linear_forward<T: Real>(
    x: &PackedRows<T>,
    w: &Panels<T>,
    bias: Option<&[T]>,
    mut y: MatMut<'_, T>,
) {
    for r in 0..x.rows() {
        for o in 0..w.rows() {
            let mut sum = T::zero();
            for k in 0..x.cols() {
                sum += x.get(r, k) * w.get(o, k);
            }
            y.row_mut(r)[o] = sum + bias.map_or(T::zero(), |bias| bias[o]);
        }
    }
}

/// `dX += dY W`.
pub fn linear_backward_input<T: Real>(dy: MatRef<'_, T>, w: &Panels<T>, mut dx: MatMut<'_, T>) {
    for r in 0..dy.rows() {
        for k in 0..w.cols() {
            let mut sum = T::zero();
            for o in 0..w.rows() {
                sum += dy.get(r, o) * w.get(o, k);
            }
            dx.row_mut(r)[k] += sum;
        }
    }
}

/// `dW += dYᵀ X`, dense.
pub fn linear_backward_weight<T: Real>(
    dy: MatRef<'_, T>,
    x: &PackedRows<T>,
    mut dw: MatMut<'_, T>,
) {
    for o in 0..dy.cols() {
        for k in 0..x.cols() {
            let mut sum = T::zero();
            for r in 0..dy.rows() {
                sum += dy.get(r, o) * x.get(r, k);
            }
            dw.row_mut(o)[k] += sum;
        }
    }
}

/// Gathers, standardises and packs a batch.
pub fn gather_rows<T: Real>(
    sources: &[RowSource<'_>],
    picks: &[Option<Pick>],
    scaling: RowScaling<'_>,
    out: &mut PackedRows<T>,
) {
    for (r, pick) in picks.iter().enumerate() {
        for c in 0..out.cols() {
            let at = out.index(r, c);
            out.as_mut_slice()[at] = match pick {
                None => T::zero(),
                Some(pick) => {
                    let x = sources[pick.source].get(pick.row, c);
                    T::of(f64::from(scaling.of(r).map_or(x, |s| {
                        let x = (x - s.mean[c]) * s.inv_std[c];
                        // Unlike `min` and `max`, this keeps NaN.
                        if x > s.bound {
                            s.bound
                        } else if x < -s.bound {
                            -s.bound
                        } else {
                            x
                        }
                    })))
                }
            };
        }
    }
}

/// Column means and biased variances over the present rows.
pub fn column_moments<T: Real>(y: MatRef<'_, T>, present: Option<&[bool]>) -> Moments<T> {
    let rows: Vec<usize> = (0..y.rows())
        .filter(|&r| present.is_none_or(|p| p[r]))
        .collect();
    let count = rows.len() as f64;
    let (mut mean, mut var) = (Vec::new(), Vec::new());
    for c in 0..y.cols() {
        let m = rows.iter().map(|&r| y.get(r, c).as_f64()).sum::<f64>() / count;
        let v = rows
            .iter()
            .map(|&r| (y.get(r, c).as_f64() - m).powi(2))
            .sum::<f64>()
            / count;
        mean.push(T::of(m));
        var.push(T::of(v));
    }
    Moments {
        mean,
        var,
        count: rows.len(),
    }
}

/// `h = Dropout(ReLU(γ (y − mean) inv_std + β))` in place; absent rows become 0.
pub fn normalise_relu_dropout<T: Real>(
    mut y: MatMut<'_, T>,
    mut normalised: Option<MatMut<'_, T>>,
    operands: NormaliseForward<'_, T>,
) {
    let NormaliseForward {
        mean,
        inv_std,
        affine,
        present,
        dropout,
        first_col,
        width,
    } = operands;
    for r in 0..y.rows() {
        for c in 0..y.cols() {
            let x_hat = (y.row_mut(r)[c] - mean[c]) * inv_std[c];
            let here = present.is_none_or(|p| p[r]);
            let keep = dropout.is_none_or(|d| d.keeps((r * width + first_col + c) as u64));
            let scale = T::of(dropout.map_or(1.0, |d| d.scale()));
            let z = affine.gamma[c] * x_hat + affine.beta[c];
            // Written so that NaN stays NaN.
            let relu = if z < T::zero() { T::zero() } else { z };
            y.row_mut(r)[c] = if here && keep {
                relu * scale
            } else {
                T::zero()
            };
            if let Some(normalised) = &mut normalised {
                normalised.row_mut(r)[c] = if here { x_hat } else { T::zero() };
            }
        }
    }
}

/// Backward of [`normalise_relu_dropout`]: `dh` becomes `dy`; `dgamma` and `dbeta` are added to.
pub fn normalise_relu_dropout_backward<T: Real>(
    mut dh: MatMut<'_, T>,
    operands: NormaliseBackward<'_, T>,
    dgamma: &mut [T],
    dbeta: &mut [T],
) {
    let NormaliseBackward {
        h,
        normalised,
        inv_std,
        gamma,
        present,
        batch_count,
        dropout_scale,
    } = operands;
    for c in 0..dh.cols() {
        let (mut sum, mut sum_x_hat) = (0.0, 0.0);
        for r in 0..dh.rows() {
            let dz = if h.get(r, c) > T::zero() {
                dh.row_mut(r)[c] * dropout_scale
            } else {
                T::zero()
            };
            dh.row_mut(r)[c] = dz;
            sum += dz.as_f64();
            sum_x_hat += (dz * normalised.get(r, c)).as_f64();
        }
        dgamma[c] += T::of(sum_x_hat);
        dbeta[c] += T::of(sum);
        let (mean, mean_x_hat) = match batch_count {
            Some(n) => (T::of(sum / n as f64), T::of(sum_x_hat / n as f64)),
            None => (T::zero(), T::zero()),
        };
        for r in 0..dh.rows() {
            let here = present.is_none_or(|p| p[r]);
            let dz = dh.row_mut(r)[c];
            let dx_hat = dz - mean - normalised.get(r, c) * mean_x_hat;
            dh.row_mut(r)[c] = if here {
                dx_hat * gamma[c] * inv_std[c]
            } else {
                T::zero()
            };
        }
    }
}

/// Adam on one parameter array, as `torch.optim.Adam`; rounds where the active kernel does.
pub fn adam_dense<T: Real>(
    step: &AdamStep<T>,
    p: &mut [T],
    g: &[T],
    m: &mut [T],
    v: &mut [T],
    mut v_max: Option<&mut [T]>,
) {
    let fuses = crate::micro::active().fuses();
    for i in 0..p.len() {
        let v_max = v_max.as_deref_mut().map(|v_max| &mut v_max[i]);
        let (p, m, v) = (&mut p[i], &mut m[i], &mut v[i]);
        if fuses {
            step.apply::<true>(p, g[i], m, v, v_max);
        } else {
            step.apply::<false>(p, g[i], m, v, v_max);
        }
    }
}

/// [`crate::inference::dense`] on row-major operands: `x (B, I)`, `w (O, I)`; gives `(B, O)`.
pub fn folded_layer(x: MatRef<'_, f32>, w: MatRef<'_, f32>, epilogue: Epilogue<'_>) -> Vec<f32> {
    let mut out = Vec::with_capacity(x.rows() * w.rows());
    for r in 0..x.rows() {
        for o in 0..w.rows() {
            let sum: f64 = (0..x.cols())
                .map(|k| f64::from(x.get(r, k)) * f64::from(w.get(o, k)))
                .sum();
            let y = sum as f32 * epilogue.scale[o] + epilogue.shift[o];
            out.push(if epilogue.relu && y < 0.0 { 0.0 } else { y });
        }
    }
    out
}
