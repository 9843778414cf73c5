//! 16 columns of a clip: gathered, summed, sorted and interpolated.

use std::ops::Range;

use half::f16;
use num_traits::{Float, Zero};

use super::column::Rank;
use super::lanes::{Lanes, Plain, WIDTH};
#[cfg(target_arch = "x86_64")]
use super::lanes::{Ymm32, Ymm64, Zmm32, Zmm64};
use super::network::{Network, RUN};
use super::statistic::Statistic;
use crate::buffer::Buffer;
use crate::micro::{Kernel, MicroKernel, SimdTask};
use crate::pack::{RowSource, RowValues};
use crate::real::Real;

/// Rows that are gathered before they are summed; also the longest sum of single values, whose
/// rounding errors therefore do not grow with T.
const CHUNK: usize = 128;

/// Memory of a tile, kept from one to the next.
#[derive(Debug)]
pub(super) struct Tile {
    narrow: Buffer<f32>,
    wide: Buffer<f64>,
}

impl Default for Tile {
    fn default() -> Self {
        Self {
            narrow: Buffer::zeros(0),
            wide: Buffer::zeros(0),
        }
    }
}

/// Up to 16 columns of a clip.
#[derive(Clone, Copy, Debug)]
pub(super) struct Block<'a> {
    pub(super) statistics: &'a [Statistic],
    pub(super) frames: RowSource<'a>,
    pub(super) rows: usize,
    pub(super) first_col: usize,
    pub(super) width: usize,
}

impl Tile {
    /// Writes the statistics of the block into `range` of each output; returns which of its columns
    /// are right. The others hold values that are not finite, or too large to be squared.
    pub(super) fn run(
        &mut self,
        kernel: Kernel,
        block: Block<'_>,
        range: &Range<usize>,
        out: &mut [&mut [f32]],
    ) -> [bool; WIDTH] {
        let (narrow, wide) = (&mut self.narrow, &mut self.wide);
        match block.frames.values {
            RowValues::F16(values) => run(kernel, values, narrow, block, range, out),
            RowValues::F32(values) => run(kernel, values, narrow, block, range, out),
            RowValues::F64(values) => run(kernel, values, wide, block, range, out),
        }
    }
}

fn run<S: Stored>(
    kernel: Kernel,
    values: &[S],
    buffer: &mut Buffer<S::Element>,
    block: Block<'_>,
    range: &Range<usize>,
    out: &mut [&mut [f32]],
) -> [bool; WIDTH] {
    let count = block.rows;
    let padded = count.next_multiple_of(RUN);
    if buffer.len() < padded * WIDTH {
        *buffer = Buffer::zeros(padded * WIDTH);
    }
    let rows = &mut buffer.as_chunks_mut::<WIDTH>().0[..padded];
    let moments = kernel.run(Gather {
        values,
        block,
        rows: &mut *rows,
    });
    let has = |wanted: fn(&Statistic) -> bool| block.statistics.iter().any(wanted);
    let mut extremes = [[S::Element::zero(); WIDTH]; 2];
    if has(|s| matches!(s, Statistic::Min | Statistic::Max)) {
        extremes = S::in_lanes(kernel, Extremes(&rows[..count]));
    }
    let front = Network::<S::Plain>::split(padded);
    if has(|s| matches!(s, Statistic::Percentile(_))) {
        let (front, back) = rows.split_at_mut(front);
        S::in_lanes(kernel, Sort([front, back]));
    }
    let (front, back) = rows[..count].split_at(front.min(count));
    for (statistic, out) in block.statistics.iter().zip(out) {
        let out = &mut out[range.clone()];
        match *statistic {
            Statistic::Mean => narrow(out, &moments.mean),
            Statistic::Std => narrow(out, &moments.std),
            Statistic::Min => narrow(out, &extremes[0]),
            Statistic::Max => narrow(out, &extremes[1]),
            Statistic::Percentile(q) => {
                let rank = Rank::new(q, count);
                let [below, above] = S::in_lanes(kernel, Neighbours { front, back, rank });
                for ((out, below), above) in out.iter_mut().zip(below).zip(above) {
                    *out = rank.interpolate(below.as_f64(), above.as_f64()) as f32;
                }
            }
        }
    }
    moments.finite
}

fn narrow<T: Real>(out: &mut [f32], row: &[T; WIDTH]) {
    for (out, x) in out.iter_mut().zip(row) {
        *out = x.as_f64() as f32;
    }
}

/// A type of stored values, and how tiles hold it.
trait Stored: Copy {
    /// A number of a tile.
    type Element: Real;
    type Plain: Lanes<Kernel = crate::micro::Portable, Element = Self::Element>;
    #[cfg(target_arch = "x86_64")]
    type Ymm: Lanes<Kernel = crate::micro::Avx2Fma, Element = Self::Element>;
    #[cfg(target_arch = "x86_64")]
    type Zmm: Lanes<Kernel = crate::micro::Avx512, Element = Self::Element>;

    /// Without loss.
    fn widen(self) -> Self::Element;

    /// Runs the job in vectors of the kernel.
    fn in_lanes<J: Job<Self::Element>>(kernel: Kernel, job: J) -> J::Output {
        match kernel {
            Kernel::Portable(kernel) => kernel.run(InLanes::<Self::Plain, J> { kernel, job }),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx2Fma(kernel) => kernel.run(InLanes::<Self::Ymm, J> { kernel, job }),
            #[cfg(target_arch = "x86_64")]
            Kernel::Avx512(kernel) => kernel.run(InLanes::<Self::Zmm, J> { kernel, job }),
        }
    }
}

macro_rules! stored {
    ($stored:ty as $element:ty: $plain:ty, $ymm:ty, $zmm:ty, $widen:expr) => {
        impl Stored for $stored {
            type Element = $element;
            type Plain = $plain;
            #[cfg(target_arch = "x86_64")]
            type Ymm = $ymm;
            #[cfg(target_arch = "x86_64")]
            type Zmm = $zmm;

            #[inline(always)]
            fn widen(self) -> $element {
                $widen(self)
            }
        }
    };
}

stored! { f16 as f32: Plain<f32, 4>, Ymm32, Zmm32, half_to_single }
stored! { f32 as f32: Plain<f32, 4>, Ymm32, Zmm32, f32::from }
stored! { f64 as f64: Plain<f64, 2>, Ymm64, Zmm64, f64::from }

/// `f16::to_f32` without its branches and its question to the processor, so that it vectorises.
#[inline(always)]
fn half_to_single(x: f16) -> f32 {
    // Exponent and mantissa, moved to their place in an f32, mean a number 2^(127 − 15) too small,
    // subnormal or not; the exponent of infinity and NaN must become all ones.
    let bits = u32::from(x.to_bits());
    let magnitude = (bits & 0x7fff) << 13;
    let special = if magnitude >= 0x0f80_0000 {
        0x7f80_0000
    } else {
        0
    };
    let scaled = f32::from_bits(magnitude) * f32::from_bits(0x7780_0000);
    f32::from_bits(scaled.to_bits() | special | (bits & 0x8000) << 16)
}

/// Work on rows of a tile, written once for all vectors.
trait Job<T> {
    type Output;
    /// Must be `#[inline(always)]`, as [`SimdTask::run`].
    fn run<L: Lanes<Element = T>>(self, kernel: L::Kernel) -> Self::Output;
}

/// A job with its vectors.
struct InLanes<L: Lanes, J> {
    kernel: L::Kernel,
    job: J,
}

impl<L: Lanes, J: Job<L::Element>> SimdTask for InLanes<L, J> {
    type Output = J::Output;

    #[inline(always)]
    fn run(self) -> J::Output {
        self.job.run::<L>(self.kernel)
    }
}

/// Smallest and largest of each lane.
struct Extremes<'a, T>(&'a [[T; WIDTH]]);

impl<T: Real> Job<T> for Extremes<'_, T> {
    type Output = [[T; WIDTH]; 2];

    #[inline(always)]
    fn run<L: Lanes<Element = T>>(self, kernel: L::Kernel) -> Self::Output {
        let mut out = [[T::zero(); WIDTH]; 2];
        for group in 0..L::GROUPS {
            let mut min = L::load(kernel, &self.0[0], group);
            let mut max = min;
            for row in self.0 {
                let row = L::load(kernel, row, group);
                min = row.min(min);
                max = row.max(max);
            }
            min.store(&mut out[0], group);
            max.store(&mut out[1], group);
        }
        out
    }
}

/// Sorts the lanes of some rows, and those of others.
struct Sort<'a, T>([&'a mut [[T; WIDTH]]; 2]);

impl<T: Real> Job<T> for Sort<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<L: Lanes<Element = T>>(self, kernel: L::Kernel) {
        for rows in self.0 {
            for group in 0..L::GROUPS {
                Network::<L>::new(kernel, group).sort(rows);
            }
        }
    }
}

/// The values at a rank and at the next one, of two parts that are sorted.
struct Neighbours<'a, T> {
    front: &'a [[T; WIDTH]],
    back: &'a [[T; WIDTH]],
    rank: Rank,
}

impl<T: Real> Job<T> for Neighbours<'_, T> {
    type Output = [[T; WIDTH]; 2];

    #[inline(always)]
    fn run<L: Lanes<Element = T>>(self, kernel: L::Kernel) -> Self::Output {
        let mut out = [[T::zero(); WIDTH]; 2];
        for group in 0..L::GROUPS {
            let network = Network::<L>::new(kernel, group);
            let (below, above) = network.pair(self.front, self.back, self.rank.below);
            below.store(&mut out[0], group);
            above.store(&mut out[1], group);
        }
        if self.rank.above == self.rank.below {
            out[1] = out[0];
        }
        out
    }
}

/// Mean and standard deviation, and whether the sums held.
struct Moments {
    mean: [f64; WIDTH],
    std: [f64; WIDTH],
    finite: [bool; WIDTH],
}

/// Copies columns into a tile, the lanes beyond them 0 and the rows beyond the last +∞, and sums
/// them on the way.
///
/// Sums of distances to the first row need one pass where the textbook takes two. They lose nothing:
/// with D the distance of the first value to the mean, D² ≤ T σ², so that Σ d² / T = σ² + D²
/// exceeds σ² at most T + 1 times, and only that many units in the last place of an `f64` can
/// cancel. A constant column gives exactly 0.
struct Gather<'a, S: Stored> {
    values: &'a [S],
    block: Block<'a>,
    rows: &'a mut [[S::Element; WIDTH]],
}

impl<S: Stored> SimdTask for Gather<'_, S> {
    type Output = Moments;

    #[inline(always)]
    fn run(self) -> Moments {
        let Block {
            rows: count,
            first_col,
            width,
            frames,
            ..
        } = self.block;
        let (rows, padding) = self.rows.split_at_mut(count);
        let frames = self.values.chunks_exact(frames.cols);
        padding.fill([S::Element::infinity(); WIDTH]);
        let mut first = [0.0; WIDTH];
        let (mut sum, mut squares) = ([0.0; WIDTH], [0.0; WIDTH]);
        for (n, rows) in rows.chunks_mut(CHUNK).enumerate() {
            let frames = frames.clone().skip(n * CHUNK);
            for (row, frame) in rows.iter_mut().zip(frames) {
                match frame[first_col..].first_chunk::<WIDTH>() {
                    Some(frame) => *row = frame.map(S::widen),
                    None => {
                        *row = [S::Element::zero(); WIDTH];
                        let frame = &frame[first_col..][..width];
                        row.iter_mut().zip(frame).for_each(|(x, y)| *x = y.widen());
                    }
                }
            }
            if n == 0 {
                first = rows[0].map(Real::as_f64);
            }
            let (chunk_sum, chunk_squares) = sums(rows, &first);
            for lane in 0..WIDTH {
                sum[lane] += chunk_sum[lane];
                squares[lane] += chunk_squares[lane];
            }
        }
        let count = count as f64;
        let mut moments = Moments {
            mean: first,
            std: [0.0; WIDTH],
            finite: squares.map(f64::is_finite),
        };
        for lane in 0..WIDTH {
            let mean = sum[lane] / count;
            moments.mean[lane] += mean;
            moments.std[lane] = (squares[lane] / count - mean * mean).max(0.0).sqrt();
        }
        moments
    }
}

/// Sums of the distances to `first` and of their squares.
#[inline(always)]
fn sums<T: Real>(rows: &[[T; WIDTH]], first: &[f64; WIDTH]) -> ([f64; WIDTH], [f64; WIDTH]) {
    let (mut sum, mut squares) = ([0.0; WIDTH], [0.0; WIDTH]);
    for row in rows {
        for lane in 0..WIDTH {
            let distance = row[lane].as_f64() - first[lane];
            sum[lane] += distance;
            squares[lane] += distance * distance;
        }
    }
    (sum, squares)
}
