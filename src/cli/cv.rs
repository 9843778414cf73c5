//! `blendfuse cv`.

use clap::Args;
use serde_json::json;

use super::args::quoted;
use super::console;
use super::plan_args::{PlanArgs, names};
use super::plan_progress::PlanProgress;
use crate::Result;
use crate::eval::statistics::Resampling;
use crate::experiments::certainty::certainties;
use crate::experiments::retrain::retrain;
use crate::experiments::{Candidate, Protocol, TrialKind, cross_validate};
use crate::report::table::write_json;
use crate::report::{certainty, cross_validation, final_model};

/// Cross-validate the fusion model on the folds of the metadata
///
/// Each fold is held out once while the others train. Gives every fold's scores with mean and
/// standard deviation, predictions for every clip by the model that did not train on it, and one
/// setting of the thresholds for all folds.
#[derive(Args, Debug)]
#[command(after_help = "\
Writes into --out: summary.json, folds.csv, summary.csv, tables.md,
out_of_fold.json|csv|npz, and for each training trials/ID.json (result) and
trials/ID/ (weights: a run, as `train` makes it). With --retrain also final/:
the model of all clips and its predictions of the test part. With more --seeds
--resume reuses the trainings of those before.

Examples:
  blendfuse cv DATA --out runs/cv
  blendfuse cv DATA --out runs/cv --seeds 5 --resume
  blendfuse cv DATA --out runs/cv --retrain --ensemble --resume
  blendfuse cv DATA --out runs/uda --set uda.enabled=true --jobs 2
  blendfuse evaluate runs/cv/out_of_fold.json --metadata DATA/train_metadata.csv")]
pub struct CrossValidate {
    #[command(flatten)]
    plan: PlanArgs,
    /// Remove each model's weights once its scores are taken
    #[arg(long)]
    drop_weights: bool,
    /// Train on all clips afterwards for the median best epoch, and predict the test part where there is
    /// one, with the thresholds chosen on all out-of-fold scores
    #[arg(long)]
    retrain: bool,
    /// With --retrain: also average the probabilities of all folds' models on the test part
    #[arg(long, requires = "retrain")]
    ensemble: bool,
}

impl CrossValidate {
    /// Cross-validates.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run(&self) -> Result<()> {
        let asked = json!({
            "keep_weights": !self.drop_weights,
            "retrain": self.retrain,
            "ensemble": self.ensemble,
        });
        let prepared = self.plan.prepare("cv", asked)?;
        let (config, folder) = (&prepared.config, &prepared.folder);
        let opened = prepared.data.open(&config.data)?;
        let dataset = &opened.dataset;
        let seeds = self.plan.seeds.get();
        let protocol = Protocol::of(dataset, config.train.seed, seeds)?;
        let candidate = Candidate {
            name: "fusion".into(),
            kind: TrialKind::fusion(config, dataset.encoders.len()),
            data: opened.clone(),
            keep_weights: !self.drop_weights,
        };
        let scheduler = self.plan.scheduler(folder, config);
        let mut progress = PlanProgress::new();
        let (found, mut outcomes) =
            cross_validate(&scheduler, &[candidate], &protocol, &mut progress)?;
        outcomes.check()?;
        for found in found.into_iter().flatten() {
            let certainty = certainties(&[Some(&found)], 0, &Resampling::default())?;
            let certainty = certainty.into_iter().flatten().next();
            let mut files = cross_validation::write(&found, certainty.as_ref(), folder.path())?;
            let mut value = cross_validation::json(&found, certainty.as_ref());
            let mut tables = vec![
                cross_validation::summary(&found),
                cross_validation::folds(&found),
            ];
            tables.extend(
                certainty
                    .iter()
                    .map(|of_one| certainty::table(&found, of_one)),
            );
            if self.retrain {
                let retrained = retrain(
                    &scheduler,
                    &found,
                    &mut outcomes,
                    &protocol,
                    self.ensemble,
                    &mut progress,
                )?;
                outcomes.check()?;
                for retrained in retrained.into_iter() {
                    let to = folder.path().join("final");
                    files.extend(final_model::write(&retrained, folder, &to)?);
                    write_json(&to.join("final.json"), &final_model::json(&retrained))?;
                    files.push(to.join("final.json"));
                    value["final"] = final_model::json(&retrained);
                    tables.push(final_model::table(&retrained));
                }
            }
            folder.wrote(&files)?;
            if self.plan.json {
                value["out"] = json!(self.plan.out);
                value["files"] = json!(files);
                progress.add_to(&mut value);
                console::print_json(&value)?;
                continue;
            }
            let files = names(&files, folder.path());
            let wrote = format!("wrote {}/: {files}", quoted(&self.plan.out));
            console::print(&format!(
                "{}\nmedian best epoch: {}\n{}\n",
                console::tables(&tables.iter().collect::<Vec<_>>()),
                found.median_best_epoch,
                console::filled(&wrote)
            ))?;
        }
        Ok(())
    }
}
