//! Times the aggregation of frames on random data in memory.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use rayon::prelude::*;
use serde::Serialize;

use super::train_step::{kernel, median, peak_rss_mib, require};
use crate::error::Result;
use crate::kernels::aggregate::{Aggregation, Scratch};
use crate::kernels::pack::{RowSource, RowValues};
use crate::rng::{Purpose, Stream};

/// Clips of different values; there are as many in memory, at least 75 MiB at the usual size.
const DIFFERENT: usize = 64;

/// What to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregateOptions {
    /// Clips aggregated in each round.
    pub clips: usize,
    /// Frames T of a clip.
    pub frames: usize,
    /// Columns d of a frame.
    pub columns: usize,
    /// Rounds timed, after one that is not.
    pub rounds: usize,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AggregateReport {
    /// Clips aggregated in each round.
    pub clips: usize,
    /// Frames of a clip.
    pub frames: usize,
    /// Columns of a frame.
    pub columns: usize,
    /// Rounds timed.
    pub rounds: usize,
    /// Threads.
    pub threads: usize,
    /// Micro-kernel.
    pub kernel: String,
    /// Median time of a round, in milliseconds: from `f32` frames in memory to the seven statistics.
    pub aggregate_ms: f64,
    /// Fastest round.
    pub aggregate_min_ms: f64,
    /// Slowest round.
    pub aggregate_max_ms: f64,
    /// Clips per second at the median.
    pub clips_per_second: f64,
    /// Bytes of frames per second at the median, in GB/s.
    pub gigabytes_per_second: f64,
    /// The most memory the process held, in MiB; none where the system does not tell.
    pub peak_rss_mib: Option<f64>,
}

/// Random frames of some clips.
#[derive(Debug)]
pub struct Frames {
    clips: Vec<Vec<f32>>,
    columns: usize,
}

impl Frames {
    /// Of `clips` clips, each `(frames, columns)`, standard normal.
    pub fn random(clips: usize, frames: usize, columns: usize) -> Frames {
        let clip = |item| {
            let mut stream = Stream::new(0, Purpose::Test, item, 0);
            let values = 0..frames * columns;
            // A sum of uniform numbers is close enough to normal.
            let mut normal = || (0..4).map(|_| stream.uniform()).sum::<f64>() - 2.0;
            values.map(|_| 1.732 * normal() as f32).collect()
        };
        Frames {
            clips: (0..clips).into_par_iter().map(clip).collect(),
            columns,
        }
    }

    /// A clip as the kernel takes it; beyond the last one they begin again.
    pub fn clip(&self, clip: usize) -> RowSource<'_> {
        RowSource {
            values: RowValues::F32(&self.clips[clip % self.clips.len()]),
            cols: self.columns,
        }
    }

    /// Aggregates `clips` clips on all threads, each clip on one, as the command does; returns the sum
    /// of all results, so that none can be optimised away.
    pub fn aggregate(&self, clips: usize) -> f64 {
        let (seven, next) = (Aggregation::default(), AtomicUsize::new(0));
        let threads = rayon::current_num_threads();
        let work = |_| {
            let (mut scratch, mut sum) = (Scratch::new(), 0.0);
            let mut row = vec![0.0; seven.output_len(self.columns)];
            loop {
                let clip = next.fetch_add(1, Ordering::Relaxed);
                if clip >= clips {
                    return sum;
                }
                match seven.run(self.clip(clip), &mut scratch, &mut row) {
                    Ok(()) => sum += f64::from(row[clip % row.len()]),
                    Err(_) => sum = f64::NAN,
                }
            }
        };
        (0..threads).into_par_iter().with_max_len(1).map(work).sum()
    }
}

/// Runs the benchmark; `progress` is called after each round.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for options out of range.
pub fn benchmark_aggregate(
    options: &AggregateOptions,
    mut progress: impl FnMut(),
) -> Result<AggregateReport> {
    let &AggregateOptions {
        clips,
        frames,
        columns,
        rounds,
    } = options;
    require("rounds", rounds >= 1, "found 0, expected at least 1")?;
    require("aggregate", clips >= 1, "expected at least 1 clip")?;
    let values = frames
        .checked_mul(columns)
        .filter(|n| (1..=1 << 26).contains(n));
    let each = "expected at least 1 frame and column, and at most 2^26 values";
    require("frames, columns", values.is_some(), each)?;
    let kernel = kernel()?;
    let different = DIFFERENT
        .min(clips)
        .min(((1 << 28) / (frames * columns)).max(1));
    let data = Frames::random(different, frames, columns);
    let mut ms = Vec::with_capacity(rounds);
    for round in 0..=rounds {
        let began = Instant::now();
        let sum = data.aggregate(clips);
        let time = began.elapsed();
        require("aggregate", sum.is_finite(), "the sums are not finite")?;
        if round > 0 {
            ms.push(1e3 * time.as_secs_f64());
        }
        progress();
    }
    ms.sort_by(f64::total_cmp);
    let aggregate_ms = median(&ms);
    let clips_per_second = 1e3 * clips as f64 / aggregate_ms;
    Ok(AggregateReport {
        clips,
        frames,
        columns,
        rounds,
        threads: rayon::current_num_threads(),
        kernel: kernel.name().to_owned(),
        aggregate_ms,
        aggregate_min_ms: ms[0],
        aggregate_max_ms: ms[ms.len() - 1],
        clips_per_second,
        gigabytes_per_second: 4e-9 * clips_per_second * (frames * columns) as f64,
        peak_rss_mib: peak_rss_mib(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_benchmark_reports_consistent_figures() {
        let options = AggregateOptions {
            clips: 5,
            frames: 7,
            columns: 33,
            rounds: 3,
        };
        let mut rounds = 0;
        let report = benchmark_aggregate(&options, || rounds += 1).unwrap();
        assert_eq!(rounds, 4);
        assert!(report.aggregate_min_ms <= report.aggregate_ms);
        assert!(report.aggregate_ms <= report.aggregate_max_ms);
        assert!(report.clips_per_second > 0.0 && report.gigabytes_per_second > 0.0);
        for wrong in [
            AggregateOptions {
                clips: 0,
                ..options
            },
            AggregateOptions {
                frames: 0,
                ..options
            },
            AggregateOptions {
                columns: usize::MAX,
                ..options
            },
            AggregateOptions {
                rounds: 0,
                ..options
            },
        ] {
            assert!(benchmark_aggregate(&wrong, || ()).is_err());
        }
    }
}
