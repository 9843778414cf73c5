//! `blendfuse report`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::Result;
use crate::cli::flags::common::{Overwrite, quoted};
use crate::cli::output::console;
use crate::report::page::page;

/// Write a self-contained HTML report of a run
///
/// Contains summary, tables, figures, clips (searchable by name and by error), configuration, data,
/// environment and assumptions. Run `analyze` first: the figures come from there.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse analyze runs/cv DATA && blendfuse report runs/cv
  blendfuse report runs/fold0 --out fold0.html")]
pub struct Report {
    /// Folder of train, cv, sweep, tune, ablate, baseline or repro
    run: PathBuf,
    /// File to write [default: RUN/report.html]
    #[arg(long, value_name = "FILE.html")]
    out: Option<PathBuf>,
    /// Output folder of analyze [default: RUN/analysis]
    #[arg(long, value_name = "DIR")]
    analysis: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
    /// Print what was done as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Report {
    /// Writes the page.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| self.run.join("report.html"));
        let analysis = self
            .analysis
            .clone()
            .unwrap_or_else(|| self.run.join("analysis"));
        let html = page(&self.run, &analysis)?;
        self.overwrite.check("--out", &out, &["html"])?;
        crate::files::atomic_file::write(&out, |file| file.write_all(html.as_bytes()))?;
        let analyzed = analysis.join("analysis.json").is_file();
        if !analyzed {
            console::note(
                "there is no analysis yet, so the report has no figures; run analyze first",
            );
        }
        if self.json {
            return console::print_json(&json!({
                "run": self.run,
                "out": out,
                "bytes": html.len(),
                "analysis": analyzed.then_some(analysis),
            }));
        }
        console::print(&format!("wrote {}\n", quoted(&out)))
    }
}
