//! Times the prediction of clips on random data, relative to this machine's peak throughput.

use std::ops::Range;
use std::time::{Duration, Instant};

use ndarray::Array2;
use rayon::prelude::*;
use serde::Serialize;

use super::train_step::{CLASSES, PEAK_TIME, encoders, kernel, median, peak_rss_mib, require};
use crate::config::Config;
use crate::encoders::Encoder;
use crate::error::Result;
use crate::eval::align::align;
use crate::kernels::inference::BatchRows;
use crate::kernels::pack::{RowScaling, RowSource, RowValues, Standardise};
use crate::kernels::peak::fma_peak_gflops;
use crate::model::heads::{presence_probabilities, salience_probabilities};
use crate::model::{FusionNet, Inference};
use crate::predict::score::BATCH;
use crate::rng::{Purpose, Stream};

/// Exponent of the alignment; any costs the same.
const ALPHA: f64 = 1.0;

/// What to time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PredictOptions {
    /// The widths of the paper's 36 encoders are divided by this; 1 is the paper's size.
    pub divisor: usize,
    /// Clips predicted in each round.
    pub clips: usize,
    /// Rounds timed, after one that is not.
    pub rounds: usize,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PredictReport {
    /// Clips predicted in each round.
    pub clips: usize,
    /// Rounds timed.
    pub rounds: usize,
    /// Trainable numbers.
    pub params: usize,
    /// Inputs over all encoders.
    pub inputs: usize,
    /// Threads.
    pub threads: usize,
    /// Micro-kernel.
    pub kernel: String,
    /// Median time of a round, in milliseconds: from stored features to aligned scores.
    pub predict_ms: f64,
    /// Fastest round.
    pub predict_min_ms: f64,
    /// Slowest round.
    pub predict_max_ms: f64,
    /// Clips per second at the median.
    pub clips_per_second: f64,
    /// Arithmetic of the matrix products per second of the median round.
    pub gflops: f64,
    /// The most that the same threads reach on multiply-adds in registers, in the same run.
    pub fma_peak_gflops: f64,
    /// `gflops / fma_peak_gflops`.
    pub share_of_peak: f64,
    /// The most memory the process held, features included, in MiB; none where the system does not
    /// tell.
    pub peak_rss_mib: Option<f64>,
}

/// A network with random weights and random features of clips.
#[derive(Debug)]
pub struct Workload {
    net: FusionNet<f32>,
    features: Vec<Features>,
    rows: Vec<Option<usize>>,
}

/// Features of one encoder and their standardisation.
#[derive(Debug)]
struct Features {
    values: Vec<f32>,
    mean: Vec<f32>,
    inv_std: Vec<f32>,
}

impl Workload {
    /// The paper's encoders, with divided widths and features of `clips` clips.
    ///
    /// # Errors
    /// [`Error::Config`](crate::Error::Config) for numbers out of range.
    pub fn new(divisor: usize, clips: usize) -> Result<Workload> {
        require(
            "width_divisor",
            (1..=64).contains(&divisor),
            "expected 1 to 64",
        )?;
        require(
            "predict",
            (1..=1 << 20).contains(&clips),
            "expected 1 to 1048576 clips",
        )?;
        let encoders = encoders(divisor);
        let features = encoders.par_iter().enumerate();
        Ok(Workload {
            net: FusionNet::new(&Config::default(), &encoders, CLASSES)?,
            features: features
                .map(|(m, encoder)| random(m, clips, encoder))
                .collect(),
            rows: (0..clips).map(Some).collect(),
        })
    }

    /// The network.
    pub fn net(&self) -> &FusionNet<f32> {
        &self.net
    }

    /// Inputs of some of the clips, for each encoder.
    ///
    /// # Panics
    /// If there are no such clips.
    pub fn inputs(&self, clips: Range<usize>) -> Vec<BatchRows<'_>> {
        let encoders = self.net.encoders().iter();
        let rows = &self.rows[clips];
        let each = self.features.iter().zip(encoders);
        each.map(|(features, encoder)| features.batch(encoder.width, rows))
            .collect()
    }

    /// Predicts all clips, from stored features to aligned scores; gives the scores of the last ones.
    ///
    /// # Errors
    /// None that a sound program meets.
    pub fn predict(&self, inference: &mut Inference<'_>) -> Result<Array2<f64>> {
        let (mut last, clips) = (Array2::zeros((0, 0)), self.rows.len());
        for first in (0..clips).step_by(BATCH) {
            let found = inference.run(&self.inputs(first..clips.min(first + BATCH)))?;
            let presence = presence_probabilities(found.presence_logits.view()).mapv(f64::from);
            let salience = salience_probabilities(found.salience_logits.view()).mapv(f64::from);
            last = align(presence.view(), salience.view(), ALPHA)?;
        }
        Ok(last)
    }
}

/// Runs the benchmark; `progress` is called after each round.
///
/// # Errors
/// [`Error::Config`](crate::Error::Config) for options out of range.
pub fn benchmark_predict(
    options: &PredictOptions,
    mut progress: impl FnMut(),
) -> Result<PredictReport> {
    require(
        "rounds",
        options.rounds >= 1,
        "found 0, expected at least 1",
    )?;
    let (kernel, clips) = (kernel()?, options.clips);
    let workload = Workload::new(options.divisor, clips)?;
    let net = workload.net();
    let mut inference = net.inference();
    let mut times = Vec::with_capacity(options.rounds);
    for round in 0..=options.rounds {
        let began = Instant::now();
        workload.predict(&mut inference)?;
        if round > 0 {
            times.push(began.elapsed());
        }
        progress();
    }
    let mut ms: Vec<f64> = times
        .iter()
        .map(|time: &Duration| 1e3 * time.as_secs_f64())
        .collect();
    ms.sort_by(f64::total_cmp);
    let predict_ms = median(&ms);
    let matrices = net
        .params
        .iter()
        .filter(|(_, param)| param.shape.len() == 2);
    let weights: usize = matrices
        .map(|(_, param)| param.shape.iter().product::<usize>())
        .sum();
    let gflops = 2.0 * clips as f64 * weights as f64 / (1e6 * predict_ms);
    let fma_peak_gflops = fma_peak_gflops(kernel, PEAK_TIME);
    Ok(PredictReport {
        clips,
        rounds: options.rounds,
        params: net.params.trainable_count(),
        inputs: net.encoders().iter().map(|encoder| encoder.width).sum(),
        threads: rayon::current_num_threads(),
        kernel: kernel.name().to_owned(),
        predict_ms,
        predict_min_ms: ms[0],
        predict_max_ms: ms[ms.len() - 1],
        clips_per_second: 1e3 * clips as f64 / predict_ms,
        gflops,
        fma_peak_gflops,
        share_of_peak: gflops / fma_peak_gflops,
        peak_rss_mib: peak_rss_mib(),
    })
}

impl Features {
    fn batch<'a>(&'a self, cols: usize, rows: &'a [Option<usize>]) -> BatchRows<'a> {
        let values = RowValues::F32(&self.values);
        BatchRows {
            features: RowSource { values, cols }.into(),
            rows,
            scaling: RowScaling::Same(Standardise {
                mean: &self.mean,
                inv_std: &self.inv_std,
                bound: f32::INFINITY,
            }),
        }
    }
}

fn random(item: usize, clips: usize, encoder: &Encoder) -> Features {
    let mut stream = Stream::new(0, Purpose::Test, item, 0);
    let mut uniform = |count: usize| -> Vec<f32> {
        (0..count)
            .map(|_| (2.0 * stream.uniform() - 1.0) as f32)
            .collect()
    };
    let width = encoder.width;
    // A few rows with noise of their own are as good as many, and take no minute to make.
    let some = uniform(clips.min(16) * width);
    Features {
        values: some.iter().copied().cycle().take(clips * width).collect(),
        mean: uniform(width),
        inv_std: vec![1.7; width],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_benchmark_reports_consistent_figures() {
        for clips in [1, 9] {
            let options = PredictOptions {
                divisor: 64,
                clips,
                rounds: 3,
            };
            let mut rounds = 0;
            let report = benchmark_predict(&options, || rounds += 1).unwrap();
            assert_eq!(rounds, 4);
            assert!(report.predict_min_ms <= report.predict_ms);
            assert!(report.predict_ms <= report.predict_max_ms);
            assert!(report.gflops > 0.0 && report.clips_per_second > 0.0);
        }
    }

    #[test]
    fn refuses_no_clips() {
        let options = PredictOptions {
            divisor: 64,
            clips: 0,
            rounds: 1,
        };
        assert!(benchmark_predict(&options, || ()).is_err());
    }
}
