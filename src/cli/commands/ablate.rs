//! `blendfuse ablate`.

use clap::Args;

use crate::Result;
use crate::cli::flags::plan::PlanArgs;
use crate::experiments;

/// Cross-validate the model without each of its parts
///
/// Rows: the full model as configured; without attention; also without dual heads (these three are
/// the paper's Table II); then one change each: no top-k selection, domain adaptation toggled, no
/// standardisation, binary cross-entropy for presence, a fixed temperature.
#[derive(Args, Debug)]
#[command(after_help = "\
Writes into --out: ablation.csv, ablation.json, tables.md, and trials/*/ID.json
for each trial.

Examples:
  blendfuse ablate DATA --out runs/ablate
  blendfuse ablate DATA --out runs/ablate --seeds 5 --resume
  blendfuse ablate DATA --out runs/ablate_small --config small.toml --jobs 2")]
pub struct Ablate {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    options: AblateArgs,
}

/// Its own flags.
#[derive(Args, Debug)]
pub struct AblateArgs {
    /// Keep every model's weights; otherwise only the full model's are kept
    #[arg(long)]
    keep_weights: bool,
}

impl Ablate {
    /// The flags that all plans have, and the study.
    pub fn into_parts(self) -> (PlanArgs, experiments::Ablate) {
        let keep_weights = self.options.keep_weights;
        (self.plan, experiments::Ablate { keep_weights })
    }

    /// Cross-validates the variants.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run(self) -> Result<()> {
        let (plan, study) = self.into_parts();
        plan.run(study).map(|_| ())
    }
}
