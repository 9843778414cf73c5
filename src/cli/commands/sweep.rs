//! `blendfuse sweep` and `blendfuse tune`.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::flags::common::{Overwrite, at_least_one};
use crate::cli::flags::keys::Parsed;
use crate::cli::flags::plan::PlanArgs;
use crate::experiments;
use crate::experiments::sweep::Search;
use crate::experiments::sweep::parameter::Parameter;
use crate::files::atomic_file;
use crate::report::StudyReport;
use crate::{Error, Result};

/// The parameters to vary, and how.
#[derive(Args, Debug)]
pub struct SweepArgs {
    /// Values of a configuration key: KEY=v1,v2,…, KEY=LOW..HIGH or KEY=LOW..HIGH:log; for a grid,
    /// KEY=LOW..HIGH/5 takes 5 values of a range; repeatable
    #[arg(long, value_name = "KEY=VALUES", value_parser = Parsed::<Parameter>::with_key(), hide_possible_values = true)]
    param: Vec<Parameter>,
    /// Try N random configurations instead of all combinations
    #[arg(long, value_name = "N", conflicts_with = "tpe", value_parser = at_least_one)]
    random: Option<NonZeroUsize>,
    /// Try N configurations sequentially with TPE, the tree-structured Parzen estimator of Bergstra
    /// et al. (2011)
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    tpe: Option<NonZeroUsize>,
    /// Keep every model's weights, which analyze needs; otherwise none are kept
    #[arg(long)]
    keep_weights: bool,
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

/// Cross-validate the model for several values of any parameters
///
/// Tries all combinations of the given values, or a sample of them; each is cross-validated, and all
/// are compared on the same clips with the configuration given by --config and --set, where it is one
/// of them, or else with the first. Sweeping model.top_k gives the paper's Table V; `report` draws its
/// Figure 2, and the same curve for any other number.
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
    /// The flags that all plans have, and the study.
    ///
    /// # Errors
    /// As [`experiments::Sweep::check`].
    pub fn into_parts(self) -> Result<(PlanArgs, experiments::Sweep)> {
        let study = experiments::Sweep {
            search: self.sweep.search(Search::Grid),
            keep_weights: self.sweep.keep_weights,
            parameters: self.sweep.param,
        };
        study.check()?;
        Ok((self.plan, study))
    }

    /// Cross-validates the configurations.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run(self) -> Result<()> {
        let (plan, study) = self.into_parts()?;
        plan.run(study).map(|_| ())
    }
}

/// Choose hyper-parameters by cross-validation
///
/// Searches with the tree-structured Parzen estimator by default; the highest validation average
/// wins. Without --param it varies top_k (from 1 to all encoders), learning rate, weight decay, dropout
/// and the weights of the two losses, which sum to 1.
#[derive(Args, Debug)]
#[command(after_help = "\
Writes into --out: best.toml (all keys; for `train --config`), tune.csv,
tune.json, tables.md, and trials/*/ID.json for each trial. The average of the
best configuration is optimistically biased, because it was chosen by it;
--nested estimates the tuned model without that bias. With --resume and a
higher --tpe, configurations already tried are not repeated.

Examples:
  blendfuse tune DATA --out runs/tune
  blendfuse tune DATA --out runs/tune --tpe 60 --resume
  blendfuse tune DATA --out runs/tune --resume --nested
  blendfuse tune DATA --out runs/tune --param model.top_k=4..12 \\
      --param train.lr=1e-4..1e-2:log
  blendfuse train DATA --out runs/final --config runs/tune/best.toml")]
pub struct Tune {
    #[command(flatten)]
    plan: PlanArgs,
    #[command(flatten)]
    options: TuneArgs,
    /// Also write the best configuration to this file
    #[arg(long, value_name = "FILE.toml")]
    write: Option<PathBuf>,
    #[command(flatten)]
    overwrite: Overwrite,
}

/// Its own flags.
#[derive(Args, Debug)]
pub struct TuneArgs {
    #[command(flatten)]
    sweep: SweepArgs,
    /// Try all combinations of the given values
    #[arg(long, requires = "param", conflicts_with_all = ["random", "tpe"])]
    grid: bool,
    /// Also repeat the search without each fold in turn and score the model that it chooses on that fold:
    /// an unbiased estimate, for as many searches more as there are folds
    #[arg(long)]
    nested: bool,
}

impl Tune {
    /// The flags that all plans have, and the study.
    ///
    /// # Errors
    /// As [`experiments::Tune::check`].
    pub fn into_parts(self) -> Result<(PlanArgs, experiments::Tune)> {
        let TuneArgs {
            sweep,
            grid,
            nested,
        } = self.options;
        let study = experiments::Tune {
            search: match grid {
                true => Search::Grid,
                false => sweep.search(experiments::Tune::default().search),
            },
            keep_weights: sweep.keep_weights,
            parameters: sweep.param,
            nested,
        };
        study.check()?;
        Ok((self.plan, study))
    }

    /// Searches.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run(mut self) -> Result<()> {
        let write = self.write.take();
        if let Some(path) = &write {
            self.overwrite.check("--write", path, &["toml"])?;
        }
        let (plan, study) = self.into_parts()?;
        let chosen = study.chosen_configuration().map(|name| plan.out.join(name));
        let files = plan.run(study)?.unwrap_or_default();
        match (write, chosen) {
            (Some(to), Some(chosen)) if files.contains(&chosen) => copy(&chosen, &to),
            _ => Ok(()),
        }
    }
}

/// Copies a file, whole or not at all.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let text = std::fs::read(from).map_err(|source| Error::Read {
        path: from.to_owned(),
        source,
    })?;
    atomic_file::write(to, |file| file.write_all(&text))
}
