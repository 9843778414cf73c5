//! `blendfuse inspect`.

use std::io::Write;
use std::path::PathBuf;

use clap::Args;

use crate::cli::flags::common::{Overwrite, Threads};
use crate::cli::flags::data::DataArgs;
use crate::cli::output::numbers::{PlainTable, count, counted, cut};
use crate::cli::output::remedy::in_flags;
use crate::cli::output::{console, inspection};
use crate::data::inspect::{Inspection, SplitReport, inspect};
use crate::data::metadata::Reading;
use crate::files::atomic_file;
use crate::report::inspection_figure;
use crate::{Error, Result};

/// Summarise a data folder and check it for errors
///
/// Continues after an error, so that all of them are reported at once: unreadable files, NaN, labels
/// that do not add up, clips without features, actors both inside and outside a fold. Reports
/// duplicate and outlying rows of each encoder, and the shift of the test split. Writes nothing but
/// the figure.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit code 2 also means that the folder cannot be used for training as it is.

Examples:
  blendfuse inspect DATA
  blendfuse inspect DATA --figure data.svg
  blendfuse inspect DATA --normalise-labels --folds 5
  blendfuse inspect DATA --json | jq .problems")]
pub struct Inspect {
    /// Data folder: train_metadata.csv, features/train/NAME.npz, … (docs/formats.md)
    data: PathBuf,
    /// Plot the missing clips and the shift of every encoder
    #[arg(long, value_name = "FILE.svg")]
    figure: Option<PathBuf>,
    #[command(flatten)]
    reading: DataArgs,
    #[command(flatten)]
    overwrite: Overwrite,
    #[command(flatten)]
    threads: Threads,
    /// Print everything as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Inspect {
    /// Inspects.
    ///
    /// # Errors
    /// [`Error::Data`] if the folder cannot be used as it is.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        if let Some(path) = &self.figure {
            self.overwrite.check("--figure", path, &["svg"])?;
        }
        let config = self.reading.config()?;
        let mut found = inspect(&self.data, &Reading::of(&config)?);
        for line in found.warnings.iter_mut().chain(&mut found.problems) {
            *line = in_flags(line);
        }
        self.draw(&found)?;
        if self.json {
            console::print_json(&found)?;
        } else {
            console::print(&text(&found))?;
        }
        if found.usable {
            return Ok(());
        }
        let problems = counted(found.problems.len(), "problem");
        Err(Error::Data(format!(
            "{} cannot be used for training: {problems}, listed above",
            self.data.display()
        )))
    }

    fn draw(&self, found: &Inspection) -> Result<()> {
        let Some(path) = &self.figure else {
            return Ok(());
        };
        let drawn = inspection_figure::svg(found).map_err(|reason| Error::Write {
            path: path.clone(),
            source: std::io::Error::other(reason),
        })?;
        match drawn {
            Some(svg) => atomic_file::write(path, |out| out.write_all(svg.as_bytes())),
            None => {
                console::warning(&format!("{}: no encoders to plot", path.display()));
                Ok(())
            }
        }
    }
}

fn text(found: &Inspection) -> String {
    let mut text = format!("{}\n", found.path.display());
    for (name, part) in [("training", &found.train), ("test", &found.test)] {
        if let Some(part) = part {
            text += &split_line(name, part);
        }
    }
    if found.train.as_ref().is_some_and(|train| train.actors > 0) {
        text += &format!("  actors: {}\n", found.actors);
    }
    if !found.actors_in_both_parts.is_empty() {
        text += &format!(
            "  actors in both splits: {}\n",
            cut(&found.actors_in_both_parts.join(", "), 54)
        );
    }
    text += &labels(found);
    text += &folds(found);
    text += &inspection::text(found);
    text += &list("warnings", &found.warnings);
    text += &list("problems", &found.problems);
    if found.usable {
        text += "\nusable\n";
    }
    text
}

fn split_line(name: &str, part: &SplitReport) -> String {
    let mut line = format!("  {name:<9} {:>6} clips", count(part.clips));
    if part.labelled == 0 {
        line += ", no labels";
    } else {
        if part.labelled < part.clips {
            line += &format!(", {} labelled", count(part.labelled));
        }
        line += &format!(", {} blends", count(part.blends));
        if part.mixtures > 0 {
            line += &format!(", {} mixtures of three or more", count(part.mixtures));
        }
    }
    line += &match part.actors {
        0 => ", actors unknown".to_owned(),
        // A prefix that all clips share (test_0001, test_0002, …) need not be an actor.
        1 if part.clips > 1 => ", one actor or unknown".to_owned(),
        actors => format!(", {}", counted(actors, "actor")),
    };
    line + "\n"
}

fn labels(found: &Inspection) -> String {
    if found.classes.is_empty() {
        return String::new();
    }
    let test = found.test.as_ref().filter(|test| test.labelled > 0);
    let mut text = format!("\n{} classes (training clips)\n", found.classes.len());
    let mut header = vec!["", "alone", "blended"];
    if test.is_some() {
        header.extend(["test alone", "blended"]);
    }
    let mut table = PlainTable::new(header);
    for (place, class) in found.classes.iter().enumerate() {
        let neutral = if class.neutral { " (neutral)" } else { "" };
        let mut row = vec![
            cut(&class.name, 40) + neutral,
            count(class.alone),
            count(class.in_blends),
        ];
        if let Some(class) = test.and_then(|test| test.classes.get(place)) {
            row.extend([count(class.alone), count(class.in_blends)]);
        }
        table.row(row);
    }
    text += &table.text();
    text += &blends("blends", &found.proportions);
    if let Some(task) = &found.task {
        text += &format!("  task: {}\n", task.in_words);
        text += &format!("  main measure: {}\n", task.main_measure.name());
    }
    if let Some(test) = test {
        text += &blends("test blends", &test.proportions);
    }
    text
}

fn blends(title: &str, proportions: &[(String, usize)]) -> String {
    if proportions.is_empty() {
        return String::new();
    }
    let each = proportions.iter();
    let each: Vec<_> = each
        .map(|(name, n)| format!("{name}: {}", count(*n)))
        .collect();
    format!("  {title}: {}\n", cut(&each.join(", "), 68))
}

fn folds(found: &Inspection) -> String {
    if found.folds.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{} folds\n", found.folds.len());
    let mut table = PlainTable::new(["", "clips", "blends", "actors", "actors also outside"]);
    for fold in &found.folds {
        let shared = match fold.shared_actors.len() {
            0 if fold.actors == 0 => "-".to_owned(),
            0 => "none".to_owned(),
            n => format!("{n}: {}", cut(&fold.shared_actors.join(", "), 24)),
        };
        table.row([
            format!("fold {}", fold.fold),
            count(fold.clips),
            count(fold.blends),
            match fold.actors {
                0 => "-".to_owned(),
                actors => count(actors),
            },
            shared,
        ]);
    }
    text += &table.text();
    if found.clips_without_fold > 0 {
        text += &format!(
            "  {} without a fold: always in the training set\n",
            counted(found.clips_without_fold, "clip")
        );
    }
    text
}

fn list(title: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("  - {line}\n")).collect();
    format!("\n{title}\n{lines}")
}
