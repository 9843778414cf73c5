//! `blendfuse vectors`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::flags::clip_files::ClipFileArgs;
use crate::cli::flags::common::{Overwrite, Threads};
use crate::cli::flags::encoder_output;
use crate::cli::flags::encoder_output::EncoderOutput;
use crate::cli::output::console;
use crate::ingest::clip_files::ClipFiles;
use crate::ingest::vectors::{VectorOptions, read};
use crate::{Error, Result};

/// Most columns that are listed by name.
const SHOWN: usize = 8;

/// Turn one vector per clip (openSMILE or other) into a feature file
///
/// Reads a CSV with one row per clip, such as openSMILE functionals (eGeMAPS, ComParE), separated by
/// commas, semicolons or tabs; or a folder with one .npy or one-row .csv per clip. Nothing is
/// aggregated. A clip without a row counts as missing.
#[derive(Args, Debug)]
#[command(after_help = "\
Clip names come from the column filename, file, clip, name, video or audio, or
from the file names in a folder; folders and quotes are removed from them.
Columns whose names say that they are no features are left out and listed:
labels and ratings (label, emotion, target, class, y without x, valence, …), the
person (speaker, subject, actor, gender, age, …), folds and splits, times, row
numbers (id, index, Unnamed: 0, …) and those without a name.

Examples:
  blendfuse vectors egemaps.csv --out DATA/features/egemaps.npz --split-by DATA
  blendfuse vectors compare.csv --out compare.npz --name-column instance \\
      --drop-column speaker
  blendfuse vectors clap --recursive --pattern '*_clap.npy' --out clap.npz")]
pub struct Vectors {
    /// A .csv, or a folder of .npy or .csv files named after their clips
    input: PathBuf,
    #[command(flatten)]
    files: ClipFileArgs,
    #[command(flatten)]
    output: EncoderOutput,
    /// Column with the clip names
    #[arg(long, value_name = "COLUMN")]
    name_column: Option<String>,
    /// Column to drop because it is not a feature; repeatable
    #[arg(long, alias = "drop", value_name = "COLUMN")]
    drop_column: Vec<String>,
    /// Column that is a feature although it is named like a label, a speaker or a row number;
    /// repeatable
    #[arg(long, value_name = "COLUMN")]
    keep_column: Vec<String>,
    #[command(flatten)]
    overwrite: Overwrite,
    #[command(flatten)]
    threads: Threads,
    /// Print what was written as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Vectors {
    /// Reads and writes.
    ///
    /// # Errors
    /// Any error of the library; [`Error::Data`] if rows are unusable and `--skip-bad` is not
    /// given.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        let splits = self.output.splits(&self.overwrite)?;
        let options = VectorOptions {
            name_column: self.name_column.clone(),
            drop: self.drop_column.clone(),
            keep: self.keep_column.clone(),
        };
        if let Some(flag) = self.files.given().filter(|_| self.input.is_file()) {
            return Err(Error::Data(format!(
                "{flag} is for a folder with one file per clip, but {} is a file; leave it out",
                self.input.display()
            )));
        }
        let clip = |file: &str| self.files.clip(file);
        let files = ClipFiles {
            recursive: self.files.recursive,
            clip: Some(&clip),
        };
        let found = read(&self.input, &files, &options)?;
        let rows = found.rows.with_columns(found.columns.clone());
        let output = self.output.write(&rows, &found.bad, splits.as_ref())?;
        if self.json {
            return console::print_json(&json!({
                "written": output.written,
                "unlisted": output.unlisted,
                "absent": output.absent,
                "columns": found.columns,
                "left_out": found.left_out,
                "bad": found.bad,
            }));
        }
        let columns = column_summary(found.columns.as_deref(), &found.left_out);
        console::print(&(encoder_output::text(&output) + &columns))
    }
}

/// One line with the columns that are features, and one with those that were left out.
fn column_summary(columns: Option<&[String]>, left_out: &[String]) -> String {
    let mut text = match columns {
        None | Some([]) => String::new(),
        Some(all) if all.len() <= SHOWN => format!("features: {}\n", all.join(", ")),
        Some([first, second, .., last]) => format!("features: {first}, {second}, …, {last}\n"),
        Some([..]) => String::new(),
    };
    let named: Vec<&str> = left_out.iter().map(String::as_str).collect();
    let named: Vec<&str> = named.into_iter().filter(|name| !name.is_empty()).collect();
    if !named.is_empty() {
        text += &format!(
            "left out, as their names say that they are no features: {} (to use one: --keep-column)\n",
            named.join(", ")
        );
    }
    text
}
