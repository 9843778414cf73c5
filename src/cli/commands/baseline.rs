//! `blendfuse baseline`.

use clap::Args;

use crate::Result;
use crate::baseline::{BaselineModel, ClassifierSpec, Recipe};
use crate::cli::flags::common::as_flag;
use crate::cli::flags::keys::Parsed;
use crate::cli::flags::plan::PlanArgs;
use crate::experiments::CompareBaselines;

/// The challenge's recipe for classifiers, possibly modified.
#[derive(Args, Clone, Copy, Debug)]
pub struct RecipeArgs {
    /// Classifier for the rows of Table I: linear, mlp-256, mlp-512 or any other width
    #[arg(long, value_name = "MODEL", default_value = "mlp-512", value_parser = Parsed::<BaselineModel>::new())]
    baseline_model: BaselineModel,
    /// Epochs of a baseline's classifier
    #[arg(long, value_name = "N", default_value_t = Recipe::default().epochs)]
    baseline_epochs: usize,
    /// Learning rate of a baseline's classifier (Adam) [default: 5e-6]
    #[arg(long, value_name = "X", default_value_t = Recipe::default().lr, hide_default_value = true)]
    baseline_lr: f64,
    /// L2 penalty of a baseline's classifier
    #[arg(long, value_name = "X", default_value_t = Recipe::default().weight_decay)]
    baseline_weight_decay: f64,
    /// Batch size of a baseline's classifier
    #[arg(long, value_name = "N", default_value_t = Recipe::default().batch_size)]
    baseline_batch_size: usize,
}

impl RecipeArgs {
    /// The classifier with its recipe, checked.
    ///
    /// # Errors
    /// As [`Recipe::check`].
    pub fn classifier(self) -> Result<ClassifierSpec> {
        let recipe = Recipe {
            lr: self.baseline_lr,
            weight_decay: self.baseline_weight_decay,
            batch_size: self.baseline_batch_size,
            epochs: self.baseline_epochs,
        };
        let checked = recipe.check();
        checked.map_err(|error| as_flag("baseline", error))?;
        Ok(ClassifierSpec {
            model: self.baseline_model,
            recipe,
        })
    }
}

/// Compare the challenge's baselines with the fusion model
///
/// Trivial baselines counted on the training folds; linear and one-hidden-layer classifiers on one
/// encoder or several concatenated ones (early fusion), by the challenge's recipe (softmax, KL
/// divergence, Adam, 20 × 20 thresholds); and all encoders fused with equal weights. If there is a
/// labelled test split, each is also trained on all clips and scored there. All rows are compared
/// with the first one on the same clips.
#[derive(Args, Debug)]
#[command(after_help = "\
Names for --baseline:
  fusion                   the fusion model as configured
  uniform-fusion           the same with equal weights for all encoders
  trivial-single           always the most frequent single emotion
  trivial-blend            always the most frequent blend
  linear:ENCODER           a linear layer on the features of an encoder
  mlp-512:ENCODER          one hidden layer of this or any other width
  mlp-512:ENCODER+ENCODER  on several concatenated encoders
  linear:*                 one row per encoder
  linear:+                 all encoders concatenated
Default: fusion, both trivial ones, Table I's (--baseline-model on ImageBind,
ImageBind + WavLM, HiCMAE, VideoMAE v2 + HuBERT, those that the data have; if
none, on each encoder), uniform-fusion.

Writes into --out: baseline.csv, baseline.json, tables.md, and trials/*/ID.json
for each trial.

Examples:
  blendfuse baseline DATA --out runs/baseline
  blendfuse baseline DATA --out runs/baseline --seeds 5 --resume
  blendfuse baseline DATA --out runs/linear --baseline fusion \\
      --baseline 'linear:*' --baseline-epochs 50")]
pub struct Baseline {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    options: BaselineArgs,
}

/// Its own flags.
#[derive(Args, Debug)]
pub struct BaselineArgs {
    /// Baseline to run, by the names below; repeatable
    #[arg(long, value_name = "NAME")]
    baseline: Vec<String>,
    #[command(flatten)]
    recipe: RecipeArgs,
}

impl Baseline {
    /// The flags that all plans have, and the study.
    ///
    /// # Errors
    /// As [`RecipeArgs::classifier`].
    pub fn into_parts(self) -> Result<(PlanArgs, CompareBaselines)> {
        let study = CompareBaselines {
            names: self.options.baseline,
            classifier: self.options.recipe.classifier()?,
        };
        Ok((self.plan, study))
    }

    /// Cross-validates the rows.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run(self) -> Result<()> {
        let (plan, study) = self.into_parts()?;
        plan.run(study).map(|_| ())
    }
}
