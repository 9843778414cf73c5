//! `blendfuse repro`.

use clap::Args;

use super::baseline::RecipeArgs;
use crate::Result;
use crate::cli::flags::plan::PlanArgs;
use crate::experiments::Reproduce;

/// Reproduce the paper's tables on your data, with a submission
///
/// Cross-validates, in one plan, the full model, the same with domain adaptation, the baselines of
/// Table I whose encoders the data have, the ablations of Table II and the values of top-k of Table V;
/// then trains those of Table I on all clips and predicts the test split. The configuration is the
/// base of all fusion models.
#[derive(Args, Debug)]
#[command(after_help = "\
Writes into --out: tables.md, tables.json, table_1.csv, table_2.csv,
table_5.csv, final/ and final_uda/ (models with their test predictions),
submission.zip (of the one with the higher validation average), and
trials/*/ID.json for each trial. --resume continues after an interruption; with
a higher --seeds it adds seeds. --quick takes little time, to check that
everything works.

Examples:
  blendfuse repro DATA --out runs/repro
  blendfuse repro DATA --out runs/repro --resume
  blendfuse repro DATA --out runs/repro --seeds 5 --resume
  blendfuse repro DATA --out runs/try --quick")]
pub struct Repro {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    options: ReproArgs,
}

/// Its own flags.
#[derive(Args, Debug)]
pub struct ReproArgs {
    /// Run at most 3 epochs and 3 values of top-k, to check that everything works; the results are
    /// meaningless
    #[arg(long)]
    quick: bool,
    /// Keep every model's weights; otherwise only those of Table I are kept
    #[arg(long)]
    keep_weights: bool,
    /// Leave Table I's baselines out
    #[arg(long)]
    no_baselines: bool,
    /// Leave out our own row for people whom training has not seen: --profile new-people
    #[arg(long)]
    no_new_people: bool,
    #[command(flatten)]
    recipe: RecipeArgs,
}

impl Repro {
    /// The flags that all plans have, and the study.
    ///
    /// # Errors
    /// As [`RecipeArgs::classifier`].
    pub fn into_parts(self) -> Result<(PlanArgs, Reproduce)> {
        let study = Reproduce {
            quick: self.options.quick,
            keep_weights: self.options.keep_weights,
            no_baselines: self.options.no_baselines,
            new_people: !self.options.no_new_people,
            classifier: self.options.recipe.classifier()?,
        };
        Ok((self.plan, study))
    }

    /// Reproduces the tables.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run(self) -> Result<()> {
        let (plan, study) = self.into_parts()?;
        plan.run(study).map(|_| ())
    }
}
