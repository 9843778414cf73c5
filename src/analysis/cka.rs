//! Similarity of two representations of the same clips: linear centred kernel alignment (Kornblith et
//! al. 2019, "Similarity of neural network representations revisited").
//!
//! Computed in feature space, ‖XᵀY‖²_F / (‖XᵀX‖_F ‖YᵀY‖_F) with centred columns, so that no
//! clips × clips matrix is needed. It is invariant to rotation and scaling of either side. Sums are in
//! f64; the products use ndarray, whose f64 kernel is several times as fast as ours, which only serves
//! gradient checks.

use ndarray::{Array2, ArrayView2, Axis, Slice};
use rayon::prelude::*;

use crate::encoders::Presence;
use crate::error::{Error, Result};

/// Linear CKA of two representations `(N, P)` and `(N, Q)` of the same clips, in [0, 1]; `None` if a
/// side is constant.
///
/// # Errors
/// [`Error::Shape`] if the numbers of rows differ.
pub fn linear_cka<F: Copy + Into<f64>>(
    x: ArrayView2<'_, F>,
    y: ArrayView2<'_, F>,
) -> Result<Option<f64>> {
    check_rows(x.nrows(), y.nrows())?;
    let (x, y) = (centred(x), centred(y));
    let (cross, own_x, own_y) = (overlap(&x, &y), overlap(&x, &x), overlap(&y, &y));
    Ok(normalised(cross, own_x, own_y))
}

/// Linear CKA of every pair of `embeddings`, each `(N, P)`: `(M, M)`, NaN where it is undefined.
/// A pair is compared on the clips that both have.
///
/// # Errors
/// [`Error::Shape`] if the numbers of rows or flags differ.
pub fn pairwise_cka(embeddings: &[Array2<f32>], presence: &Presence) -> Result<Array2<f64>> {
    let count = embeddings.len();
    let clips = embeddings.first().map_or(0, Array2::nrows);
    for embedding in embeddings {
        check_rows(clips, embedding.nrows())?;
    }
    if let Some(mask) = presence.mask().filter(|mask| mask.dim() != (clips, count)) {
        return Err(Error::Shape {
            op: "linear CKA",
            expected: format!("presence of {clips} × {count}"),
            got: format!("{} × {}", mask.nrows(), mask.ncols()),
        });
    }
    let complete: Vec<usize> = (0..count)
        .filter(|&m| presence.column(m).is_none())
        .collect();
    let mut cka = complete_pairs(embeddings, &complete);
    for a in 0..count {
        for b in a..count {
            if complete.contains(&a) && complete.contains(&b) {
                continue;
            }
            let both: Vec<usize> = (0..clips)
                .filter(|&clip| presence.has(clip, a) && presence.has(clip, b))
                .collect();
            let [x, y] = [a, b].map(|m| embeddings[m].select(Axis(0), &both));
            let value = linear_cka(x.view(), y.view())?.unwrap_or(f64::NAN);
            cka[[a, b]] = value;
            cka[[b, a]] = value;
        }
    }
    Ok(cka)
}

/// All pairs of the encoders that have every clip: their centred embeddings are concatenated, and each
/// encoder is multiplied with itself and all that follow.
fn complete_pairs(embeddings: &[Array2<f32>], complete: &[usize]) -> Array2<f64> {
    let count = embeddings.len();
    let mut cka = Array2::from_elem((count, count), f64::NAN);
    let widths: Vec<usize> = complete.iter().map(|&m| embeddings[m].ncols()).collect();
    let starts: Vec<usize> = widths
        .iter()
        .scan(0, |next, width| {
            let start = *next;
            *next += width;
            Some(start)
        })
        .collect();
    let total: usize = widths.iter().sum();
    let clips = embeddings.first().map_or(0, Array2::nrows);
    if total == 0 || clips == 0 {
        return cka;
    }
    let mut joined = Array2::zeros((clips, total));
    for ((&m, &start), &width) in complete.iter().zip(&starts).zip(&widths) {
        let columns = Slice::from(start..start + width);
        let mut to = joined.slice_axis_mut(Axis(1), columns);
        to.assign(&centred(embeddings[m].view()));
    }
    // One product per task, so that the order of every sum does not depend on the number of threads.
    let overlaps: Vec<Vec<f64>> = (0..complete.len())
        .into_par_iter()
        .map(|a| {
            let own = Slice::from(starts[a]..starts[a] + widths[a]);
            let x = joined.slice_axis(Axis(1), own);
            let rest = joined.slice_axis(Axis(1), Slice::from(starts[a]..));
            let product = x.t().dot(&rest);
            let squares = |b: usize| {
                let first = starts[b] - starts[a];
                let columns = Slice::from(first..first + widths[b]);
                let part = product.slice_axis(Axis(1), columns);
                part.iter().map(|x| x * x).sum::<f64>()
            };
            (a..complete.len()).map(squares).collect()
        })
        .collect();
    for a in 0..complete.len() {
        for b in a..complete.len() {
            let (cross, own) = (overlaps[a][b - a], [overlaps[a][0], overlaps[b][0]]);
            let value = normalised(cross, own[0], own[1]).unwrap_or(f64::NAN);
            cka[[complete[a], complete[b]]] = value;
            cka[[complete[b], complete[a]]] = value;
        }
    }
    cka
}

/// ‖XᵀY‖²_F of centred x and y.
fn overlap(x: &Array2<f64>, y: &Array2<f64>) -> f64 {
    x.t().dot(y).iter().map(|x| x * x).sum()
}

fn normalised(cross: f64, own_x: f64, own_y: f64) -> Option<f64> {
    let cka = cross / (own_x.sqrt() * own_y.sqrt());
    cka.is_finite().then(|| cka.clamp(0.0, 1.0))
}

/// Converted to f64, row-major, with columns centred to mean 0.
fn centred<F: Copy + Into<f64>>(x: ArrayView2<'_, F>) -> Array2<f64> {
    let mut centred = Array2::from_shape_fn(x.dim(), |place| x[place].into());
    let rows = x.nrows() as f64;
    let mut means = vec![0.0; x.ncols()];
    for row in centred.rows() {
        means.iter_mut().zip(row).for_each(|(mean, x)| *mean += *x);
    }
    means.iter_mut().for_each(|mean| *mean /= rows);
    for mut row in centred.rows_mut() {
        row.iter_mut().zip(&means).for_each(|(x, mean)| *x -= mean);
    }
    centred
}

fn check_rows(expected: usize, got: usize) -> Result<()> {
    if expected == got {
        return Ok(());
    }
    Err(Error::Shape {
        op: "linear CKA",
        expected: format!("{expected} rows"),
        got: got.to_string(),
    })
}

#[cfg(test)]
mod tests;
