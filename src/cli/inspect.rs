//! `blendfuse inspect`.

use std::path::PathBuf;

use clap::Args;

use super::args::Threads;
use super::console;
use super::numbers::{Table, count, counted, cut};
use crate::data::inspect::{FileReport, Inspection, PartReport, inspect};
use crate::{Error, Result};

/// Say what a data folder holds, and what is wrong with it
///
/// Goes on after a fault, so that all faults show at once: unreadable files, NaN, labels that do not
/// add up, clips without features, actors on both sides of a fold. Nothing is written.
#[derive(Args, Debug)]
#[command(after_help = "\
Exit code 0 where training can use the folder as it is, 2 where it cannot.

Examples:
  blendfuse inspect DATA
  blendfuse inspect DATA --json | jq .problems")]
pub struct Inspect {
    /// Data folder: train_metadata.csv, features/train/NAME.npz, … (docs/formats.md)
    data: PathBuf,
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
        let found = inspect(&self.data);
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
            "{} cannot be used as it is: {problems}, listed above",
            self.data.display()
        )))
    }
}

fn text(found: &Inspection) -> String {
    let mut text = format!("{}\n", found.path.display());
    for (name, part) in [("training", &found.train), ("test", &found.test)] {
        if let Some(part) = part {
            text += &part_line(name, part);
        }
    }
    if !found.actors_in_both_parts.is_empty() {
        text += &format!(
            "  actors in both parts: {}\n",
            cut(&found.actors_in_both_parts.join(", "), 54)
        );
    }
    text += &labels(found);
    text += &folds(found);
    text += &encoders(found);
    text += &list("warnings", &found.warnings);
    text += &list("problems", &found.problems);
    if found.usable {
        text += "\nusable\n";
    }
    text
}

fn part_line(name: &str, part: &PartReport) -> String {
    let mut line = format!("  {name:<9} {:>6} clips", count(part.clips));
    if part.labelled == 0 {
        line += ", no labels";
    } else {
        if part.labelled < part.clips {
            line += &format!(", {} labelled", count(part.labelled));
        }
        line += &format!(", {} blends", count(part.blends));
        if part.mixtures > 0 {
            line += &format!(", {} mixtures of more", count(part.mixtures));
        }
    }
    line += &match part.actors {
        0 => ", actors unknown".to_owned(),
        // One prefix for every clip (test_0001, test_0002, …) names a series, not a person.
        1 if part.clips > 1 => ", one actor or unknown".to_owned(),
        actors => format!(", {}", counted(actors, "actor")),
    };
    line + "\n"
}

fn labels(found: &Inspection) -> String {
    if found.classes.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{} classes (training clips)\n", found.classes.len());
    let mut table = Table::new(["", "alone", "blended"]);
    for class in &found.classes {
        let neutral = if class.neutral { " (neutral)" } else { "" };
        table.row([
            cut(&class.name, 40) + neutral,
            count(class.alone),
            count(class.in_blends),
        ]);
    }
    text += &table.text();
    if !found.proportions.is_empty() {
        let each = found.proportions.iter();
        let each: Vec<_> = each
            .map(|(name, n)| format!("{name}: {}", count(*n)))
            .collect();
        text += &format!("  blends: {}\n", cut(&each.join(", "), 68));
    }
    text
}

fn folds(found: &Inspection) -> String {
    if found.folds.is_empty() {
        return String::new();
    }
    let mut text = format!("\n{} folds\n", found.folds.len());
    let mut table = Table::new(["", "clips", "blends", "actors", "actors also outside"]);
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
            "  {} without a fold always train\n",
            counted(found.clips_without_fold, "clip")
        );
    }
    text
}

fn encoders(found: &Inspection) -> String {
    if found.encoders.is_empty() {
        return String::new();
    }
    let columns: usize = found.encoders.iter().filter_map(|e| e.width).sum();
    let text = format!(
        "\n{}, {} columns; missing: clips of the metadata without a row\n",
        counted(found.encoders.len(), "encoder"),
        count(columns)
    );
    let has_test = found.encoders.iter().any(|encoder| encoder.test.is_some());
    let mut header = vec![
        "", "modality", "width", "type", "constant", "rows", "missing",
    ];
    if has_test {
        header.extend(["test", "missing"]);
    }
    header.push("NaN/inf");
    let mut table = Table::new(header);
    let cell = |n: Option<usize>| n.map_or_else(|| "?".to_owned(), count);
    for encoder in &found.encoders {
        let of = |file: &Option<FileReport>, pick: fn(&FileReport) -> usize| {
            cell(file.as_ref().map(pick))
        };
        let mut row = vec![
            cut(&encoder.name, 22),
            match encoder.modality.as_str() {
                "multimodal" => "multi".to_owned(),
                other => other.to_owned(),
            },
            cell(encoder.width),
            encoder.dtype.clone().unwrap_or_else(|| "?".into()),
            cell(encoder.constant_columns),
            of(&encoder.train, |file| file.rows),
            of(&encoder.train, |file| file.missing_clips),
        ];
        if has_test {
            row.push(of(&encoder.test, |file| file.rows));
            row.push(of(&encoder.test, |file| file.missing_clips));
        }
        let files = [&encoder.train, &encoder.test].into_iter().flatten();
        row.push(count(files.map(|file| file.non_finite).sum()));
        table.row(row);
    }
    text + &table.text()
}

fn list(title: &str, lines: &[String]) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let lines: String = lines.iter().map(|line| format!("  - {line}\n")).collect();
    format!("\n{title}\n{lines}")
}
