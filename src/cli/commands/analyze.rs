//! `blendfuse analyze`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::analysis::{AnalysisObserver, analyse};
use crate::cli::flags::common::{Threads, holds_anything, names, quoted};
use crate::cli::output::console;
use crate::cli::output::numbers::share;
use crate::cli::output::progress::working;
use crate::report::analysis;
use crate::report::figure::figures;
use crate::report::raster::Raster;
use crate::{Error, Result};

/// Explain what trained models learned, in tables and figures
///
/// Which encoders the gate weights and keeps, how well folds agree, how similar the encoders are and
/// whether similar ones are selected together, what each contributes at prediction time, how well
/// presence is calibrated, and where predictions are wrong. For a cross-validation, every clip is
/// evaluated by the model that did not train on it.
#[derive(Args, Debug)]
#[command(after_help = "\
Writes into --out: a .csv per table, a .svg per figure (one or two columns wide,
text as text; with --png also .png), and analysis.json with all numbers.
`report` puts them on one page.

Examples:
  blendfuse analyze runs/cv DATA
  blendfuse analyze runs/fold0 DATA --out figures
  blendfuse analyze runs/repro DATA && blendfuse report runs/repro

Needs the models' weights: sweep, tune and baseline keep them with
--keep-weights, of sweep and tune the best configuration is analysed.")]
pub struct Analyze {
    /// Folder of train, cv, sweep, tune, ablate, baseline or repro
    run: PathBuf,
    /// Data folder that the models were trained on
    data: PathBuf,
    /// Folder for tables and figures [default: RUN/analysis]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Replace existing output files; otherwise a folder that is not empty is an error
    #[arg(long)]
    force: bool,
    /// Also write each figure as PNG, at 300 dpi, with this machine's fonts
    #[arg(long)]
    png: bool,
    #[command(flatten)]
    threads: Threads,
    /// Print all numbers as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// Shows what is being done.
struct Spinner(indicatif::ProgressBar, String);

impl AnalysisObserver for Spinner {
    fn part(&mut self, name: &str) {
        self.1 = name.to_owned();
        self.0.set_message(name.to_owned());
    }

    fn progress(&mut self, done: usize, of: usize) {
        self.0.set_message(format!("{}: {done} of {of}", self.1));
    }
}

impl Analyze {
    /// Analyses.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        let out = self
            .out
            .clone()
            .unwrap_or_else(|| self.run.join("analysis"));
        if holds_anything(&out) && !self.force {
            return Err(Error::Data(format!(
                "{}: is not empty; choose another folder with --out, or use --force to replace files there",
                out.display()
            )));
        }
        // Before the work: a machine without fonts is reported at once.
        let raster = self.png.then(Raster::new).transpose()?;
        let mut spinner = Spinner(working("reading the run"), String::new());
        let found = analyse(&self.run, &self.data, &mut spinner);
        spinner.0.finish_and_clear();
        let found = found?;
        for note in &found.run.notes {
            console::note(note);
        }
        std::fs::create_dir_all(&out).map_err(|source| Error::Write {
            path: out.clone(),
            source,
        })?;
        let mut files = Vec::new();
        if let Some(raster) = raster {
            for figure in figures(&found) {
                let path = out.join(format!("{}.png", figure.name));
                figure.write_png(&path, &raster)?;
                files.push(path);
            }
        }
        // Last, since its last file marks the folder as complete.
        files.extend(analysis::write(&found, &out)?);
        if self.json {
            let mut value = analysis::json(&found);
            value["out"] = json!(out);
            value["files"] = json!(files);
            return console::print_json(&value);
        }
        let accuracy = &found.accuracy;
        console::print(&format!(
            "{} clips: ACC_presence {}  ACC_salience {}  average {}\nwrote {}/: {}\nnext:\n  blendfuse report {}\n",
            accuracy.clips,
            share(accuracy.presence()),
            share(accuracy.salience()),
            share(accuracy.defined_average()),
            quoted(&out),
            names(&files, &out),
            quoted(&self.run)
        ))
    }
}
