//! `blendfuse decode`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Map, Value, json};

use super::evaluate::{truths, unnormalised};
use crate::analysis::run_decoding::RunDecoding;
use crate::cli::flags::common::{Overwrite, Threads, quoted};
use crate::cli::flags::data::LabelArgs;
use crate::cli::flags::decoding::{RulesArgs, ThresholdArgs};
use crate::cli::flags::scored_by::{self, ScoredBy};
use crate::cli::output::console;
use crate::cli::output::numbers::{counted, threshold};
use crate::cli::output::score;
use crate::cli::output::score::Score;
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
/// (filename,CLASS,CLASS,…) or the probabilities that predict and cv write.
#[derive(Args, Debug)]
#[command(after_help = "\
--search tries a grid of thresholds on the same file and takes the one with the
best mean of ACC_presence and ACC_salience; a threshold given by flag is fixed.
Search on validation clips only: scores on the clips that the thresholds were
chosen on are optimistically biased. Without --search and thresholds, those of
the run are used: what --run names, an .npz of predict says, or the folder of
the file is.

Examples:
  blendfuse decode probs.csv --presence-threshold 0.2 \\
      --salience-threshold 0.06 --out p.json
  blendfuse decode probs.csv --run runs/fold0 --out p.json
  blendfuse decode probs.csv --rules challenge --search
  blendfuse decode probs.csv --search --metadata DATA/train_metadata.csv \\
      --out p.zip")]
pub struct Decode {
    /// Probabilities, .csv or .npz
    probs: PathBuf,
    #[command(flatten)]
    scored_by: ScoredBy,
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
        let mut table = ProbabilityTable::read(&self.probs)?;
        let run = self.scored_by.find(&self.probs, &table)?;
        let given = &self.thresholds;
        let complete = given.presence_threshold.is_some() && given.salience_threshold.is_some();
        if !self.search && !complete && run.is_none() {
            return Err(Error::Data(
                "give --presence-threshold and --salience-threshold, --run for those of a run, or --search to choose them"
                    .into(),
            ));
        }
        if let Some(warning) = unnormalised(&table) {
            console::warning(&warning);
        }
        if self.alpha.is_some() || self.beta.is_some() {
            table = table.realigned(Alignment {
                alpha: self.alpha.unwrap_or(USUAL_ALPHA),
                beta: self.beta.unwrap_or(1.0),
            })?;
        }
        let search = match self.search {
            true => Some(self.search(&table, run.as_ref())?),
            false => None,
        };
        let found = search.as_ref().map(|search| search.best.thresholds);
        let chosen = match found {
            Some(best) => ThresholdArgs {
                presence_threshold: Some(best.presence),
                salience_threshold: Some(best.salience),
            },
            None => ThresholdArgs { ..*given },
        };
        let decoded = scored_by::decode(&table, &self.rules, &chosen, run.as_ref())?;
        if let Some(path) = &self.out {
            let clips = table.filenames.iter().cloned().zip(decoded.emotions);
            let clips = clips.collect();
            Predictions { clips }.write(path, &decoded.classes)?;
        }
        let thresholds = found.or(decoded.thresholds);
        if self.json {
            let mut report = self.report(&table, thresholds, search.as_ref());
            if let Some(run) = run {
                report["run"] = json!(run.source());
            }
            return console::print_json(&report);
        }
        if run.is_some() && found.is_none() {
            console::note(&format!("decoded with {}", decoded.how));
        }
        console::print(&self.text(&table, thresholds, search.as_ref()))
    }

    fn search(&self, table: &ProbabilityTable, run: Option<&RunDecoding>) -> Result<Search> {
        let classes = &scored_by::classes(table, &self.rules, run)?;
        let config = &self.rules.config(run.map(|run| &run.rules));
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
        thresholds: Option<Thresholds>,
        search: Option<&Search>,
    ) -> Value {
        let mut report = match search.map(|search| json!(Score::from(&search.best.accuracy))) {
            Some(Value::Object(map)) => map,
            _ => Map::new(),
        };
        for (name, value) in [
            ("presence_threshold", thresholds.map(|t| t.presence)),
            ("salience_threshold", thresholds.map(|t| t.salience)),
        ] {
            report.insert(name.into(), json!(value));
        }
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
        thresholds: Option<Thresholds>,
        search: Option<&Search>,
    ) -> String {
        let mut text = String::new();
        if let (Some(search), Some(thresholds)) = (search, thresholds) {
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
            let thresholds = thresholds.map_or_else(
                || "those of each clip's fold".to_owned(),
                |Thresholds { presence, salience }| {
                    let [presence, salience] = [presence, salience].map(threshold);
                    format!("presence {presence}, salience {salience}")
                },
            );
            text += &format!(
                "{} decoded; thresholds: {thresholds}\nwrote {}\n",
                counted(table.filenames.len(), "clip"),
                quoted(path)
            );
        }
        text
    }
}
