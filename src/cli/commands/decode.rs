//! `blendfuse decode`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::evaluate::{truths, unnormalised};
use crate::cli::flags::common::{Overwrite, Threads, quoted};
use crate::cli::flags::data::LabelArgs;
use crate::cli::flags::decoding::{RulesArgs, ThresholdArgs};
use crate::cli::output::console;
use crate::cli::output::numbers::{counted, threshold};
use crate::cli::output::score;
use crate::cli::output::score::Score;
use crate::config::DecodeConfig;
use crate::data::label::Classes;
use crate::eval::align::{Alignment, USUAL_ALPHA};
use crate::eval::decode::Decoding;
use crate::eval::evaluation::labelled;
use crate::eval::grid::Grid;
use crate::eval::objective::Objective;
use crate::eval::probabilities::ProbabilityTable;
use crate::eval::rules::Thresholds;
use crate::eval::submission::Predictions;
use crate::eval::thresholds::{Search, TaskSearcher};
use crate::{Error, Result};

/// Decode probabilities into emotions
///
/// Uses the paper's or the challenge's rules. Reads one distribution per clip
/// (filename,CLASS,CLASS,…) or the output of predict --probs.
#[derive(Args, Debug)]
#[command(after_help = "\
--search tries a grid of thresholds on the same file and takes the one with the
best mean of ACC_presence and ACC_salience; a threshold given by flag is fixed.
Search on validation clips only: scores on the clips that the thresholds were
chosen on are optimistically biased.

Examples:
  blendfuse decode probs.csv --presence-threshold 0.2 \\
      --salience-threshold 0.06 --out p.json
  blendfuse decode probs.csv --rules challenge --search
  blendfuse decode probs.csv --search --metadata DATA/train_metadata.csv \\
      --out p.zip")]
pub struct Decode {
    /// Probabilities, .csv
    probs: PathBuf,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    thresholds: ThresholdArgs,
    /// Realign the two heads with this exponent of the salience, 0 or more (paper eq. 14); needs the
    /// presence_ and salience_ columns of predict --probs [default: use the aligned scores in the file]
    #[arg(long, value_name = "A")]
    alpha: Option<f64>,
    /// Realign with this exponent of the presence, 0 or more: 1 in the paper, 0 for the salience alone
    #[arg(long, value_name = "B")]
    beta: Option<f64>,
    /// Choose the thresholds on this file; its clips need labels
    #[arg(long)]
    search: bool,
    /// Metadata with the labels for --search [default: from the challenge's clip names]
    #[arg(long, value_name = "FILE.csv", requires = "search")]
    metadata: Option<PathBuf>,
    #[command(flatten)]
    labels: LabelArgs,
    /// Predictions in the challenge's format: .json, or .zip for CodaBench
    #[arg(long, value_name = "FILE", required_unless_present = "search")]
    out: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
    #[command(flatten)]
    threads: Threads,
    /// Print thresholds and scores as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Decode {
    /// Decodes.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        if let Some(path) = &self.out {
            self.overwrite.check("--out", path, &["json", "zip"])?;
        }
        let given = (
            self.thresholds.presence_threshold,
            self.thresholds.salience_threshold,
        );
        if !self.search && (given.0.is_none() || given.1.is_none()) {
            return Err(Error::Data(
                "give --presence-threshold and --salience-threshold, or --search to choose them"
                    .into(),
            ));
        }
        let mut table = ProbabilityTable::read_csv(&self.probs)?;
        if let Some(warning) = unnormalised(&table) {
            console::warning(&warning);
        }
        if self.alpha.is_some() || self.beta.is_some() {
            table = table.realigned(Alignment {
                alpha: self.alpha.unwrap_or(USUAL_ALPHA),
                beta: self.beta.unwrap_or(1.0),
            })?;
        }
        let classes = self.rules.classes(&table.classes)?;
        let config = self.rules.config();
        let search = if self.search {
            Some(self.search(&table, &classes, &config)?)
        } else {
            None
        };
        let best = search.as_ref().map(|search| search.best.thresholds);
        let thresholds = best.unwrap_or_else(|| self.thresholds.or(0.0, 0.0));
        let decoding = Decoding::of(&config);
        let decoded = decoding.decode_rows(table.aligned.view(), &classes, thresholds)?;
        if let Some(path) = &self.out {
            let clips = table.filenames.iter().cloned().zip(decoded).collect();
            Predictions { clips }.write(path, &classes)?;
        }
        if self.json {
            console::print_json(&self.report(&table, thresholds, search.as_ref()))
        } else {
            console::print(&self.text(&table, thresholds, search.as_ref()))
        }
    }

    fn search(
        &self,
        table: &ProbabilityTable,
        classes: &Classes,
        config: &DecodeConfig,
    ) -> Result<Search> {
        let names = table.filenames.iter().map(String::as_str);
        let truths = truths(self.metadata.as_deref(), self.labels, names, classes)?;
        let (rows, truths) = labelled(table, &truths);
        if rows.len() < table.filenames.len() {
            console::warning(&format!(
                "{} of {} have labels; the search leaves out the others",
                rows.len(),
                counted(table.filenames.len(), "clip")
            ));
        }
        let decoding = Decoding::of(config);
        let mut grid = Grid::of(&decoding);
        if let Some(fixed) = self.thresholds.presence_threshold {
            grid.presence = vec![fixed];
        }
        if let Some(fixed) = self.thresholds.salience_threshold {
            grid.salience = vec![fixed];
        }
        let searcher = TaskSearcher {
            decoding: &decoding,
            grid: &grid,
            objective: Objective::of(config),
            classes,
        };
        let rows = table.aligned.select(ndarray::Axis(0), &rows);
        searcher.search(rows.view(), &truths)
    }

    fn report(
        &self,
        table: &ProbabilityTable,
        thresholds: Thresholds,
        search: Option<&Search>,
    ) -> Value {
        let mut report = match search.map(|search| json!(Score::from(&search.best.accuracy))) {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        report.insert("presence_threshold".into(), json!(thresholds.presence));
        report.insert("salience_threshold".into(), json!(thresholds.salience));
        report.insert("decoded_clips".into(), json!(table.filenames.len()));
        report.insert("out".into(), json!(self.out));
        if let Some(search) = search {
            report.insert("cells".into(), json!(search.cells.len()));
            report.insert("best_presence".into(), json!(search.best_presence()));
            report.insert("best_salience".into(), json!(search.best_salience()));
        }
        Value::Object(report)
    }

    fn text(
        &self,
        table: &ProbabilityTable,
        thresholds: Thresholds,
        search: Option<&Search>,
    ) -> String {
        let mut text = String::new();
        if let Some(search) = search {
            text += &format!(
                "best of {}: --presence-threshold {} --salience-threshold {}\n",
                counted(search.cells.len(), "pair"),
                thresholds.presence,
                thresholds.salience
            );
            text += &score::text(&search.best.accuracy);
            if search.salience_defined {
                text += &format!(
                    "highest ACC_presence of any pair {:.4}, highest ACC_salience {:.4}\n",
                    search.best_presence(),
                    search.best_salience()
                );
            }
        }
        if let Some(path) = &self.out {
            text += &format!(
                "{} decoded; thresholds: presence {}, salience {}\nwrote {}\n",
                counted(table.filenames.len(), "clip"),
                threshold(thresholds.presence),
                threshold(thresholds.salience),
                quoted(path)
            );
        }
        text
    }
}
