//! `blendfuse folds`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use crate::cli::flags::common::{Overwrite, Threads, quoted};
use crate::cli::flags::data::DataArgs;
use crate::cli::output::console;
use crate::cli::output::numbers::{PlainTable, count, counted, cut};
use crate::cli::output::progress::reading;
use crate::cli::output::remedy::in_flags;
use crate::data::dataset::Dataset;
use crate::data::folds::{FoldSummary, summaries};
use crate::data::metadata::write_with_folds;
use crate::{Error, Result};

/// Make folds for a data folder that has none
///
/// No actor is in two folds; the numbers of clips, of clips with several emotions, and of clips of each
/// class are as even as that allows. The same data and seed give the same folds, whatever the actors
/// are called. `cv`, `tune`, `baseline`, `ablate`, `sweep` and `train` make the same folds with
/// --folds.
#[derive(Args, Debug)]
#[command(after_help = "\
Writes a copy of train_metadata.csv with a column fold. Warns if actors are
unknown or doubtful, and if clips of different folds have equal features.

Examples:
  blendfuse folds DATA --folds 5
  blendfuse folds DATA --folds 5 --out folds.csv
  blendfuse folds RAVDESS --folds 8 --actor-pattern '-(\\d\\d)$' --out folds.csv")]
pub struct Folds {
    /// Data folder: train_metadata.csv, features/train/NAME.npz, … (docs/formats.md)
    data: PathBuf,
    /// The metadata with their folds; can replace train_metadata.csv
    #[arg(long, value_name = "FILE.csv")]
    out: Option<PathBuf>,
    #[command(flatten)]
    reading: DataArgs,
    #[command(flatten)]
    overwrite: Overwrite,
    #[command(flatten)]
    threads: Threads,
    /// Print the result as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Folds {
    /// Makes folds.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        if let Some(path) = &self.out {
            self.overwrite.check("--out", path, &["csv"])?;
        }
        if self.reading.folds.is_none() {
            return Err(Error::Data(
                "folds: how many? expected --folds K, such as --folds 5".into(),
            ));
        }
        let config = self.reading.config()?;
        let dataset = reading(|| Dataset::open_configured(&self.data, &config))?;
        for note in dataset.notes() {
            console::warning(&in_flags(&note));
        }
        let folds = summaries(&dataset.train, dataset.classes.len());
        if let Some(path) = &self.out {
            write_with_folds(dataset.train.metadata_path(), &dataset.train.clips, path)?;
        }
        if self.json {
            return console::print_json(&self.report(&dataset, &folds));
        }
        console::print(&self.text(&dataset, &folds))
    }

    fn report(&self, dataset: &Dataset, folds: &[FoldSummary]) -> Value {
        let rows: Vec<Value> = folds
            .iter()
            .map(|fold| {
                let shares = dataset.classes.names().iter().cloned();
                let shares = shares.zip(fold.shares.iter().map(|share| json!(share)));
                json!({
                    "fold": fold.fold,
                    "clips": fold.clips,
                    "blends": fold.blends,
                    "actors": fold.actors,
                    "classes": shares.collect::<serde_json::Map<_, _>>(),
                })
            })
            .collect();
        json!({
            "folds": rows,
            "seed": dataset.new_folds.map(|folds| folds.seed),
            "actors": dataset.train.actors.to_string(),
            "warnings": dataset.notes(),
            "out": self.out,
        })
    }

    fn text(&self, dataset: &Dataset, folds: &[FoldSummary]) -> String {
        let names = dataset.classes.names();
        let mut text = format!(
            "{}; actors {}\n",
            counted(folds.len(), "fold"),
            dataset.train.actors
        );
        let mut header = vec![
            String::new(),
            "clips".into(),
            "blends".into(),
            "actors".into(),
        ];
        header.extend(names.iter().map(|name| cut(name, 9)));
        let mut table = PlainTable::new(header);
        for fold in folds {
            let mut row = vec![
                format!("fold {}", fold.fold),
                count(fold.clips),
                count(fold.blends),
                count(fold.actors),
            ];
            row.extend(fold.shares.iter().map(|share| format!("{share:.1}")));
            table.row(row);
        }
        text += &table.text();
        text += "classes: sums of the clips' shares\n";
        match &self.out {
            Some(path) => {
                let (data, path) = (quoted(&self.data), quoted(path));
                text + &format!("wrote {path}\nto use it: cp {path} {data}/train_metadata.csv\n")
            }
            None => {
                text + "nothing was written; --out FILE.csv writes the metadata with these folds\n"
            }
        }
    }
}
