//! `blendfuse report`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::flags::common::{Overwrite, holds_anything, quoted};
use crate::cli::output::console;
use crate::report::page::{figures, page};
use crate::report::raster::Raster;
use crate::{Error, Result};

/// Write a self-contained HTML report of a run
///
/// Made from what the run stored: its main figure with interval beside the score of an answer that needs
/// no model, tables and figures of the study, what was searched, configuration (first what differs from
/// the defaults), data, environment and assumptions. `analyze` adds figures of the trained models and all
/// clips, searchable by name and by error; the page says so where it is missing.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse report runs/sweep
  blendfuse report runs/sweep --figures figures --png
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
    /// Also write the figures of the study into this folder, as SVG
    #[arg(long, value_name = "DIR")]
    figures: Option<PathBuf>,
    /// Also write each figure of --figures as PNG, at 300 dpi, with this machine's fonts
    #[arg(long, requires = "figures")]
    png: bool,
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
        let drawn = self.write_figures()?;
        crate::files::atomic_file::write(&out, |file| file.write_all(html.as_bytes()))?;
        let analyzed = analysis.join("analysis.json").is_file();
        if !analyzed {
            console::note(
                "there is no analysis yet, so nothing of the trained models is in the report; analyze adds it",
            );
        }
        if self.json {
            return console::print_json(&json!({
                "run": self.run,
                "out": out,
                "bytes": html.len(),
                "analysis": analyzed.then_some(analysis),
                "figures": drawn,
            }));
        }
        let drawn = drawn.iter().map(|path| format!("wrote {}\n", quoted(path)));
        let drawn = drawn.collect::<String>();
        console::print(&format!("wrote {}\n{drawn}", quoted(&out)))
    }

    /// Writes the figures that the run's stored results give, and returns their paths.
    fn write_figures(&self) -> Result<Vec<PathBuf>> {
        let Some(folder) = &self.figures else {
            return Ok(Vec::new());
        };
        // Before the work: a machine without fonts is reported at once.
        let raster = self.png.then(Raster::new).transpose()?;
        if holds_anything(folder) {
            return Err(Error::Data(format!(
                "--figures {}: is not empty; choose another folder",
                folder.display()
            )));
        }
        let figures = figures(&self.run)?;
        std::fs::create_dir_all(folder).map_err(|source| Error::Write {
            path: folder.clone(),
            source,
        })?;
        let mut files = Vec::new();
        for figure in figures {
            let path = folder.join(format!("{}.svg", figure.name));
            figure.write(&path)?;
            files.push(path);
            if let Some(raster) = &raster {
                let path = folder.join(format!("{}.png", figure.name));
                figure.write_png(&path, raster)?;
                files.push(path);
            }
        }
        Ok(files)
    }
}
