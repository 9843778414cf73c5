//! `blendfuse cv`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use super::args::quoted;
use super::console;
use super::plan_args::{PlanArgs, Prepared, names};
use super::plan_progress::PlanProgress;
use crate::Result;
use crate::experiments::{Candidate, CrossValidation, Protocol, TrialKind, cross_validate};
use crate::report;

/// Cross-validate the fusion model on the folds of the metadata
///
/// Each fold is held out once while the others train. Gives every fold's scores with mean and
/// standard deviation, predictions for every clip by the model that did not train on it, and one
/// setting of the thresholds for all folds.
#[derive(Args, Debug)]
#[command(after_help = "\
Writes into --out: summary.json, folds.csv, summary.csv, tables.md, out_of_fold.json|csv|npz, and
for each training trials/ID.json (result) and trials/ID/ (weights: a run, as `train` makes it).

Examples:
  blendfuse cv DATA --out runs/cv
  blendfuse cv DATA --out runs/cv --seeds 5 --resume       (reuses the first seed's trainings)
  blendfuse cv DATA --out runs/uda --set uda.enabled=true --jobs 2
  blendfuse evaluate runs/cv/out_of_fold.json --metadata DATA/train_metadata.csv")]
pub struct CrossValidate {
    #[command(flatten)]
    plan: PlanArgs,
    /// Remove each model's weights once its scores are taken
    #[arg(long)]
    drop_weights: bool,
}

impl CrossValidate {
    /// Cross-validates.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run(&self) -> Result<()> {
        let prepared = self
            .plan
            .prepare("cv", json!({ "keep_weights": !self.drop_weights }))?;
        let Prepared {
            config,
            opened,
            folder,
            ..
        } = &prepared;
        let dataset = &opened.dataset;
        let seeds = self.plan.seeds.get();
        let protocol = Protocol::of(dataset, config.train.seed, seeds, !self.drop_weights)?;
        let candidate = Candidate {
            name: "fusion".into(),
            kind: TrialKind::fusion(config, dataset.encoders.len()),
            data: opened.clone(),
        };
        let scheduler = self.plan.scheduler(folder, config);
        let mut progress = PlanProgress::new();
        let (found, outcomes) = cross_validate(&scheduler, &[candidate], &protocol, &mut progress)?;
        outcomes.check()?;
        for found in found.into_iter().flatten() {
            let files = report::cross_validation::write(&found, folder.path())?;
            self.print(&found, &files, &progress)?;
        }
        Ok(())
    }

    fn print(
        &self,
        found: &CrossValidation,
        files: &[PathBuf],
        progress: &PlanProgress,
    ) -> Result<()> {
        if self.plan.json {
            let mut value = report::cross_validation::json(found);
            value["out"] = json!(self.plan.out);
            value["files"] = json!(files);
            value["trials"] = json!(progress.trials.0);
            value["reused"] = json!(progress.trials.1);
            value["warnings"] = json!(progress.warnings);
            return console::print_json(&value);
        }
        let tables = [
            report::cross_validation::summary(found).markdown(),
            report::cross_validation::folds(found).markdown(),
        ];
        console::print(&format!(
            "{}\nmedian best epoch: {}\nwrote {}/: {}\n",
            tables.join("\n"),
            found.median_best_epoch,
            quoted(&self.plan.out),
            names(files, &self.plan.out),
        ))
    }
}
