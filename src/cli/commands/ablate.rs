//! `blendfuse ablate`.

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::Result;
use crate::cli::flags::plan::{PlanArgs, PlanCommand};
use crate::cli::output::plan_progress::PlanProgress;
use crate::experiments::Protocol;
use crate::experiments::ablate::variants;
use crate::experiments::comparison::{compare, compare_rows};
use crate::report::comparison;

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
    asked: AblateArgs,
}

/// What it is asked for beside what all plans are.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct AblateArgs {
    /// Keep every model's weights; otherwise only the full model's are kept
    #[arg(long)]
    keep_weights: bool,
}

impl Ablate {
    /// The command as a plan's folder notes it.
    pub fn noted(plan: PlanArgs, asked: AblateArgs) -> Self {
        Self { plan, asked }
    }
}

impl PlanCommand for Ablate {
    fn plan(&mut self) -> &mut PlanArgs {
        &mut self.plan
    }

    fn run(&self) -> Result<()> {
        let prepared = self.plan.prepare("ablate", &self.asked)?;
        let (config, folder) = (&prepared.config, &prepared.folder);
        let opened = prepared.data.open(&config.data)?;
        let seeds = self.plan.seeds.get();
        let protocol = Protocol::of(&opened.dataset, config.train.seed, seeds)?;
        let (mut contenders, left_out) = variants(config, &opened);
        for contender in &mut contenders {
            contender.candidate.keep_weights |= self.asked.keep_weights;
        }
        let scheduler = self.plan.scheduler(folder, config);
        let mut progress = PlanProgress::new();
        let (mut rows, outcomes) = compare(&scheduler, contenders, &protocol, &mut progress)?;
        compare_rows(&mut rows, 0)?;
        let mut table = comparison::table("Ablations, validation", &rows);
        comparison::note_unchanged(&mut table, &left_out);
        let mut value = json!({ "table": table.json(), "rows": comparison::json(&rows) });
        let mut files = Vec::new();
        if self.plan.writes(folder, &outcomes) {
            files = comparison::write("ablation", &table, &value, folder.path())?;
        }
        self.plan
            .conclude(folder, &outcomes, &files, &mut value, &progress, &[&table])?;
        outcomes.check()
    }
}
