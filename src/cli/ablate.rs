//! `blendfuse ablate`.

use clap::Args;
use serde_json::json;

use super::args::quoted;
use super::console;
use super::plan_args::PlanArgs;
use super::plan_progress::PlanProgress;
use crate::Result;
use crate::experiments::Protocol;
use crate::experiments::ablate::variants;
use crate::experiments::comparison::compare;
use crate::report::comparison;
use crate::report::table::{write_json, write_markdown};

/// Cross-validate the model without each of its parts
///
/// The full model as configured; without attention; further without dual heads (these three are the
/// paper's Table II); then each alone: no top-k, domain adaptation switched, no standardisation,
/// binary cross-entropy for presence, a fixed temperature.
#[derive(Args, Debug)]
#[command(after_help = "\
Writes into --out: ablation.csv, ablation.json, tables.md, and trials/ID.json for each training.

Examples:
  blendfuse ablate DATA --out runs/ablate
  blendfuse ablate DATA --out runs/ablate --seeds 5 --resume
  blendfuse ablate DATA --out runs/ablate_small --config small.toml --jobs 2")]
pub struct Ablate {
    #[command(flatten)]
    plan: PlanArgs,
    /// Keep every model's weights; otherwise only the full model's stay
    #[arg(long)]
    keep_weights: bool,
}

impl Ablate {
    /// Ablates.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run(&self) -> Result<()> {
        let asked = json!({ "keep_weights": self.keep_weights });
        let prepared = self.plan.prepare("ablate", asked)?;
        let (config, folder) = (&prepared.config, &prepared.folder);
        let opened = prepared.data.open(&config.data)?;
        let seeds = self.plan.seeds.get();
        let protocol = Protocol::of(&opened.dataset, config.train.seed, seeds)?;
        let (mut contenders, left_out) = variants(config, &opened);
        for contender in &mut contenders {
            contender.candidate.keep_weights |= self.keep_weights;
        }
        let scheduler = self.plan.scheduler(folder, config);
        let mut progress = PlanProgress::new();
        let (rows, outcomes) = compare(&scheduler, contenders, &protocol, &mut progress)?;
        let mut table = comparison::table("Ablations, validation", &rows);
        if !left_out.is_empty() {
            table.notes.push(format!(
                "No row, because the configuration is so already: {}.",
                left_out.join("; ")
            ));
        }
        let [csv, markdown, json] =
            ["ablation.csv", "tables.md", "ablation.json"].map(|name| folder.path().join(name));
        table.write_csv(&csv)?;
        write_markdown(&markdown, &[&table])?;
        let mut value = json!({ "table": table.json(), "rows": comparison::json(&rows) });
        write_json(&json, &value)?;
        folder.wrote(&[csv, markdown, json])?;
        if self.plan.json {
            progress.add_to(&mut value);
            console::print_json(&value)?;
        } else {
            console::print(&format!(
                "{}\nwrote {}/: ablation.csv, ablation.json, tables.md\n",
                table.markdown(),
                quoted(&self.plan.out)
            ))?;
        }
        outcomes.check()
    }
}
