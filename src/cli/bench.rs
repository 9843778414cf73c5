//! `blendfuse bench`.

use clap::{Args, ValueEnum};

use super::args::Threads;
use super::console;
use super::numbers::count;
use super::progress::working;
use crate::Result;
use crate::train::benchmark::{BenchmarkOptions, BenchmarkReport, benchmark};

/// Time training steps on this machine
///
/// Steps on random data: forward, backward and optimiser at the paper's size, beside the most
/// multiply-adds that the same threads reach in the same run.
#[derive(Args, Debug)]
#[command(after_help = "\
Needs 1.2 GiB of memory at the paper's size. Close other programs: the median of the steps is told,
but two programs on the same cores slow each other all the time.

Examples:
  blendfuse bench
  blendfuse bench --batch 128 --uda --threads 2 --json
  blendfuse bench --preset small --rounds 50")]
pub struct Bench {
    /// Size: paper (36 encoders, 97.6 million parameters) or small (their widths divided by 16)
    #[arg(long, value_enum, default_value_t = Preset::Paper)]
    preset: Preset,
    /// Labelled rows of a batch, 2 or more
    #[arg(long, value_name = "N", default_value_t = 64)]
    batch: usize,
    /// As many unlabelled target rows and the domain adversary on top
    #[arg(long)]
    uda: bool,
    /// Steps timed, after two that are not
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

impl Bench {
    /// Measures.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        let options = BenchmarkOptions {
            divisor: match self.preset {
                Preset::Small => 16,
                Preset::Paper => 1,
            },
            batch: self.batch,
            uda: self.uda,
            rounds: self.rounds,
        };
        let spinner = working("timing steps");
        let report = benchmark(&options, || spinner.tick());
        spinner.finish_and_clear();
        let report = report?;
        if self.json {
            console::print_json(&report)
        } else {
            console::print(&text(&report))
        }
    }
}

fn text(report: &BenchmarkReport) -> String {
    let memory = report
        .peak_rss_mib
        .map_or_else(String::new, |mib| format!("peak memory  {mib:.0} MiB\n"));
    format!(
        "{} parameters, {} inputs, batch {}{}; {} kernel, {} threads\n\
         step         {:.1} ms (median of {}; {:.1} to {:.1})\n\
         forward      {:.1} ms\n\
         backward     {:.1} ms, optimiser included\n\
         arithmetic   {:.0} GFLOP/s, {:.0} % of the {:.0} that multiply-adds reach here\n{memory}",
        count(report.params),
        count(report.inputs),
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
