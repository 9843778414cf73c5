//! `blendfuse bench`.

use clap::{Args, ValueEnum};

use crate::bench::aggregate::{AggregateOptions, AggregateReport, benchmark_aggregate};
use crate::bench::predict::{PredictOptions, PredictReport, benchmark_predict};
use crate::bench::train_step::{BenchmarkOptions, BenchmarkReport, benchmark};
use crate::cli::flags::common::{Threads, as_flag};
use crate::cli::output::console;
use crate::cli::output::numbers::{count, counted};
use crate::cli::output::progress::working;
use crate::{Error, Result};

/// Time training, prediction or aggregation on this machine
///
/// Times steps on random data (forward, backward and optimiser) at the widths usual for the paper's
/// 36 encoders, and compares with the peak FMA throughput of the same threads in the same run.
#[derive(Args, Debug)]
#[command(after_help = "\
Needs 1.2 GiB of memory at full size. Close other programs: the result is the
median of the steps, but programs that share the cores slow down all of them.
--predict needs 4.4 GiB for the features of 3050 clips.

Examples:
  blendfuse bench
  blendfuse bench --batch 128 --uda --threads 2 --json
  blendfuse bench --preset small --rounds 50
  blendfuse bench --span-clips 1965
  blendfuse bench --predict 1 --rounds 50
  blendfuse bench --aggregate 800 --frames 300 --columns 1024 --threads 2")]
pub struct Bench {
    /// Size of the model: paper (36 encoders, 97.6 million parameters) or small (widths divided by
    /// 16)
    #[arg(long, value_enum, default_value_t = Preset::Paper)]
    preset: Preset,

    /// Divide the widths of the encoders by this instead
    #[arg(long, value_name = "N", conflicts_with = "preset")]
    width_divisor: Option<usize>,
    /// Labelled rows per batch, 2 or more
    #[arg(long, value_name = "N", default_value_t = 64)]
    batch: usize,
    /// Add as many unlabelled target rows, and the domain adversary
    #[arg(long)]
    uda: bool,
    /// Time steps in the span of this many clips, as with train.inputs=span; with --uda, target clips
    /// count too
    #[arg(long, value_name = "CLIPS")]
    span_clips: Option<usize>,
    /// Time prediction of this many clips instead, from features in memory to scores
    #[arg(long, value_name = "CLIPS", conflicts_with_all = ["batch", "uda", "span_clips"])]
    predict: Option<usize>,
    /// Time aggregation of this many clips instead, from f32 frames in memory to the seven statistics
    #[arg(long, value_name = "CLIPS", conflicts_with_all = ["batch", "uda", "span_clips", "predict", "preset", "width_divisor"])]
    aggregate: Option<usize>,
    /// Frames per clip, with --aggregate
    #[arg(long, value_name = "N", default_value_t = 300, requires = "aggregate")]
    frames: usize,
    /// Columns per frame, with --aggregate
    #[arg(long, value_name = "N", default_value_t = 1024, requires = "aggregate")]
    columns: usize,
    /// Steps to time, after two warm-up steps; otherwise rounds over all clips, after one warm-up round
    #[arg(long, value_name = "N", default_value_t = 9)]
    rounds: usize,
    #[command(flatten)]
    threads: Threads,
    /// Print the figures as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Preset {
    Small,
    Paper,
}

/// Names options as this command's flags; other keys keep their names.
fn as_flags(error: Error) -> Error {
    match &error {
        Error::Config { field, .. } if !field.contains(|c: char| c.is_ascii_uppercase()) => {
            as_flag("", error)
        }
        _ => error,
    }
}

impl Bench {
    /// Measures.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        if let Some(clips) = self.aggregate {
            return self.aggregate(clips);
        }
        let divisor = match (self.width_divisor, self.preset) {
            (Some(divisor), _) => divisor,
            (None, Preset::Small) => 16,
            (None, Preset::Paper) => 1,
        };
        if let Some(clips) = self.predict {
            return self.predict(divisor, clips);
        }
        let options = BenchmarkOptions {
            divisor,
            batch: self.batch,
            uda: self.uda,
            rounds: self.rounds,
            span_clips: self.span_clips,
        };
        let spinner = working("timing steps");
        let report = benchmark(&options, || spinner.tick()).map_err(as_flags);
        spinner.finish_and_clear();
        let report = report?;
        if self.json {
            console::print_json(&report)
        } else {
            console::print(&text(&report))
        }
    }

    fn predict(&self, divisor: usize, clips: usize) -> Result<()> {
        let options = PredictOptions {
            divisor,
            clips,
            rounds: self.rounds,
        };
        let spinner = working("timing predictions");
        let report = benchmark_predict(&options, || spinner.tick()).map_err(as_flags);
        spinner.finish_and_clear();
        let report = report?;
        if self.json {
            console::print_json(&report)
        } else {
            console::print(&predict_text(&report))
        }
    }

    fn aggregate(&self, clips: usize) -> Result<()> {
        let options = AggregateOptions {
            clips,
            frames: self.frames,
            columns: self.columns,
            rounds: self.rounds,
        };
        let spinner = working("timing aggregation");
        let report = benchmark_aggregate(&options, || spinner.tick()).map_err(as_flags);
        spinner.finish_and_clear();
        let report = report?;
        if self.json {
            console::print_json(&report)
        } else {
            console::print(&aggregate_text(&report))
        }
    }
}

fn aggregate_text(report: &AggregateReport) -> String {
    format!(
        "{} of {} frames of {} values; {} kernel, {} threads\n\
         aggregation  {:.1} ms (median of {}; {:.1} to {:.1}), {} clips/s, {:.1} GB/s\n{}",
        counted(report.clips, "clip"),
        count(report.frames),
        count(report.columns),
        report.kernel,
        report.threads,
        report.aggregate_ms,
        report.rounds,
        report.aggregate_min_ms,
        report.aggregate_max_ms,
        count(report.clips_per_second as usize),
        report.gigabytes_per_second,
        memory(report.peak_rss_mib),
    )
}

fn memory(mib: Option<f64>) -> String {
    mib.map_or_else(String::new, |mib| format!("peak memory  {mib:.0} MiB\n"))
}

fn predict_text(report: &PredictReport) -> String {
    format!(
        "{} parameters, {} inputs, {}; {} kernel, {} threads\n\
         prediction   {:.1} ms (median of {}; {:.1} to {:.1}), {:.0} clips/s\n\
         arithmetic   {:.0} GFLOP/s, {:.0} % of the FMA peak of {:.0}\n{}",
        count(report.params),
        count(report.inputs),
        counted(report.clips, "clip"),
        report.kernel,
        report.threads,
        report.predict_ms,
        report.rounds,
        report.predict_min_ms,
        report.predict_max_ms,
        report.clips_per_second,
        report.gflops,
        100.0 * report.share_of_peak,
        report.fma_peak_gflops,
        memory(report.peak_rss_mib),
    )
}

fn text(report: &BenchmarkReport) -> String {
    let memory = memory(report.peak_rss_mib);
    format!(
        "{} parameters, {} inputs{}, batch {}{}; {} kernel, {} threads\n\
         step         {:.1} ms (median of {}; {:.1} to {:.1})\n\
         forward      {:.1} ms\n\
         backward     {:.1} ms, optimiser included\n\
         arithmetic   {:.0} GFLOP/s, {:.0} % of the FMA peak of {:.0}\n{memory}",
        count(report.params),
        count(report.inputs),
        report.span_clips.map_or_else(String::new, |clips| format!(
            " in the span of {}",
            counted(clips, "clip")
        )),
        report.batch,
        if report.uda {
            format!(" + {} target rows", report.batch)
        } else {
            String::new()
        },
        report.kernel,
        report.threads,
        report.step_ms,
        report.rounds,
        report.step_min_ms,
        report.step_max_ms,
        report.forward_ms,
        report.backward_ms,
        report.gflops,
        100.0 * report.share_of_peak,
        report.fma_peak_gflops,
    )
}
