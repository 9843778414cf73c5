//! `blendfuse cv`.

use clap::Args;
use serde::{Deserialize, Serialize};

use crate::Result;
use crate::cli::flags::plan::{PlanArgs, PlanCommand};
use crate::cli::output::console;
use crate::cli::output::plan_progress::PlanProgress;
use crate::eval::statistics::Resampling;
use crate::experiments::certainty::certainties;
use crate::experiments::retrain::retrain;
use crate::experiments::{Candidate, Protocol, cross_validate};
use crate::plan::TrialKind;
use crate::report::table::write_json;
use crate::report::{Table, certainty, cross_validation, final_model};

/// Cross-validate the fusion model on the folds of the metadata
///
/// Holds out each fold once and trains on the others. Reports each fold's scores with mean and
/// standard deviation, predictions for every clip by the model that did not train on it, and pooled
/// thresholds for all folds.
#[derive(Args, Debug)]
#[command(after_help = "\
Writes into --out: summary.json, folds.csv, summary.csv, tables.md,
out_of_fold.json|csv|npz, and for each trial trials/*/ID.json (result) and
trials/*/ID/ (weights: a run folder, as from `train`). With --retrain also
final/: the model trained on all clips and its predictions for the test split.
To add seeds, use a higher --seeds with --resume.

Examples:
  blendfuse cv DATA --out runs/cv
  blendfuse cv DATA --out runs/cv --seeds 5 --resume
  blendfuse cv DATA --out runs/cv --retrain --ensemble --resume
  blendfuse cv DATA --out runs/uda --set uda.enabled=true --jobs 2
  blendfuse evaluate runs/cv/out_of_fold.json --metadata DATA/train_metadata.csv")]
pub struct CrossValidate {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    asked: CrossValidateArgs,
}

/// What it is asked for beside what all plans are.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct CrossValidateArgs {
    /// Remove each model's weights after scoring
    #[arg(long)]
    drop_weights: bool,
    /// Then train on all clips for the median best epoch, and predict the test split, if any, with the
    /// thresholds chosen on all out-of-fold scores
    #[arg(long)]
    retrain: bool,
    /// With --retrain: also average the probabilities of all fold models on the test split
    #[arg(long, requires = "retrain")]
    ensemble: bool,
}

impl CrossValidate {
    /// The command as a plan's folder notes it.
    pub fn noted(plan: PlanArgs, asked: CrossValidateArgs) -> Self {
        Self { plan, asked }
    }
}

impl PlanCommand for CrossValidate {
    fn plan(&mut self) -> &mut PlanArgs {
        &mut self.plan
    }

    fn run(&self) -> Result<()> {
        let asked = &self.asked;
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
            keep_weights: !asked.drop_weights,
        };
        let scheduler = self.plan.scheduler(folder, config);
        let mut progress = PlanProgress::new();
        let (found, mut outcomes) =
            cross_validate(&scheduler, &[candidate], &protocol, &mut progress)?;
        let found = match found.into_iter().next() {
            Some(Ok(found)) => found,
            Some(Err(reason)) if outcomes.unfinished() > 0 && !self.plan.json => {
                console::note(&format!("no table yet: {reason}"));
                return outcomes.check();
            }
            _ => return outcomes.check(),
        };
        outcomes.check()?;
        let certainty = certainties(&[Some(&found)], 0, &Resampling::default())?;
        let certainty = certainty.into_iter().flatten().next();
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
        let writes = !folder.is_read_only();
        let mut files = Vec::new();
        if writes {
            files = cross_validation::write(&found, certainty.as_ref(), folder.path())?;
        }
        if asked.retrain {
            let retrained = retrain(
                &scheduler,
                &found,
                &mut outcomes,
                &protocol,
                asked.ensemble,
                &mut progress,
            )?;
            for retrained in retrained.iter() {
                value["final"] = final_model::json(retrained);
                tables.push(final_model::table(retrained));
                if writes {
                    let to = folder.path().join("final");
                    files.extend(final_model::write(retrained, folder, &to)?);
                    write_json(&to.join("final.json"), &value["final"])?;
                    files.push(to.join("final.json"));
                }
            }
        }
        if outcomes.unfinished() == 0 {
            outcomes.check()?;
        }
        if let Some(last) = tables.last_mut() {
            let note = format!("Median best epoch: {}.", found.median_best_epoch);
            last.notes.push(note);
        }
        let tables: Vec<&Table> = tables.iter().collect();
        self.plan
            .conclude(folder, &outcomes, &files, &mut value, &progress, &tables)?;
        outcomes.check()
    }
}
