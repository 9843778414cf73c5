//! `blendfuse cv`.

use clap::Args;

use crate::Result;
use crate::cli::flags::plan::PlanArgs;
use crate::experiments;

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
    options: CrossValidateArgs,
}

/// Its own flags.
#[derive(Args, Debug)]
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
