//! Statistics over time: the frames `(T, d)` of a clip become one vector `(S d)`, all values of the
//! first statistic, then all of the second, and so on. [`SEVEN`] are those of the paper.
//!
//! # What is computed
//! With `x` a column, in `f64`, each result rounded once to `f32`:
//!
//! - mean `m = Σ x / T` and standard deviation `√(Σ (x − m)² / T)` (population: numpy's ddof 0);
//! - percentile `q`: with the sorted column at `i = (T − 1) (q / 100)`, `a` and `b` the values at
//!   `⌊i⌋` and the next rank and `t` the fraction of `i`, `a + (b − a) t`, or `b − (b − a)(1 − t)`
//!   if `t ≥ 0.5`: numpy's default (`linear`; Hyndman and Fan 1996, type 7), to the letter;
//! - minimum and maximum.
//!
//! The results agree with numpy's on the frames widened to `f64` to 1e-6 of `max(|value|, s)`, `s`
//! the column's standard deviation (a percentile of 0 between −1 and 1 has no digits of its own).
//! numpy on narrower frames rounds more: an `f32` mean over axis 0 adds in `f32`, and all of an
//! `f16` result is `f16`.
//!
//! # Values that are not finite
//! As numpy: a NaN makes every statistic of its column NaN, and no other column's. With ±∞ in a
//! column the formulas above are taken at their word: the mean is ±∞ or NaN, the deviation NaN, and
//! a percentile next to an infinity may be NaN (∞ − ∞, or 0 · ∞ at a whole rank); minimum and
//! maximum are values of the column. Results beyond the range of `f32` are ±∞.
//!
//! # How
//! 16 columns at a time are copied into a tile `[T][16]`, and every step works on whole rows of it:
//! sums of distances to the first row, then a sorting network of minima and
//! maxima, so that no branch depends on a value. The order of all operations depends on T alone:
//! the same bits on every processor, for every number of threads.
//! `tile.rs` does this; `column.rs` is the reference, and takes the columns that the network cannot order.

mod column;
mod lanes;
mod network;
mod statistic;
mod tile;

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use crate::micro::{self, Kernel};
use crate::pack::{RowSource, RowValues};
use lanes::WIDTH;
use tile::{Block, Tile};

pub use column::aggregate as by_column;
pub use statistic::{AggregateError, SEVEN, Statistic};

/// Statistics that were checked, ready to be taken of any number of clips.
///
/// ```
/// use blendfuse_kernels::aggregate::{Aggregation, Scratch, Statistic};
/// use blendfuse_kernels::pack::{RowSource, RowValues};
///
/// let median = Aggregation::new(&[Statistic::Mean, Statistic::Percentile(50.0)])?;
/// let frames = [1.0, 10.0, 2.0, 20.0, 6.0, 60.0]; // 3 frames of 2 columns
/// let clip = RowSource { values: RowValues::F32(&frames), cols: 2 };
/// let mut out = [0.0; 4];
/// median.run(clip, &mut Scratch::new(), &mut out)?;
/// assert_eq!(out, [3.0, 30.0, 2.0, 20.0]);
/// # Ok::<(), blendfuse_kernels::aggregate::AggregateError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Aggregation {
    statistics: Vec<Statistic>,
}

impl Default for Aggregation {
    /// [`SEVEN`].
    fn default() -> Self {
        Self {
            statistics: SEVEN.to_vec(),
        }
    }
}

/// Memory that one call leaves to the next: 64 bytes for each frame of the longest clip so far
/// (128 if its values are `f64`), times the threads of [`Aggregation::run_parallel`].
#[derive(Debug, Default)]
pub struct Scratch {
    tiles: Vec<Tile>,
}

impl Scratch {
    /// Nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// At least `count` tiles.
    fn tiles(&mut self, count: usize) -> &mut [Tile] {
        if self.tiles.len() < count {
            self.tiles.resize_with(count, Tile::default);
        }
        &mut self.tiles
    }
}

impl Aggregation {
    /// Aggregation by `statistics`, in this order.
    ///
    /// # Errors
    /// [`AggregateError::NoStatistics`], or [`AggregateError::Percentile`] for one outside [0, 100]
    /// or NaN.
    pub fn new(statistics: &[Statistic]) -> Result<Self, AggregateError> {
        if statistics.is_empty() {
            return Err(AggregateError::NoStatistics);
        }
        for statistic in statistics {
            match *statistic {
                Statistic::Percentile(value) if !(0.0..=100.0).contains(&value) => {
                    return Err(AggregateError::Percentile { value });
                }
                _ => {}
            }
        }
        Ok(Self {
            statistics: statistics.to_vec(),
        })
    }

    /// The statistics, in the order of the output.
    pub fn statistics(&self) -> &[Statistic] {
        &self.statistics
    }

    /// Length of the output for frames of `cols` columns.
    pub fn output_len(&self, cols: usize) -> usize {
        self.statistics.len() * cols
    }

    /// Frames `(T, d)` into `out (S d)`, on the calling thread.
    ///
    /// # Errors
    /// [`AggregateError::Empty`] if T or d is 0; `Ragged` or `Output` if a length does not fit.
    ///
    /// # Panics
    /// With the message of [`micro::SelectError`] if the caller has not checked [`micro::select`].
    pub fn run(
        &self,
        frames: RowSource<'_>,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) -> Result<(), AggregateError> {
        self.run_with(micro::active(), frames, scratch, out)
    }

    /// [`Self::run`] with a kernel of the caller's choice.
    ///
    /// # Errors
    /// As [`Self::run`].
    pub fn run_with(
        &self,
        kernel: Kernel,
        frames: RowSource<'_>,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) -> Result<(), AggregateError> {
        let rows = self.check(frames, out)?;
        let mut task = self.task(frames, rows, 0, out.chunks_mut(frames.cols).collect());
        task.run(kernel, &mut scratch.tiles(1)[0]);
        Ok(())
    }

    /// [`Self::run`] on all threads of the current pool; the same bits. For a few long clips: many
    /// are better spread over the threads whole, each thread with its own scratch.
    ///
    /// # Errors
    /// As [`Self::run`].
    ///
    /// # Panics
    /// As [`Self::run`].
    pub fn run_parallel(
        &self,
        frames: RowSource<'_>,
        scratch: &mut Scratch,
        out: &mut [f32],
    ) -> Result<(), AggregateError> {
        let rows = self.check(frames, out)?;
        let kernel = micro::active();
        let blocks = frames.cols.div_ceil(WIDTH);
        let width = blocks.div_ceil(rayon::current_num_threads()) * WIDTH;
        let mut rest: Vec<&mut [f32]> = out.chunks_mut(frames.cols).collect();
        let mut tasks = Vec::new();
        for first_col in (0..frames.cols).step_by(width) {
            let width = width.min(frames.cols - first_col);
            let out = rest.iter_mut().map(|rest| {
                let (out, tail) = std::mem::take(rest).split_at_mut(width);
                *rest = tail;
                out
            });
            tasks.push(self.task(frames, rows, first_col, out.collect()));
        }
        let tiles = scratch.tiles(tasks.len());
        tasks
            .into_par_iter()
            .zip(tiles)
            .for_each(|(mut task, tile)| task.run(kernel, tile));
        Ok(())
    }

    /// Number of frames, if all lengths fit.
    fn check(&self, frames: RowSource<'_>, out: &[f32]) -> Result<usize, AggregateError> {
        let values = match frames.values {
            RowValues::F16(values) => values.len(),
            RowValues::F32(values) => values.len(),
            RowValues::F64(values) => values.len(),
        };
        let cols = frames.cols;
        if values == 0 || cols == 0 {
            return Err(AggregateError::Empty);
        }
        if !values.is_multiple_of(cols) {
            return Err(AggregateError::Ragged { values, cols });
        }
        let expected = self.output_len(cols);
        if out.len() != expected {
            let got = out.len();
            return Err(AggregateError::Output { got, expected });
        }
        Ok(values / cols)
    }

    fn task<'a>(
        &'a self,
        frames: RowSource<'a>,
        rows: usize,
        first_col: usize,
        out: Vec<&'a mut [f32]>,
    ) -> Task<'a> {
        Task {
            statistics: &self.statistics,
            frames,
            rows,
            first_col,
            out,
        }
    }
}

/// Some columns of a clip.
struct Task<'a> {
    statistics: &'a [Statistic],
    frames: RowSource<'a>,
    rows: usize,
    first_col: usize,
    /// The task's columns of each statistic.
    out: Vec<&'a mut [f32]>,
}

impl Task<'_> {
    fn run(&mut self, kernel: Kernel, tile: &mut Tile) {
        let cols = self.out[0].len();
        for start in (0..cols).step_by(WIDTH) {
            let range = start..cols.min(start + WIDTH);
            let first_col = self.first_col + start;
            let block = Block {
                statistics: self.statistics,
                frames: self.frames,
                rows: self.rows,
                first_col,
                width: range.len(),
            };
            let good = tile.run(kernel, block, &range, &mut self.out);
            // Columns that the network cannot order, or whose sums overflow, are taken one by one.
            for (col, &good) in good.iter().enumerate().take(range.len()) {
                if !good {
                    let x = column::values(self.frames, first_col + col);
                    for (statistic, value) in column::statistics(x, self.statistics).enumerate() {
                        self.out[statistic][start + col] = value;
                    }
                }
            }
        }
    }
}
