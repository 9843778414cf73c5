//! `blendfuse compare`.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::analysis::compare::{LabelSource, Named, compare};
use crate::cli::flags::common::{Overwrite, Threads, quoted};
use crate::cli::flags::data::LabelArgs;
use crate::cli::output::console;
use crate::eval::statistics::Resampling;
use crate::report::Table;
use crate::report::compare::{CompareTables, LISTED, figure, json};
use crate::report::page::of_comparison;
use crate::suggest::instead;
use crate::{Error, Result};

/// Compare finished runs and anybody's predictions, clip by clip
///
/// One table with the measures of the task, paired differences from the first side with intervals over
/// actors and Holm's p; the same by kind of clip and by emotion; and which clips flip.
#[derive(Args, Debug)]
#[command(after_help = "\
A side is a folder of cv (its out-of-fold predictions, all seeds), of train
--fold (its held-out fold), of a final model or ensemble (its test predictions),
or a file: predictions (.json, .zip) or probabilities (.csv, .npz). All sides
must answer for the same clips. NAME=SIDE gives a side a name.

Examples:
  blendfuse compare runs/cv_a runs/cv_b
  blendfuse compare ours=runs/cv theirs=theirs.csv --figure compare.svg
  blendfuse compare runs/cv_a runs/cv_b --report compare.html
  blendfuse compare a.json b.json c.npz --data DATA --reference b.json
  blendfuse compare runs/a runs/b --markdown > compare.md")]
pub struct Compare {
    /// Runs or files to compare
    #[arg(value_name = "SIDE", num_args = 2.., required = true)]
    sides: Vec<String>,
    /// Data folder with the labels, or another place of the runs' data [default: the data folder of
    /// the first run; without a run the challenge's clip names]
    #[arg(long, value_name = "DATA")]
    data: Option<PathBuf>,
    /// Metadata with the labels, in place of a data folder
    #[arg(long, value_name = "FILE.csv", conflicts_with = "data")]
    metadata: Option<PathBuf>,
    #[command(flatten)]
    labels: LabelArgs,
    /// The side that the others are compared with [default: the first]
    #[arg(long, value_name = "SIDE")]
    reference: Option<String>,
    /// Plot the differences with their intervals
    #[arg(long, value_name = "FILE.svg")]
    figure: Option<PathBuf>,
    /// Write everything as one self-contained HTML page, with all clips that flip
    #[arg(long, value_name = "FILE.html")]
    report: Option<PathBuf>,
    /// Print Markdown even on a terminal
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    #[command(flatten)]
    overwrite: Overwrite,
    #[command(flatten)]
    threads: Threads,
    /// Print everything as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Compare {
    /// Compares.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        if let Some(path) = &self.figure {
            self.overwrite.check("--figure", path, &["svg"])?;
        }
        if let Some(path) = &self.report {
            self.overwrite.check("--report", path, &["html"])?;
        }
        let named = self.named()?;
        let reference = self.reference(&named)?;
        let source = LabelSource {
            data: self.data.clone(),
            metadata: self.metadata.clone(),
            normalise_labels: self.labels.normalise_labels,
        };
        let found = compare(&named, reference, &source, &Resampling::default())?;
        if let (Some(path), Some(figure)) = (&self.figure, figure(&found)) {
            figure.write(path)?;
        }
        if let Some(path) = &self.report {
            let html = of_comparison(&found);
            crate::files::atomic_file::write(path, |file| file.write_all(html.as_bytes()))?;
        }
        if self.json {
            let mut value = json(&found);
            value["figure"] = serde_json::json!(self.figure);
            value["report"] = serde_json::json!(self.report);
            return console::print_json(&value);
        }
        let tables = CompareTables::of(&found, LISTED);
        let tables = tables.in_order();
        if self.markdown {
            let tables: Vec<String> = tables.into_iter().map(Table::markdown).collect();
            return console::print_raw(&tables.join("\n"));
        }
        let mut text = console::tables(&tables);
        for path in self.figure.iter().chain(&self.report) {
            text += &format!("\nwrote {}\n", quoted(path));
        }
        console::print(&text)
    }

    /// The sides with their names, each once.
    fn named(&self) -> Result<Vec<Named>> {
        let mut named: Vec<Named> = Vec::new();
        for side in &self.sides {
            let whole = || (side.trim_end_matches('/'), side.as_str());
            let (name, path) = match side.split_once('=') {
                Some((name, path)) if !name.is_empty() && !Path::new(side).exists() => (name, path),
                _ => whole(),
            };
            if named.iter().any(|known| known.name == name) {
                return Err(Error::Data(format!(
                    "{side}: two sides are called {name}; give them names, as in a={path}"
                )));
            }
            named.push(Named {
                name: name.to_owned(),
                path: path.into(),
            });
        }
        Ok(named)
    }

    fn reference(&self, named: &[Named]) -> Result<usize> {
        let Some(wanted) = &self.reference else {
            return Ok(0);
        };
        let wanted = wanted.trim_end_matches('/');
        let is = |side: &Named| side.name == wanted || side.path == Path::new(wanted);
        named.iter().position(is).ok_or_else(|| {
            let names = named.iter().map(|side| side.name.as_str());
            Error::Data(format!(
                "--reference {wanted}: no such side{}",
                instead(wanted, names)
            ))
        })
    }
}
