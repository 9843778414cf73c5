//! Batches: their order, and gathering rows into them.

use std::sync::Arc;

use ndarray::Array2;
use rayon::prelude::*;

use super::dataset::Split;
use super::standardise::Scaling;
use crate::encoders::Presence;
use crate::kernels::layout::PackedRows;
use crate::kernels::pack::{Pick, RowScaling, Standardise, gather_rows};
use crate::kernels::real::Real;
use crate::rng::{Purpose, Stream};

/// The order of the given clips in an epoch (counted from 0): shuffled differently in each epoch, or
/// unchanged.
pub fn epoch_order(clips: &[usize], seed: u64, epoch: usize, shuffle: bool) -> Vec<usize> {
    ordered(clips, seed, Purpose::Shuffle, epoch, shuffle)
}

fn ordered(clips: &[usize], seed: u64, purpose: Purpose, step: usize, shuffle: bool) -> Vec<usize> {
    let mut order = clips.to_vec();
    if shuffle {
        Stream::new(seed, purpose, 0, step).shuffle(&mut order);
    }
    order
}

/// Cuts an order into training batches of `size` clips. The last batch may be shorter; it is dropped if
/// it has a single clip, which has no batch statistics. So a single clip gives no batch.
///
/// # Panics
/// If `size` is 0.
pub fn training_batches(order: &[usize], size: usize) -> impl ExactSizeIterator<Item = &[usize]> {
    let last = order.len() % size;
    let kept = if last == 1 {
        order.len() - 1
    } else {
        order.len()
    };
    order[..kept].chunks(size)
}

/// An endless sequence of unlabelled target clips: repeated passes, each shuffled differently. Its
/// position is one number, so that a resumed run continues where it stopped.
#[derive(Clone, Debug)]
pub struct TargetStream {
    clips: Vec<usize>,
    seed: u64,
    shuffle: bool,
    drawn: usize,
    order: Vec<usize>,
}

impl TargetStream {
    /// Starts at the beginning of the given clips.
    ///
    /// # Panics
    /// If there are none.
    pub fn new(clips: Vec<usize>, seed: u64, shuffle: bool) -> TargetStream {
        assert!(!clips.is_empty(), "a target domain has clips");
        let mut stream = TargetStream {
            clips,
            seed,
            shuffle,
            drawn: 0,
            order: Vec::new(),
        };
        stream.seek(0);
        stream
    }

    /// Number of clips drawn so far.
    pub fn drawn(&self) -> usize {
        self.drawn
    }

    /// Moves to the position after `drawn` clips.
    pub fn seek(&mut self, drawn: usize) {
        self.drawn = drawn;
        self.reorder();
    }

    /// The next `count` clips; across two passes, a clip may occur twice.
    pub fn take(&mut self, count: usize) -> Vec<usize> {
        let mut taken = Vec::with_capacity(count);
        for _ in 0..count {
            taken.push(self.order[self.drawn % self.clips.len()]);
            self.drawn += 1;
            if self.drawn.is_multiple_of(self.clips.len()) {
                self.reorder();
            }
        }
        taken
    }

    fn reorder(&mut self) {
        let pass = self.drawn / self.clips.len();
        self.order = ordered(
            &self.clips,
            self.seed,
            Purpose::TargetShuffle,
            pass,
            self.shuffle,
        );
    }
}

/// Rows of a batch that come from one split.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// Where they come from.
    pub split: &'a Split<'a>,
    /// Clips of the split, in batch order.
    pub clips: &'a [usize],
    /// How they are standardised; none: features as they are.
    pub scaling: Option<Scaling<'a>>,
}

/// A batch, B rows: first those of the source, then those of the target domain, if any.
///
/// One `Batch` serves all steps: its buffers are reused once they are no longer borrowed.
#[derive(Debug)]
pub struct Batch<T> {
    /// For each encoder its standardised features `(B, D)`; a clip that the encoder lacks is 0.
    pub features: Vec<Arc<PackedRows<T>>>,
    /// Which encoders each row has.
    pub presence: Presence,
    /// Soft labels `(source rows, classes)`; `None` if a source clip has no label. Labels of the
    /// target domain are never read.
    pub targets: Option<Array2<T>>,
    /// Number of rows B.
    pub len: usize,
    /// Number of rows of the source.
    pub source_len: usize,
}

impl<T> Default for Batch<T> {
    fn default() -> Self {
        Self {
            features: Vec::new(),
            presence: Presence::complete(),
            targets: None,
            len: 0,
            source_len: 0,
        }
    }
}

impl<T: Real> Batch<T> {
    /// An empty batch, to be filled by [`Batch::gather`].
    pub fn new() -> Self {
        Self::default()
    }

    /// Fills the batch with the source's rows, followed by the target's, standardised as each says.
    ///
    /// # Panics
    /// If a clip does not exist, the splits have different encoders, or statistics are not one per
    /// encoder.
    pub fn gather(&mut self, source: Rows<'_>, target: Option<Rows<'_>>) {
        let encoders = source.split.encoders();
        let parts: Vec<Rows<'_>> = [Some(source), target].into_iter().flatten().collect();
        assert!(
            parts
                .iter()
                .filter_map(|part| part.scaling)
                .all(|scaling| scaling.encoders() == encoders),
            "one entry of statistics per encoder"
        );
        self.source_len = source.clips.len();
        self.len = parts.iter().map(|part| part.clips.len()).sum();
        self.targets = soft_labels(source);
        self.features
            .resize_with(encoders, || Arc::new(PackedRows::zeros(0, 0)));
        let rows = self.len;
        let present: Vec<Vec<bool>> = self
            .features
            .par_iter_mut()
            .enumerate()
            .map(|(encoder, features)| {
                let sources: Vec<_> = parts
                    .iter()
                    .map(|part| part.split.source(encoder))
                    .collect();
                let picks: Vec<Option<Pick>> = picks(&parts, encoder).collect();
                let cols = sources[0].cols;
                let each: Vec<Standardise<'_>>;
                let scaling = match common_to(&parts, encoder) {
                    Some(common) => RowScaling::Same(common),
                    None => {
                        each = each_standardised(&parts, encoder);
                        match each.len() == rows {
                            true => RowScaling::Each(&each),
                            false => RowScaling::None,
                        }
                    }
                };
                gather_rows(&sources, &picks, scaling, buffer(features, rows, cols));
                picks.iter().map(Option::is_some).collect()
            })
            .collect();
        self.presence = Presence::from_columns(present);
    }
}

/// How all rows of a batch are standardised, if they are alike.
fn common_to<'a>(parts: &[Rows<'a>], encoder: usize) -> Option<Standardise<'a>> {
    // Both splits have the statistics of the same training rows.
    let common = |part: &Rows<'a>| part.scaling?.common(encoder);
    let first = common(parts.first()?)?;
    parts
        .iter()
        .all(|part| common(part).is_some())
        .then_some(first)
}

/// How each row of a batch is standardised; nothing where none is.
fn each_standardised<'a>(parts: &[Rows<'a>], encoder: usize) -> Vec<Standardise<'a>> {
    let of_part = |part: &Rows<'a>| {
        let (clips, scaling) = (part.clips, part.scaling);
        scaling
            .into_iter()
            .flat_map(move |scaling| clips.iter().map(move |&clip| scaling.of(encoder, clip)))
    };
    parts.iter().flat_map(of_part).collect()
}

/// The stored row of each batch row.
fn picks<'a>(parts: &'a [Rows<'_>], encoder: usize) -> impl Iterator<Item = Option<Pick>> + 'a {
    parts.iter().enumerate().flat_map(move |(source, part)| {
        let rows = part.split.rows(encoder);
        part.clips.iter().map(move |&clip| {
            rows[clip].map(|row| Pick {
                source,
                row: row as usize,
            })
        })
    })
}

/// The buffer itself if it has room and no tape holds it any more, else a new one in its place.
fn buffer<T: Real>(
    features: &mut Arc<PackedRows<T>>,
    rows: usize,
    cols: usize,
) -> &mut PackedRows<T> {
    let kept = match Arc::get_mut(features) {
        Some(alone) if alone.cols() == cols => alone.rows() == rows || alone.reset(rows),
        _ => false,
    };
    if !kept {
        *features = Arc::new(PackedRows::zeros(rows, cols));
    }
    // Alone by now, so nothing is ever copied.
    Arc::make_mut(features)
}

/// The soft labels `(rows, classes)` of some clips; `None` if one of them has no label.
pub fn soft_labels<T: Real>(source: Rows<'_>) -> Option<Array2<T>> {
    let target = |&clip: &usize| source.split.clips[clip].target.as_deref();
    let classes = source.clips.first().and_then(target)?.len();
    let mut targets = Array2::from_elem((source.clips.len(), classes), T::zero());
    for (mut row, clip) in targets.rows_mut().into_iter().zip(source.clips) {
        for (out, &share) in row.iter_mut().zip(target(clip)?) {
            *out = T::of(share);
        }
    }
    Some(targets)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::DataConfig;
    use crate::data::fixture;
    use crate::data::standardise::Standardisation;

    #[test]
    fn each_epoch_has_its_own_order_and_a_single_last_clip_is_dropped() {
        let clips: Vec<usize> = (10..43).collect();
        let first = epoch_order(&clips, 1, 0, true);
        assert_eq!(first, epoch_order(&clips, 1, 0, true));
        assert_ne!(first, epoch_order(&clips, 1, 1, true));
        assert_eq!(epoch_order(&clips, 1, 0, false), clips);
        let mut sorted = first.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, clips);
        let sizes = |count: usize| -> Vec<usize> {
            training_batches(&first[..count], 8)
                .map(<[usize]>::len)
                .collect()
        };
        assert_eq!(sizes(33), [8, 8, 8, 8]);
        assert_eq!(sizes(18), [8, 8, 2]);
        assert!(sizes(1).is_empty());
        assert!(training_batches(&first, 1).all(|batch| batch.len() == 1));
    }

    #[test]
    fn the_target_stream_wraps_around_and_goes_on_from_any_place() {
        let mut stream = TargetStream::new((0..5).collect(), 3, true);
        let drawn: Vec<usize> = [3, 4, 1, 7].iter().flat_map(|&n| stream.take(n)).collect();
        for pass in drawn.chunks(5) {
            let mut pass = pass.to_vec();
            pass.sort_unstable();
            assert_eq!(pass, (0..5).collect::<Vec<_>>());
        }
        assert_ne!(drawn[..5], drawn[5..10]);
        for place in 0..15 {
            stream.seek(place);
            assert_eq!(stream.take(15 - place), drawn[place..]);
            assert_eq!(stream.drawn(), 15);
        }
    }

    #[test]
    fn a_batch_holds_the_rows_of_both_splits_standardised_and_marks_what_is_missing() {
        let data = fixture::dataset();
        let (train, test) = (&data.train, data.test.as_ref().unwrap());
        let mut batch = Batch::<f64>::new();
        let source = Rows {
            split: train,
            clips: &[1, 4],
            scaling: None,
        };
        let target = Rows {
            split: test,
            clips: &[1, 0, 0],
            scaling: None,
        };
        batch.gather(source, Some(target));
        assert_eq!((batch.len, batch.source_len), (5, 2));
        assert_eq!(batch.presence.column(0), None);
        let beta = [false, true, false, true, true];
        assert_eq!(batch.presence.column(1), Some(&beta[..]));
        for (row, clip) in [1, 4, 7, 6, 6].into_iter().enumerate() {
            for (encoder, features) in batch.features.iter().enumerate() {
                for col in 0..2 {
                    let expected = if batch.presence.has(row, encoder) {
                        fixture::value(clip, encoder, col)
                    } else {
                        0.0
                    };
                    assert_eq!(features.get(row, col), expected);
                }
            }
        }
        // hap 70, sad 30; then hap alone. The target part has no labels and needs none.
        let targets = batch.targets.as_ref().unwrap();
        assert_eq!(targets.row(0).to_vec(), [0.0, 0.7, 0.3, 0.0]);
        assert_eq!(targets.row(1).to_vec(), [0.0, 1.0, 0.0, 0.0]);

        let clips: Vec<usize> = (0..6).collect();
        let standardise = Standardisation::fit(&DataConfig::default(), train, &clips).unwrap();
        batch.gather(
            Rows {
                split: train,
                clips: &clips,
                scaling: Some(standardise.with(None)),
            },
            None,
        );
        for col in 0..2 {
            let sum: f64 = (0..6).map(|row| batch.features[1].get(row, col)).sum();
            assert!(sum.abs() <= 1e-5, "{sum}");
            assert_eq!(batch.features[1].get(1, col), 0.0);
        }
        batch.gather(
            Rows {
                split: test,
                clips: &[0],
                scaling: None,
            },
            None,
        );
        assert_eq!(batch.targets, None);
    }

    #[test]
    fn a_buffer_is_filled_again_once_nobody_else_holds_it() {
        let data = fixture::dataset();
        let rows = |clips| Rows {
            split: &data.train,
            clips,
            scaling: None,
        };
        let mut batch = Batch::<f32>::new();
        batch.gather(rows(&[0, 2]), None);
        let place = Arc::as_ptr(&batch.features[0]);
        batch.gather(rows(&[3, 4]), None);
        assert_eq!(Arc::as_ptr(&batch.features[0]), place);
        // A shorter batch and the next of full length take the same memory.
        let memory = batch.features[0].as_slice().as_ptr();
        for clips in [&[5][..], &[3, 4]] {
            batch.gather(rows(clips), None);
            assert_eq!(batch.features[0].as_slice().as_ptr(), memory);
            let mut fresh = Batch::<f32>::new();
            fresh.gather(rows(clips), None);
            assert_eq!(batch.features, fresh.features);
        }
        let held = Arc::clone(&batch.features[0]);
        let before = (*held).clone();
        batch.gather(rows(&[0, 5]), None);
        assert_eq!(*held, before);
        assert_ne!(*batch.features[0], before);
    }
}
