//! `blendfuse sweep` and `blendfuse tune`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::cli::flags::common::{Overwrite, at_least_one, quoted};
use crate::cli::flags::keys::Keyed;
use crate::cli::flags::plan::{PlanArgs, PlanCommand, Prepared};
use crate::cli::output::console;
use crate::cli::output::plan_progress::PlanProgress;
use crate::config::Config;
use crate::experiments::Protocol;
use crate::experiments::sweep::space::Parameter;
use crate::experiments::sweep::tune::{CONFIGURATIONS, usual_space, write_config};
use crate::experiments::sweep::{Search, Swept};
use crate::report::{Table, comparison, sweep};
use crate::{Error, Result};

/// The parameters to vary, and how.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct SweepArgs {
    /// Values of a configuration key: KEY=v1,v2,…, KEY=LOW..HIGH or KEY=LOW..HIGH:log; for a grid,
    /// KEY=LOW..HIGH/5 takes 5 values of a range; repeatable
    #[arg(long, value_name = "KEY=VALUES", value_parser = Keyed::<Parameter>::new(), hide_possible_values = true)]
    param: Vec<Parameter>,
    /// Try N random configurations instead of all combinations
    #[arg(long, value_name = "N", conflicts_with = "tpe", value_parser = at_least_one)]
    random: Option<NonZeroUsize>,
    /// Try N configurations sequentially with TPE, the tree-structured Parzen estimator of Bergstra
    /// et al. (2011)
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    tpe: Option<NonZeroUsize>,
}

impl SweepArgs {
    fn search(&self, otherwise: Search) -> Search {
        match (self.random, self.tpe) {
            (Some(count), _) => Search::Random(count.get()),
            (_, Some(count)) => Search::Tpe(count.get()),
            _ => otherwise,
        }
    }
}

/// Refuses a key that is given twice, and one that has a separate flag.
fn check(parameters: &[Parameter]) -> Result<()> {
    for (at, parameter) in parameters.iter().enumerate() {
        let fault = |reason: &str| {
            Err(Error::Config {
                field: format!("--param {parameter}"),
                reason: reason.into(),
            })
        };
        if parameters[..at].iter().any(|p| p.key == parameter.key) {
            return fault("this key is given twice; give all its values in one --param");
        }
        if parameter.key == "train.seed" {
            return fault(
                "the seed is not a parameter to choose; --seeds N trains everything with N seeds",
            );
        }
    }
    Ok(())
}

fn sweep_of(
    config: &Config,
    parameters: Vec<Parameter>,
    search: Search,
) -> crate::experiments::sweep::Sweep {
    crate::experiments::sweep::Sweep {
        base: config.clone(),
        parameters,
        search,
    }
}

/// Runs it and gives the table and its JSON.
fn run(
    plan: &PlanArgs,
    prepared: &Prepared,
    parameters: Vec<Parameter>,
    search: Search,
    progress: &mut PlanProgress,
) -> Result<(Swept, Table, Value)> {
    let (config, folder) = (&prepared.config, &prepared.folder);
    let opened = prepared.data.open(&config.data)?;
    let protocol = Protocol::of(&opened.dataset, config.train.seed, plan.seeds.get())?;
    let asked = sweep_of(config, parameters, search);
    let scheduler = plan.scheduler(folder, config);
    let found = asked.run(&scheduler, &prepared.data, &protocol, progress)?;
    for text in &found.same {
        progress.note(text);
    }
    let table = sweep::table(&found, search);
    let value = sweep::json(&found, &table);
    Ok((found, table, value))
}

/// Cross-validate the model for several values of any parameters
///
/// Tries all combinations of the given values, or a sample of them; each is cross-validated, and all
/// are compared with the best one on the same clips. Sweeping model.top_k gives the paper's Table V
/// and Figure 2.
#[derive(Args, Debug)]
#[command(after_help = "\
Writes into --out: sweep.csv, sweep.json, tables.md, and trials/*/ID.json for
each trial. Values that are equivalent, such as a top_k above the number of
encoders, share a row, with a note.

Examples:
  blendfuse sweep DATA --out runs/table5 \\
      --param model.top_k=2,10,16,20,22,28,30,36
  blendfuse sweep DATA --out runs/grid --param model.top_k=4..8 \\
      --param train.lr=1e-4..1e-2:log/3
  blendfuse sweep DATA --out runs/tpe --tpe 30 \\
      --param train.lr=1e-5..1e-2:log --param model.dropout=0..0.5
  blendfuse sweep DATA --out runs/gate --param model.gate=attention,uniform \\
      --seeds 5")]
pub struct Sweep {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    sweep: SweepArgs,
}

impl Sweep {
    /// The command as a plan's folder notes it.
    pub fn noted(plan: PlanArgs, sweep: SweepArgs) -> Self {
        Self { plan, sweep }
    }
}

impl PlanCommand for Sweep {
    fn plan(&mut self) -> &mut PlanArgs {
        &mut self.plan
    }

    fn run(&self) -> Result<()> {
        let parameters = &self.sweep.param;
        check(parameters)?;
        if parameters.is_empty() {
            return Err(Error::Config {
                field: "--param".into(),
                reason:
                    "nothing to sweep; expected at least one, as in --param model.top_k=2,10,22"
                        .into(),
            });
        }
        let search = self.sweep.search(Search::Grid);
        let prepared = self
            .plan
            .prepare_checked("sweep", &self.sweep, |config, _| {
                sweep_of(config, parameters.clone(), search).check()
            })?;
        let mut progress = PlanProgress::new();
        let (found, table, mut value) = run(
            &self.plan,
            &prepared,
            parameters.clone(),
            search,
            &mut progress,
        )?;
        let folder = &prepared.folder;
        let mut files = Vec::new();
        if self.plan.writes(folder, &found.outcomes) {
            files = comparison::write("sweep", &table, &value, folder.path())?;
        }
        self.plan.conclude(
            folder,
            &found.outcomes,
            &files,
            &mut value,
            &progress,
            &[&table],
        )?;
        found.outcomes.check()
    }
}

/// Choose hyper-parameters by cross-validation
///
/// Searches with the tree-structured Parzen estimator by default; the highest validation average
/// wins. Without --param it varies top_k (the paper's values), learning rate, weight decay, dropout
/// and the weight of the presence loss.
#[derive(Args, Debug)]
#[command(after_help = "\
Writes into --out: best.toml (all keys; for `train --config`), tune.csv,
tune.json, tables.md, and trials/*/ID.json for each trial. The average of the
best configuration is optimistically biased, because it was chosen by it. With
--resume and a higher --tpe, configurations already tried are not repeated.

Examples:
  blendfuse tune DATA --out runs/tune
  blendfuse tune DATA --out runs/tune --tpe 60 --resume
  blendfuse tune DATA --out runs/tune --param model.top_k=4..12 \\
      --param train.lr=1e-4..1e-2:log
  blendfuse train DATA --out runs/final --config runs/tune/best.toml")]
pub struct Tune {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    asked: TuneArgs,
    /// Also write the best configuration to this file
    #[arg(long, value_name = "FILE.toml")]
    write: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
}

/// What it is asked for beside what all plans are.
#[derive(Args, Clone, Debug, Serialize, Deserialize)]
pub struct TuneArgs {
    #[command(flatten)]
    #[serde(flatten)]
    sweep: SweepArgs,
    /// Try all combinations of the given values
    #[arg(long, requires = "param", conflicts_with_all = ["random", "tpe"])]
    grid: bool,
}

impl Tune {
    /// The command as a plan's folder notes it.
    pub fn noted(plan: PlanArgs, asked: TuneArgs) -> Self {
        Self {
            plan,
            asked,
            write: None,
            overwrite: Overwrite { force: false },
        }
    }
}

impl PlanCommand for Tune {
    fn plan(&mut self) -> &mut PlanArgs {
        &mut self.plan
    }

    fn run(&self) -> Result<()> {
        let sweep = &self.asked.sweep;
        check(&sweep.param)?;
        if let Some(path) = &self.write {
            self.overwrite.check("--write", path, &["toml"])?;
        }
        let search = match self.asked.grid {
            true => Search::Grid,
            false => sweep.search(Search::Tpe(CONFIGURATIONS)),
        };
        let given = &sweep.param;
        let prepared = self
            .plan
            .prepare_checked("tune", &self.asked, |config, _| {
                sweep_of(config, given.clone(), search).check()
            })?;
        let folder = &prepared.folder;
        let parameters = if given.is_empty() {
            let opened = prepared.data.open(&prepared.config.data)?;
            usual_space(opened.dataset.encoders.len())?
        } else {
            given.clone()
        };
        let mut progress = PlanProgress::new();
        let (found, table, mut value) =
            run(&self.plan, &prepared, parameters, search, &mut progress)?;
        let mut files = Vec::new();
        let writes = self.plan.writes(folder, &found.outcomes);
        if writes {
            files = comparison::write("tune", &table, &value, folder.path())?;
            found.outcomes.check()?;
        }
        let best = found
            .best
            .map(|best| (&found.rows[best], &found.tried[best]));
        if let Some((row, tried)) = best.filter(|_| writes) {
            let average = crate::experiments::sweep::average(row).unwrap_or_default();
            let comment = format!(
                "Chosen by `blendfuse tune` among {}: {}\nvalidation average {average:.4}",
                found.rows.len(),
                row.contender.candidate.name,
            );
            let path = folder.path().join("best.toml");
            write_config(&path, &tried.config, &comment)?;
            files.push(path);
            if let Some(path) = &self.write {
                write_config(path, &tried.config, &comment)?;
            }
        }
        self.plan.conclude(
            folder,
            &found.outcomes,
            &files,
            &mut value,
            &progress,
            &[&table],
        )?;
        if writes && !self.plan.json && !self.plan.executor.is_silent() {
            let path = folder.path().join("best.toml");
            console::print(&format!(
                "next: blendfuse train {} --out RUN --config {}\n",
                quoted(&self.plan.data),
                quoted(&path)
            ))?;
        }
        found.outcomes.check()
    }
}
