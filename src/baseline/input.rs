//! The input of a classifier: standardised features, concatenated over encoders.

use std::sync::Arc;

use crate::data::dataset::{Dataset, Split};
use crate::data::standardise::ColumnStats;
use crate::kernels::layout::{PackedRows, ROW_BLOCK};
use crate::kernels::pack::{Pick, gather_rows};

/// The chosen encoders with the standardisation of the training clips.
pub struct Input {
    /// Places in the data set, and column statistics, of each encoder.
    encoders: Vec<(usize, ColumnStats)>,
    /// Columns of all of them together.
    pub cols: usize,
}

impl Input {
    /// Column statistics over the training clips, each encoder's over those that it has.
    pub fn fit(dataset: &Dataset, encoders: &[usize], train: &[usize]) -> Self {
        let split = &dataset.train;
        let stats = |&encoder: &usize| {
            let rows = split.rows(encoder);
            let rows: Vec<u32> = train.iter().filter_map(|&clip| rows[clip]).collect();
            (encoder, ColumnStats::fit(split.source(encoder), &rows))
        };
        Self {
            encoders: encoders.iter().map(stats).collect(),
            cols: encoders.iter().map(|&e| dataset.encoders[e].width).sum(),
        }
    }

    /// The clips' features `(clips, cols)`; the columns of an encoder that lacks a clip are 0, the mean
    /// of the training clips.
    pub fn gather(&self, split: &Split, clips: &[usize]) -> Arc<PackedRows<f32>> {
        let part = |(encoder, stats): &(usize, ColumnStats)| {
            let source = split.source(*encoder);
            let rows = split.rows(*encoder);
            let pick = |&clip: &usize| {
                let row = rows[clip]? as usize;
                Some(Pick { source: 0, row })
            };
            let picks: Vec<Option<Pick>> = clips.iter().map(pick).collect();
            let mut out = PackedRows::zeros(clips.len(), source.cols);
            gather_rows(&[source], &picks, Some(stats.as_kernel()), &mut out);
            out
        };
        let mut parts: Vec<PackedRows<f32>> = self.encoders.iter().map(part).collect();
        if parts.len() == 1
            && let Some(only) = parts.pop()
        {
            return Arc::new(only);
        }
        Arc::new(side_by_side(&parts, clips.len(), self.cols))
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
