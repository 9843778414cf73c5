//! Times training steps on random data, relative to this machine's peak throughput.

use std::sync::Arc;
use std::time::Duration;

use ndarray::Array2;
use serde::Serialize;

use crate::config::{Config, Gate};
use crate::data::registry::{KnownEncoder, REGISTRY};
use crate::encoders::{Encoder, Presence};
use crate::error::{Error, Result};
use crate::kernels::layout::{PackedRows, ROW_BLOCK};
use crate::kernels::micro::{Kernel, select};
use crate::kernels::peak::fma_peak_gflops;
use crate::model::{FusionNet, Inputs};
use crate::nn::{Adam, AdamConfig, Mode};
use crate::rng::{Purpose, Stream};
use crate::train::step::{StepBatch, StepLosses, StepOptions, StepTimes, Stepped, train_step};

/// Steps before the clock counts: buffers get their pages, caches their contents.
const WARM_UP: usize = 2;

/// Classes of the model.
pub(crate) const CLASSES: usize = 6;

/// How long the arithmetic peak is measured for.
pub(crate) const PEAK_TIME: Duration = Duration::from_millis(200);

/// What to time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BenchmarkOptions {
    /// The widths of the paper's 36 encoders are divided by this; 1 is the paper's size. The
    /// model's own sizes stay.
    pub divisor: usize,
    /// Labelled rows of a batch.
    pub batch: usize,
    /// Whether as many target rows and the domain adversary come on top.
    pub uda: bool,
    /// Steps timed.
    pub rounds: usize,
    /// Clips whose rows span the inputs, with `train.inputs = "span"`; none: columns.
    pub span_clips: Option<usize>,
}

/// What was measured.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct BenchmarkReport {
    /// Labelled rows of a batch.
    pub batch: usize,
    /// Whether the domain adversary trained along.
    pub uda: bool,
    /// Steps timed.
    pub rounds: usize,
    /// Trainable numbers.
    pub params: usize,
    /// Inputs over all encoders.
    pub inputs: usize,
    /// Clips whose rows span the inputs; none for columns.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span_clips: Option<usize>,
    /// Threads.
    pub threads: usize,
    /// Micro-kernel.
    pub kernel: String,
    /// Median time of a step, in milliseconds.
    pub step_ms: f64,
    /// Fastest step.
    pub step_min_ms: f64,
    /// Slowest step.
    pub step_max_ms: f64,
    /// Median time of forward pass and losses.
    pub forward_ms: f64,
    /// Median time of backward pass and optimiser, which are fused.
    pub backward_ms: f64,
    /// Arithmetic of the matrix products of a step, per second of the median step.
    pub gflops: f64,
    /// The most that the same threads reach on multiply-adds in registers, in the same run.
    pub fma_peak_gflops: f64,
    /// `gflops / fma_peak_gflops`.
    pub share_of_peak: f64,
    /// The most memory the process held, in MiB; none where the system does not tell.
    pub peak_rss_mib: Option<f64>,
}

/// A model and one batch of random data, trained on again and again.
#[derive(Debug)]
pub struct Workload {
    net: FusionNet<f32>,
    adam: Adam<f32>,
    batch: StepBatch,
    rows: usize,
    clip_norm: f64,
    steps: usize,
}

impl Workload {
    /// # Errors
    /// [`Error::Config`] for options out of range.
    pub fn new(options: &BenchmarkOptions) -> Result<Self> {
        let config = config(options)?;
        let encoders = trained_encoders(options);
        let net = FusionNet::new(&config, &encoders, CLASSES)?;
        let adam = Adam::new(AdamConfig {
            lr: config.train.lr,
            weight_decay: config.train.weight_decay,
            ..AdamConfig::default()
        });
        let rows = if options.uda {
            2 * options.batch
        } else {
            options.batch
        };
        let features = encoders.iter().enumerate();
        let features = features.map(|(m, encoder)| random_rows(rows, encoder.width, m));
        let targets = Array2::from_shape_fn((options.batch, CLASSES), |(r, c)| {
            match (r + CLASSES - c) % CLASSES {
                0 => 0.7,
                1 => 0.3,
                _ => 0.0,
            }
        });
        Ok(Self {
            net,
            adam,
            batch: StepBatch {
                inputs: Inputs::new(features.collect(), Presence::complete()),
                targets,
            },
            rows,
            clip_norm: config.train.clip_norm,
            steps: 0,
        })
    }

    /// One step: forward pass, losses, backward pass, optimiser, and the first products with the next
    /// batch, as in training.
    ///
    /// # Errors
    /// [`Error::NonFinite`].
    pub fn step(&mut self) -> Result<(StepLosses, StepTimes)> {
        let step = self.steps;
        self.steps += 1;
        let mode = Mode::Train { seed: 0, step };
        let StepBatch { inputs, targets } = &self.batch;
        let mut next = StepBatch {
            inputs: Inputs::new(inputs.features.clone(), Presence::complete()),
            targets: targets.clone(),
        };
        let stepped = train_step(
            &mut self.net,
            &mut self.adam,
            &self.batch,
            mode,
            StepOptions {
                clip_norm: self.clip_norm,
                detect_anomaly: false,
            },
            Some(&mut next),
        )?;
        self.batch = next;
        match stepped {
            Stepped::Done(losses, times) => Ok((losses, times)),
            Stepped::NotFinite { what, .. } => Err(Error::NonFinite {
                what: what.into(),
                epoch: None,
                batch: Some(step),
                advice: String::new(),
                traceable: false,
            }),
        }
    }
}

/// Runs the benchmark; `progress` is called after each step.
///
/// # Errors
/// [`Error::Config`] for options out of range.
pub fn benchmark(
    options: &BenchmarkOptions,
    mut progress: impl FnMut(),
) -> Result<BenchmarkReport> {
    let mut workload = Workload::new(options)?;
    let kernel = kernel()?;
    let mut times = Vec::with_capacity(options.rounds);
    for step in 0..WARM_UP + options.rounds {
        let (_, time) = workload.step()?;
        if step >= WARM_UP {
            times.push(time);
        }
        progress();
    }
    let Workload { net, rows, .. } = &workload;
    let milliseconds = |pick: fn(&StepTimes) -> Duration| -> Vec<f64> {
        let mut all: Vec<f64> = times
            .iter()
            .map(|time| 1e3 * pick(time).as_secs_f64())
            .collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let steps = milliseconds(|time| time.forward + time.backward);
    let step_ms = median(&steps);
    let gflops = flops(net, *rows) / (1e6 * step_ms);
    let fma_peak_gflops = fma_peak_gflops(kernel, PEAK_TIME);
    Ok(BenchmarkReport {
        batch: options.batch,
        uda: options.uda,
        rounds: options.rounds,
        params: net.params.trainable_count(),
        inputs: net.encoders().iter().map(|e| e.width).sum(),
        span_clips: options.span_clips,
        threads: rayon::current_num_threads(),
        kernel: kernel.name().to_owned(),
        step_ms,
        step_min_ms: steps[0],
        step_max_ms: steps[steps.len() - 1],
        forward_ms: median(&milliseconds(|time| time.forward)),
        backward_ms: median(&milliseconds(|time| time.backward)),
        gflops,
        fma_peak_gflops,
        share_of_peak: gflops / fma_peak_gflops,
        peak_rss_mib: peak_rss_mib(),
    })
}

/// The paper's encoders with their widths divided.
pub(crate) fn encoders(divisor: usize) -> Vec<Encoder> {
    let shape = |encoder: &KnownEncoder| Encoder {
        name: encoder.name.to_owned(),
        modality: encoder.modality,
        width: (encoder.width() / divisor).max(1),
    };
    REGISTRY.iter().map(shape).collect()
}

/// The encoders as training has them: in the span of standardised rows, which sum to 0 and so have one
/// dimension less than there are clips, encoders with more columns have as many coordinates.
fn trained_encoders(options: &BenchmarkOptions) -> Vec<Encoder> {
    let mut encoders = encoders(options.divisor);
    if let Some(clips) = options.span_clips {
        let wide = encoders.iter_mut().filter(|encoder| encoder.width > clips);
        wide.for_each(|encoder| encoder.width = clips - 1);
    }
    encoders
}

pub(crate) fn kernel() -> Result<Kernel> {
    select().map_err(|e| Error::Config {
        field: "BLENDFUSE_KERNEL".into(),
        reason: e.to_string(),
    })
}

/// Refuses an option out of range.
pub(crate) fn require(field: &str, holds: bool, reason: &str) -> Result<()> {
    if holds {
        Ok(())
    } else {
        Err(Error::Config {
            field: field.into(),
            reason: reason.into(),
        })
    }
}

fn config(options: &BenchmarkOptions) -> Result<Config> {
    require(
        "width_divisor",
        (1..=64).contains(&options.divisor),
        &format!("found {}, expected 1 to 64", options.divisor),
    )?;
    require(
        "batch",
        (2..=1 << 16).contains(&options.batch),
        &format!("found {}, expected 2 to 65536 rows", options.batch),
    )?;
    require(
        "rounds",
        options.rounds >= 1,
        "found 0, expected at least 1",
    )?;
    require(
        "span_clips",
        options.span_clips.is_none_or(|clips| clips >= 2),
        "found fewer than 2 clips, expected at least 2",
    )?;
    let mut config = Config::default();
    config.uda.enabled = options.uda;
    config.train.batch_size = options.batch;
    Ok(config)
}

fn random_rows(rows: usize, cols: usize, item: usize) -> Arc<PackedRows<f32>> {
    let mut packed = PackedRows::zeros(rows, cols);
    let mut stream = Stream::new(0, Purpose::Test, item, 0);
    // Whole blocks of one row count at a time, so that padding rows stay 0.
    for block in 0..rows.div_ceil(ROW_BLOCK) {
        let there = ROW_BLOCK.min(rows - block * ROW_BLOCK);
        for col in 0..cols {
            let start = (block * cols + col) * ROW_BLOCK;
            for x in &mut packed.as_mut_slice()[start..start + there] {
                *x = (2.0 * stream.uniform() - 1.0) as f32;
            }
        }
    }
    Arc::new(packed)
}

/// Floating-point operations of the matrix products of a step: two for each weight and row, in the
/// forward pass, for the weight's gradient, and for the input's gradient where the input is not data. The
/// fusion layer multiplies the parts of the selected encoders only.
fn flops(net: &FusionNet<f32>, rows: usize) -> f64 {
    let matrices = net
        .params
        .iter()
        .filter(|(_, param)| param.shape.len() == 2);
    matrices
        .map(|(_, param)| {
            let passes = if param.name.starts_with("encoders.") {
                2.0
            } else {
                3.0
            };
            let share = if param.name.starts_with("fusion.") {
                selected_share(net)
            } else {
                1.0
            };
            passes * share * 2.0 * rows as f64 * param.shape.iter().product::<usize>() as f64
        })
        .sum()
}

/// The share of its encoders that the network keeps for a clip that has them all.
fn selected_share(net: &FusionNet<f32>) -> f64 {
    let (model, encoders) = (&net.config().model, net.encoders().len());
    match model.gate {
        Gate::Attention => model.top_k.min(encoders) as f64 / encoders as f64,
        Gate::Uniform => 1.0,
    }
}

pub(crate) fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 {
        sorted[middle]
    } else {
        0.5 * (sorted[middle - 1] + sorted[middle])
    }
}

/// The high-water mark of resident memory, from `/proc/self/status`.
pub(crate) fn peak_rss_mib() -> Option<f64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kib / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_benchmark_reports_consistent_figures() {
        let options = BenchmarkOptions {
            divisor: 64,
            batch: 9,
            uda: true,
            rounds: 3,
            span_clips: None,
        };
        let mut steps = 0;
        let report = benchmark(&options, || steps += 1).unwrap();
        assert_eq!(steps, WARM_UP + 3);
        assert!(report.step_min_ms <= report.step_ms && report.step_ms <= report.step_max_ms);
        assert!(report.gflops > 0.0 && report.fma_peak_gflops > 0.0);
        assert_eq!(
            report.inputs,
            REGISTRY
                .iter()
                .map(|e| (e.width() / 64).max(1))
                .sum::<usize>()
        );
    }

    #[test]
    fn refuses_a_batch_of_one() {
        let options = BenchmarkOptions {
            divisor: 64,
            batch: 1,
            uda: false,
            rounds: 1,
            span_clips: None,
        };
        assert!(benchmark(&options, || ()).is_err());
    }

    #[test]
    fn in_the_span_of_few_clips_there_are_fewer_inputs() {
        let options = BenchmarkOptions {
            divisor: 64,
            batch: 8,
            uda: false,
            rounds: 1,
            span_clips: Some(40),
        };
        let report = benchmark(&options, || ()).unwrap();
        let width = |e: &KnownEncoder| (e.width() / 64).max(1);
        let widths = REGISTRY.iter().map(width);
        let inputs = widths.map(|width| if width > 40 { 39 } else { width });
        assert_eq!(report.inputs, inputs.sum::<usize>());
        let refused = BenchmarkOptions {
            span_clips: Some(1),
            ..options
        };
        assert!(benchmark(&refused, || ()).is_err());
    }
}
