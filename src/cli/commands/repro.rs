//! `blendfuse repro`.

use clap::Args;
use serde::{Deserialize, Serialize};

use super::baseline::RecipeArgs;
use crate::Result;
use crate::cli::flags::plan::{PlanArgs, PlanCommand};
use crate::cli::output::plan_progress::PlanProgress;
use crate::experiments::Protocol;
use crate::experiments::repro::{Reproduction, reproduce};
use crate::report::reproduction;

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
    asked: ReproArgs,
}

/// What it is asked for beside what all plans are.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
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
    #[command(flatten)]
    recipe: RecipeArgs,
}

impl Repro {
    /// The command as a plan's folder notes it.
    pub fn noted(plan: PlanArgs, asked: ReproArgs) -> Self {
        Self { plan, asked }
    }
}

impl PlanCommand for Repro {
    fn plan(&mut self) -> &mut PlanArgs {
        &mut self.plan
    }

    fn run(&self) -> Result<()> {
        let recipe = self.asked.recipe.recipe()?;
        let model = self.asked.recipe.baseline_model;
        let baselines = (!self.asked.no_baselines).then_some((model, recipe));
        let prepared = self.plan.prepare("repro", &self.asked)?;
        let (config, folder) = (&prepared.config, &prepared.folder);
        let opened = prepared.data.open(&config.data)?;
        let encoders = opened.dataset.encoders.len();
        let seeds = self.plan.seeds.get();
        let protocol = Protocol::of(&opened.dataset, config.train.seed, seeds)?;
        let mut asked = Reproduction::new(config, encoders);
        asked.baselines = baselines;
        if self.asked.quick {
            asked = asked.quick();
        }
        asked.keep_weights = self.asked.keep_weights;
        let scheduler = self.plan.scheduler(folder, config);
        let mut progress = PlanProgress::new();
        let found = reproduce(&scheduler, &asked, &opened, &protocol, &mut progress)?;
        let mut files = Vec::new();
        if self.plan.writes(folder, &found.outcomes) {
            files = reproduction::write(&found, folder)?;
        }
        let mut value = reproduction::json(&found);
        let [one, two, five] = reproduction::tables(&found);
        self.plan.conclude(
            folder,
            &found.outcomes,
            &files,
            &mut value,
            &progress,
            &[&one, &two, &five],
        )?;
        found.outcomes.check()
    }
}
