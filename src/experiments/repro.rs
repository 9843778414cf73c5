//! The paper's tables with one's own data: every cross-validation in one plan, then the final models.

use std::sync::Arc;

use super::ablate::variants;
use super::comparison::{Contender, Final, Row, compare, compare_rows};
use super::cross_validate::Protocol;
use super::paper::{TABLE_5, table_1};
use super::table_1::baselines;
use crate::baseline::{BaselineModel, Recipe};
use crate::config::Config;
use crate::error::Result;
use crate::plan::data_folder::Opened;
use crate::plan::outcomes::Outcomes;
use crate::plan::run::schedule::{PlanObserver, Scheduler};

/// What a reproduction takes.
#[derive(Clone, Debug)]
pub struct Reproduction {
    /// The base: the full model without domain adaptation.
    pub base: Config,
    /// How many encoders are kept, one cross-validation each (Table V).
    pub kept: Vec<usize>,
    /// Whether the weights of every model are kept; otherwise those of Table I alone.
    pub keep_weights: bool,
    /// The classifier of Table I's baselines and how it learns; none: no baselines.
    pub baselines: Option<(BaselineModel, Recipe)>,
}

impl Reproduction {
    /// The paper's, with one's own configuration as the base.
    pub fn new(config: &Config, encoders: usize) -> Self {
        let mut base = config.clone();
        base.uda.enabled = false;
        let mut kept: Vec<usize> = TABLE_5.iter().map(|&(k, _)| k.min(encoders)).collect();
        kept.dedup();
        Self {
            base,
            kept,
            keep_weights: false,
            baselines: Some((BaselineModel::Mlp { width: 512 }, Recipe::default())),
        }
    }

    /// The same in little time, to see that everything runs: at most 3 epochs and 3 values of k.
    pub fn quick(mut self) -> Self {
        self.base.train.max_epochs = self.base.train.max_epochs.min(3);
        if let Some((_, recipe)) = &mut self.baselines {
            recipe.epochs = recipe.epochs.min(3);
        }
        if let (Some(&first), Some(&last)) = (self.kept.first(), self.kept.last()) {
            let middle = self.kept[self.kept.len() / 2];
            self.kept = vec![first, middle, last];
            self.kept.dedup();
        }
        self
    }
}

/// The tables' contents.
#[derive(Debug)]
pub struct Reproduced {
    /// The fusion model without and with domain adaptation, then the baselines (Table I); all are
    /// compared with the first, and all are trained on all clips too.
    pub models: Vec<Row>,
    /// Baselines of Table I that the data do not allow, and why.
    pub left_out: Vec<String>,
    /// Which of the fusion models has the highest validation average.
    pub selected: Option<usize>,
    /// The full model and the ablations (Table II, and more).
    pub ablations: Vec<Row>,
    /// Ablations that the base leaves nothing to change for.
    pub unchanged: Vec<String>,
    /// How many encoders are kept, and its row (Table V).
    pub kept: Vec<(usize, Row)>,
    /// Everything that was run.
    pub outcomes: Outcomes,
}

/// Names of the two models of Table I.
pub const MODELS: [&str; 2] = ["all encoders", "all encoders, with UDA"];

/// Runs everything.
///
/// # Errors
/// As [`compare`] and [`compare_rows`]. A failed trial leaves a reason in its row, and
/// [`Outcomes::check`] tells.
pub fn reproduce(
    scheduler: &Scheduler<'_>,
    reproduction: &Reproduction,
    data: &Arc<Opened>,
    protocol: &Protocol,
    observer: &mut dyn PlanObserver,
) -> Result<Reproduced> {
    let base = &reproduction.base;
    let of = |name: &str, config: &Config, paper| {
        let contender = Contender::fusion(name, config, base, data, paper);
        contender
            .keeping_weights()
            .followed_by(Final::ModelAndEnsemble)
    };
    let mut adapted = base.clone();
    adapted.uda.enabled = true;
    let mut contenders = vec![
        of(MODELS[0], base, Some(table_1::ALL_ENCODERS)),
        of(MODELS[1], &adapted, Some(table_1::WITH_UDA)),
    ];
    let mut left_out = Vec::new();
    if let Some((model, recipe)) = &reproduction.baselines {
        let found = baselines(data, *model, recipe);
        let followed = found.contenders.into_iter();
        contenders.extend(followed.map(|contender| contender.followed_by(Final::Model)));
        left_out = found.left_out;
    }
    let models = contenders.len();
    let (ablations, unchanged) = variants(base, data);
    contenders.extend(ablations);
    let ablations = contenders.len() - models;
    for &k in &reproduction.kept {
        let mut config = base.clone();
        config.model.top_k = k;
        let paper = TABLE_5.iter().find(|(of_paper, _)| *of_paper == k);
        let name = format!("k = {k}");
        let paper = paper.map(|(_, average)| *average);
        contenders.push(Contender::fusion(&name, &config, base, data, paper));
    }
    for contender in &mut contenders {
        contender.candidate.keep_weights |= reproduction.keep_weights;
    }
    let (rows, outcomes) = compare(scheduler, contenders, protocol, observer)?;
    let mut rows = rows.into_iter();
    let mut models: Vec<Row> = rows.by_ref().take(models).collect();
    compare_rows(&mut models, 0)?;
    let mut ablations: Vec<Row> = rows.by_ref().take(ablations).collect();
    compare_rows(&mut ablations, 0)?;
    let mut kept: Vec<Row> = rows.collect();
    let encoders = data.dataset.encoders.len();
    let planned = base.model.top_k.min(encoders);
    let reference = reproduction.kept.iter().position(|&k| k == planned);
    compare_rows(&mut kept, reference.unwrap_or_default())?;

    let mut selected: Option<(usize, f64)> = None;
    for (i, row) in models.iter().enumerate().take(MODELS.len()) {
        if let Ok(found) = &row.found {
            let average = found.summary.average.mean;
            if selected.is_none_or(|(_, best)| average > best) {
                selected = Some((i, average));
            }
        }
    }
    Ok(Reproduced {
        models,
        left_out,
        selected: selected.map(|(i, _)| i),
        ablations,
        unchanged,
        kept: reproduction.kept.iter().copied().zip(kept).collect(),
        outcomes,
    })
}
