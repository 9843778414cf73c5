//! `blendfuse baseline`.

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Result;
use crate::baseline::{BaselineModel, Recipe};
use crate::cli::flags::common::as_flag;
use crate::cli::flags::keys::Plain;
use crate::cli::flags::plan::{PlanArgs, PlanCommand};
use crate::cli::output::console;
use crate::cli::output::plan_progress::PlanProgress;
use crate::experiments::Protocol;
use crate::experiments::comparison::{compare, compare_rows};
use crate::experiments::line_up::line_up;
use crate::report::comparison;

/// The challenge's recipe for classifiers, possibly modified.
#[derive(Args, Clone, Copy, Debug, Serialize, Deserialize)]
pub struct RecipeArgs {
    /// Classifier for the rows of Table I: linear, mlp-256, mlp-512 or any other width
    #[arg(long, value_name = "MODEL", default_value = "mlp-512", value_parser = Plain::<BaselineModel>::new())]
    pub baseline_model: BaselineModel,
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
    /// The recipe, checked.
    ///
    /// # Errors
    /// As [`Recipe::check`].
    pub fn recipe(self) -> Result<Recipe> {
        let recipe = Recipe {
            lr: self.baseline_lr,
            weight_decay: self.baseline_weight_decay,
            batch_size: self.baseline_batch_size,
            epochs: self.baseline_epochs,
        };
        let checked = recipe.check();
        checked.map_err(|error| as_flag("baseline", error))?;
        Ok(recipe)
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
    asked: BaselineArgs,
}

/// What it is asked for beside what all plans are.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct BaselineArgs {
    /// Baseline to run, by the names below; repeatable
    #[arg(long, value_name = "NAME")]
    baseline: Vec<String>,
    #[command(flatten)]
    recipe: RecipeArgs,
}

impl Baseline {
    /// The command as a plan's folder notes it.
    pub fn noted(plan: PlanArgs, asked: BaselineArgs) -> Self {
        Self { plan, asked }
    }
}

impl PlanCommand for Baseline {
    fn plan(&mut self) -> &mut PlanArgs {
        &mut self.plan
    }

    fn run(&self) -> Result<()> {
        let asked = &self.asked;
        let recipe = asked.recipe.recipe()?;
        let model = asked.recipe.baseline_model;
        let prepared = self
            .plan
            .prepare_checked("baseline", asked, |config, data| {
                let rows = line_up(&asked.baseline, config, data, model, &recipe);
                rows.map(|_| ()).map_err(|error| as_flag("baseline", error))
            })?;
        let (config, folder) = (&prepared.config, &prepared.folder);
        let opened = prepared.data.open(&config.data)?;
        let seeds = self.plan.seeds.get();
        let protocol = Protocol::of(&opened.dataset, config.train.seed, seeds)?;
        let found = line_up(&asked.baseline, config, &opened, model, &recipe)?;
        for row in &found.left_out {
            console::note(&format!("left out, {row}"));
        }
        let scheduler = self.plan.scheduler(folder, config);
        let mut progress = PlanProgress::new();
        let (mut rows, outcomes) = compare(&scheduler, found.contenders, &protocol, &mut progress)?;
        compare_rows(&mut rows, 0)?;
        let mut table = comparison::table("Baselines, validation and test", &rows);
        let left_out = found.left_out.iter();
        table
            .notes
            .extend(left_out.map(|row| format!("LEFT OUT, {row}.")));
        let mut value = json!({
            "table": table.json(),
            "rows": comparison::json(&rows),
            "left_out": found.left_out,
        });
        let mut files = Vec::new();
        if self.plan.writes(folder, &outcomes) {
            files = comparison::write("baseline", &table, &value, folder.path())?;
        }
        self.plan
            .conclude(folder, &outcomes, &files, &mut value, &progress, &[&table])?;
        outcomes.check()
    }
}
