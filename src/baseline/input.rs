//! The input of a classifier: standardised features, concatenated over encoders.

use std::collections::HashSet;
use std::sync::Arc;

use super::Baseline;
use crate::config::ProjectionInputs;
use crate::data::dataset::{Dataset, Split};
use crate::data::standardise::{ActorStats, ColumnStats, Scaling, Standardisation};
use crate::error::Result;
use crate::kernels::layout::{PackedRows, ROW_BLOCK};
use crate::kernels::pack::{
    Pick, RowScaling, RowSource, RowValues, Standardise, StoredRows, gather_rows,
};
use crate::train::span::{EncoderRow, Joined, JoinedRows};

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
    pub columns: usize,
    /// What the classifier takes in their place, if that is not they.
    coordinates: Option<Coordinates>,
}

/// The coordinates of all clips in the span of the training clips' rows, `(clips, rank)`.
struct Coordinates {
    rank: usize,
    train: Vec<f32>,
    /// Nothing where the test split is not scored.
    test: Vec<f32>,
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
        let mut input = Self {
            dataset,
            encoders: encoders.to_vec(),
            actors: standardisation.actors_of(split, &all, |n| encoders[n])?,
            standardisation,
            columns: encoders.iter().map(|&e| dataset.encoders[e].width).sum(),
            coordinates: None,
        };
        if baseline.inputs == ProjectionInputs::Span && input.columns > train.len() {
            let test = dataset.scored_test(baseline.data.standardize);
            input.coordinates = Some(input.coordinates_of_all(train, test)?);
        }
        Ok(input)
    }

    /// What the classifier takes of a clip: how many columns, or coordinates.
    pub fn width(&self) -> usize {
        let rank = self.coordinates.as_ref().map(|found| found.rank);
        rank.unwrap_or(self.columns)
    }

    fn coordinates_of_all(&self, train: &[usize], test: Option<&Split>) -> Result<Coordinates> {
        let split = &self.dataset.train;
        let spanning: HashSet<usize> = train.iter().copied().collect();
        let others = (0..split.len()).filter(|clip| !spanning.contains(clip));
        let places: Vec<usize> = train.iter().copied().chain(others).collect();
        let tested: Vec<usize> = (0..test.map_or(0, Split::len)).collect();
        let of_test = match test {
            Some(test) => self
                .standardisation
                .actors_of(test, &tested, |n| self.encoders[n])?,
            None => None,
        };
        let [of_train, of_test] = [
            self.standardisation.with(self.actors.as_ref()),
            self.standardisation
                .with(of_test.as_ref().or(self.actors.as_ref())),
        ];
        let encoders = self.encoders.iter().enumerate().map(|(n, &encoder)| {
            let mut all = rows(split, &places, (n, encoder), of_train);
            if let Some(test) = test {
                all.extend(rows(test, &tested, (n, encoder), of_test));
            }
            JoinedRows {
                rows: all,
                cols: self.dataset.encoders[encoder].width,
            }
        });
        let Joined { coordinates, rank } = Joined::of(&encoders.collect::<Vec<_>>(), train.len());
        let (known, of_test) = coordinates.split_at(split.len() * rank);
        let mut in_order = vec![0.0; known.len()];
        for (row, place) in known.chunks(rank).zip(places) {
            in_order[place * rank..][..rank].copy_from_slice(row);
        }
        Ok(Coordinates {
            rank,
            train: in_order,
            test: of_test.to_vec(),
        })
    }

    /// What the classifier takes of the clips, `(clips, width)`; the columns of an encoder that lacks a clip are
    /// 0, the mean of the training clips.
    ///
    /// # Errors
    /// As [`Input::fit`].
    pub fn gather(&self, split: &Split, clips: &[usize]) -> Result<Arc<PackedRows<f32>>> {
        if let Some(Coordinates { rank, train, test }) = &self.coordinates {
            let values = match std::ptr::eq(split, &self.dataset.train) {
                true => train,
                false => test,
            };
            let source: StoredRows<'_> = RowSource {
                values: RowValues::F32(values),
                cols: *rank,
            }
            .into();
            let pick = |&row: &usize| Some(Pick { source: 0, row });
            let picks: Vec<Option<Pick>> = clips.iter().map(pick).collect();
            let mut out = PackedRows::zeros(clips.len(), *rank);
            gather_rows(&[source], &picks, RowScaling::None, &mut out);
            return Ok(Arc::new(out));
        }
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
        Ok(Arc::new(side_by_side(&parts, clips.len(), self.columns)))
    }
}

/// The rows of clips of a split, by the entry of the statistics and the place of an encoder.
fn rows<'r>(
    split: &'r Split,
    clips: &[usize],
    (entry, encoder): (usize, usize),
    scaling: Scaling<'r>,
) -> Vec<Option<EncoderRow<'r>>> {
    let (source, rows) = (split.source(encoder), split.rows(encoder));
    let row = |&clip: &usize| {
        Some(EncoderRow {
            source,
            row: rows[clip]? as usize,
            standardise: Some(scaling.of(entry, clip)),
        })
    };
    clips.iter().map(row).collect()
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
