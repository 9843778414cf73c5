//! `blendfuse cv`.

use clap::Args;

use crate::Result;
use crate::cli::flags::plan::PlanArgs;
use crate::experiments;

/// Cross-validate the fusion model on the folds of the metadata
///
/// Each fold is held out once while the others train. Gives every fold's scores with mean and
/// standard deviation, predictions for every clip by the model that did not train on it, and one
/// setting of the thresholds for all folds.
#[derive(Args, Debug)]
#[command(after_help = "\
Writes into --out: summary.json, folds.csv, summary.csv, tables.md,
out_of_fold.json|csv|npz, and for each training trials/*/ID.json (result) and
trials/*/ID/ (weights: a run, as `train` makes it). With --retrain also final/:
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
    #[command(flatten)]
    options: CrossValidateArgs,
}

/// Its own flags.
#[derive(Args, Debug)]
pub struct CrossValidateArgs {
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
    /// The flags that all plans have, and the study.
    pub fn into_parts(self) -> (PlanArgs, experiments::CrossValidate) {
        let CrossValidateArgs {
            drop_weights,
            retrain,
            ensemble,
        } = self.options;
        let study = experiments::CrossValidate {
            drop_weights,
            retrain,
            ensemble,
        };
        (self.plan, study)
    }

    /// Cross-validates.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run(self) -> Result<()> {
        let (plan, study) = self.into_parts();
        plan.run(study).map(|_| ())
    }
}
