//! The input of a classifier: standardised features, concatenated over encoders.

use std::sync::Arc;

use super::Baseline;
use crate::data::dataset::{Dataset, Split};
use crate::data::standardise::{ActorStats, ColumnStats, Standardisation};
use crate::error::Result;
use crate::kernels::layout::{PackedRows, ROW_BLOCK};
use crate::kernels::pack::{Pick, RowScaling, Standardise, gather_rows};

/// The chosen encoders with their standardisation.
pub struct Input<'a> {
    dataset: &'a Dataset<'a>,
    /// Places in the data set.
    encoders: Vec<usize>,
    /// One entry per chosen encoder.
    standardisation: Standardisation,
    /// Of all clips of the training split.
    actors: Option<ActorStats>,
    /// Columns of all of them together.
    pub cols: usize,
}

impl<'a> Input<'a> {
    /// Column statistics over the training clips, each encoder's over those that it has.
    ///
    /// # Errors
    /// [`Error::Data`](crate::Error::Data) where each actor has statistics of their own and actors are unknown.
    pub fn fit(baseline: &Baseline<'a>, encoders: &[usize], train: &[usize]) -> Result<Self> {
        let dataset = baseline.dataset;
        let split = &dataset.train;
        let stats = |&encoder: &usize| {
            let rows = split.rows(encoder);
            let rows: Vec<u32> = train.iter().filter_map(|&clip| rows[clip]).collect();
            ColumnStats::fit(split.source(encoder), &rows)
        };
        let stats = encoders.iter().map(stats).collect();
        let standardisation = Standardisation::of_training(baseline.data, stats);
        let all: Vec<usize> = (0..split.len()).collect();
        Ok(Self {
            dataset,
            encoders: encoders.to_vec(),
            actors: standardisation.actors_of(split, &all, |n| encoders[n])?,
            standardisation,
            cols: encoders.iter().map(|&e| dataset.encoders[e].width).sum(),
        })
    }

    /// The clips' features `(clips, cols)`; the columns of an encoder that lacks a clip are 0, the mean
    /// of the training clips.
    ///
    /// # Errors
    /// As [`Input::fit`].
    pub fn gather(&self, split: &Split, clips: &[usize]) -> Result<Arc<PackedRows<f32>>> {
        let of_test = match std::ptr::eq(split, &self.dataset.train) {
            true => None,
            false => self
                .standardisation
                .actors_of(split, clips, |n| self.encoders[n])?,
        };
        let actors = of_test.as_ref().or(self.actors.as_ref());
        let scaling = self.standardisation.with(actors);
        let part = |(n, &encoder): (usize, &usize)| {
            let source = split.source(encoder);
            let rows = split.rows(encoder);
            let pick = |&clip: &usize| {
                let row = rows[clip]? as usize;
                Some(Pick { source: 0, row })
            };
            let picks: Vec<Option<Pick>> = clips.iter().map(pick).collect();
            let mut out = PackedRows::zeros(clips.len(), source.cols);
            let each: Vec<Standardise<'_>>;
            let scaling = match scaling.common(n) {
                Some(common) => RowScaling::Same(common),
                None => {
                    each = clips.iter().map(|&clip| scaling.of(n, clip)).collect();
                    RowScaling::Each(&each)
                }
            };
            gather_rows(&[source], &picks, scaling, &mut out);
            out
        };
        let mut parts: Vec<PackedRows<f32>> = self.encoders.iter().enumerate().map(part).collect();
        if parts.len() == 1
            && let Some(only) = parts.pop()
        {
            return Ok(Arc::new(only));
        }
        Ok(Arc::new(side_by_side(&parts, clips.len(), self.cols)))
    }
}

/// Matrices with the same rows as one: within a block of rows, columns follow each other.
fn side_by_side(parts: &[PackedRows<f32>], rows: usize, cols: usize) -> PackedRows<f32> {
    let mut joined = PackedRows::zeros(rows, cols);
    for block in 0..rows.div_ceil(ROW_BLOCK) {
        let mut at = block * cols * ROW_BLOCK;
        for part in parts {
            let width = part.cols() * ROW_BLOCK;
            joined.as_mut_slice()[at..at + width]
                .copy_from_slice(&part.as_slice()[block * width..][..width]);
            at += width;
        }
    }
    joined
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::MatRef;

    #[test]
    fn parts_stand_side_by_side_in_every_row() {
        let matrix = |cols: usize, offset: usize| -> Vec<f32> {
            (0..19 * cols).map(|i| (offset + i) as f32).collect()
        };
        let (a, b) = (matrix(3, 0), matrix(5, 1000));
        let pack = |x: &[f32], cols| PackedRows::from_view(MatRef::row_major(x, 19, cols));
        let joined = side_by_side(&[pack(&a, 3), pack(&b, 5)], 19, 8).to_row_major();
        for row in 0..19 {
            assert_eq!(joined[8 * row..][..3], a[3 * row..][..3]);
            assert_eq!(joined[8 * row + 3..][..5], b[5 * row..][..5]);
        }
    }
}
