//! `blendfuse baseline`.

use clap::{Args, ValueEnum};

use crate::baseline::{BaselineModel, ClassifierSpec, Recipe};
use crate::cli::flags::common::as_flag;
use crate::cli::flags::keys::Parsed;
use crate::cli::flags::plan::PlanArgs;
use crate::experiments::CompareBaselines;
use crate::{Error, Result};

/// The challenge's recipe for classifiers, possibly modified.
#[derive(Args, Clone, Copy, Debug)]
pub struct RecipeArgs {
    /// Classifier for the rows of Table I: linear, mlp-256, mlp-512 or any other width
    #[arg(long, value_name = "MODEL", default_value = "mlp-512", value_parser = Parsed::<BaselineModel>::new())]
    baseline_model: BaselineModel,
    /// Epochs of a baseline's classifier [default: 200]
    #[arg(long, value_name = "N")]
    baseline_epochs: Option<usize>,
    /// Learning rate of a baseline's classifier (Adam) [default: 5e-6]
    #[arg(long, value_name = "X")]
    baseline_lr: Option<f64>,
    /// L2 penalty of a baseline's classifier [default: 0.001]
    #[arg(long, value_name = "X")]
    baseline_weight_decay: Option<f64>,
    /// Batch size of a baseline's classifier [default: 32]
    #[arg(long, value_name = "N")]
    baseline_batch_size: Option<usize>,
}

impl RecipeArgs {
    /// The classifier with its recipe, checked.
    ///
    /// # Errors
    /// As [`Recipe::check`].
    pub fn classifier(self) -> Result<ClassifierSpec> {
        let default = Recipe::default();
        let recipe = Recipe {
            lr: self.baseline_lr.unwrap_or(default.lr),
            weight_decay: self.baseline_weight_decay.unwrap_or(default.weight_decay),
            batch_size: self.baseline_batch_size.unwrap_or(default.batch_size),
            epochs: self.baseline_epochs.unwrap_or(default.epochs),
        };
        let checked = recipe.check();
        checked.map_err(|error| as_flag("baseline", error))?;
        Ok(ClassifierSpec {
            model: self.baseline_model,
            recipe,
        })
    }

    /// Whether any value of the recipe was given.
    fn is_given(self) -> bool {
        self.baseline_epochs.is_some()
            || self.baseline_lr.is_some()
            || self.baseline_weight_decay.is_some()
            || self.baseline_batch_size.is_some()
    }
}

/// How learning rate and length of classifiers are decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum RecipeChoice {
    /// Both are chosen inside the training folds
    Chosen,
    /// The challenge's: 200 epochs at 5e-6, or what the --baseline- flags give
    Challenge,
}

/// Compare baselines with the fusion model
///
/// Trivial baselines counted on the training folds; logistic regression and a random forest on one
/// encoder and on all concatenated (early fusion), the penalty chosen inside the training folds; linear
/// and one-hidden-layer classifiers (softmax, KL divergence, Adam), their learning rate and length chosen
/// there too or, with --recipe challenge, those of the challenge; and all encoders fused with equal
/// weights. Thresholds are searched on each held-out fold for every row, 20 × 20 for baselines. If there is a
/// labelled test split, each is also trained on all clips and scored there. All rows are compared
/// with the first one on the same clips.
#[derive(Args, Debug)]
#[command(after_help = "\
Names for --baseline:
  fusion                   the fusion model as configured
  uniform-fusion           the same with equal weights for all encoders
  trivial-single           always the most frequent single emotion
  trivial-blend            always the most frequent blend
  logistic:ENCODER         logistic regression on the features of an encoder
  forest:ENCODER           random forest of 100 trees
  linear:ENCODER           a linear layer, trained epoch by epoch
  mlp-512:ENCODER          one hidden layer of this or any other width
  mlp-512:ENCODER+ENCODER  on several concatenated encoders
  linear:*                 one row per encoder
  linear:+                 all encoders concatenated
Default: fusion, both trivial ones, logistic:+, logistic:*, forest:+, forest:*,
linear:+, --baseline-model on all encoders, uniform-fusion. With --recipe
challenge, or any of --baseline-epochs, -lr, -weight-decay, -batch-size: fusion,
both trivial ones, Table I's (--baseline-model on ImageBind, ImageBind + WavLM,
HiCMAE, VideoMAE v2 + HuBERT, those that the data have; if none, on each
encoder), uniform-fusion.

Writes into --out: baseline.csv, baseline.json, tables.md, and trials/*/ID.json
for each trial.

Examples:
  blendfuse baseline DATA --out runs/baseline
  blendfuse baseline DATA --out runs/baseline --seeds 5 --resume
  blendfuse baseline DATA --out runs/challenge --recipe challenge
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
    /// Where learning rate and epochs of classifiers come from [default: chosen; challenge with any of
    /// the flags for them]
    #[arg(long, value_name = "RECIPE", value_enum)]
    recipe: Option<RecipeChoice>,
    #[command(flatten)]
    values: RecipeArgs,
    /// Keep every fusion model's weights, which analyze needs; otherwise none are kept
    #[arg(long)]
    keep_weights: bool,
}

impl Baseline {
    /// The flags that all plans have, and the study.
    ///
    /// # Errors
    /// As [`RecipeArgs::classifier`].
    pub fn into_parts(self) -> Result<(PlanArgs, CompareBaselines)> {
        let BaselineArgs {
            baseline,
            recipe,
            values,
            keep_weights,
        } = self.options;
        if recipe == Some(RecipeChoice::Chosen) && values.is_given() {
            return Err(Error::Data(
                "--recipe: found chosen together with a value of the recipe; what is chosen inside the training folds cannot be given, so leave one of the two out".into(),
            ));
        }
        let fixed = recipe == Some(RecipeChoice::Challenge) || values.is_given();
        let study = CompareBaselines {
            names: baseline,
            classifier: values.classifier()?,
            chosen_recipe: !fixed,
            keep_weights,
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
