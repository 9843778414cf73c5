//! The paper's tables with one's own data: every cross-validation in one plan, then the final models.

use std::sync::Arc;

use super::ablate::of_the_paper;
use super::comparison::{Contender, Row, compare};
use super::cross_validate::Protocol;
use super::data_folder::Opened;
use super::paper::{TABLE_5, table_2};
use super::retrain::{Retrained, Retraining, retrain};
use super::schedule::{Outcomes, PlanObserver, Scheduler};
use crate::error::Result;
use crate::model::Config;

/// What a reproduction takes.
#[derive(Clone, Debug)]
pub struct Reproduction {
    /// The base: the full model without domain adaptation.
    pub base: Config,
    /// How many encoders are kept, one cross-validation each (Table V).
    pub kept: Vec<usize>,
    /// Whether the weights of every model are kept; otherwise those of Table I alone.
    pub keep_weights: bool,
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
        }
    }

    /// The same in little time, to see that everything runs: at most 3 epochs and 3 values of k.
    pub fn quick(mut self) -> Self {
        self.base.train.max_epochs = self.base.train.max_epochs.min(3);
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
    /// The fusion model without and with domain adaptation (Table I).
    pub models: Vec<Row>,
    /// Both, trained on all clips; the reason where one could not be.
    pub finals: Vec<std::result::Result<Retrained, String>>,
    /// Which of `models` has the highest validation average.
    pub selected: Option<usize>,
    /// The full model and the ablations (Table II).
    pub ablations: Vec<Row>,
    /// How many encoders are kept, and its row (Table V).
    pub kept: Vec<(usize, Row)>,
    /// Everything that was run.
    pub outcomes: Outcomes,
}

/// Names of the two models of Table I.
const MODELS: [&str; 2] = ["all encoders", "all encoders, with UDA"];

/// Runs everything.
///
/// # Errors
/// As [`compare`] and [`retrain`]. A failed trial leaves a reason in its row, and
/// [`Outcomes::check`] tells.
pub fn reproduce(
    scheduler: &Scheduler<'_>,
    reproduction: &Reproduction,
    data: &Arc<Opened>,
    protocol: &Protocol,
    observer: &mut dyn PlanObserver,
) -> Result<Reproduced> {
    let base = &reproduction.base;
    let of =
        |name: &str, config: &Config, paper| Contender::fusion(name, config, base, data, paper);
    let mut adapted = base.clone();
    adapted.uda.enabled = true;
    let mut contenders = vec![
        of(MODELS[0], base, Some(table_2::FULL)).keeping_weights(),
        of(MODELS[1], &adapted, None).keeping_weights(),
    ];
    let models = contenders.len();
    contenders.push(of("full model", base, Some(table_2::FULL)));
    for (name, change, paper) in of_the_paper() {
        let mut config = base.clone();
        change(&mut config);
        contenders.push(of(name, &config, paper));
    }
    let ablations = contenders.len() - models;
    for &k in &reproduction.kept {
        let mut config = base.clone();
        config.model.top_k = k;
        let paper = TABLE_5.iter().find(|(of_paper, _)| *of_paper == k);
        let name = format!("k = {k}");
        contenders.push(of(&name, &config, paper.map(|(_, average)| *average)));
    }
    for contender in &mut contenders {
        contender.candidate.keep_weights |= reproduction.keep_weights;
    }
    let (rows, mut outcomes) = compare(scheduler, contenders, protocol, observer)?;
    let mut rows = rows.into_iter();
    let models: Vec<Row> = rows.by_ref().take(models).collect();
    let ablations: Vec<Row> = rows.by_ref().take(ablations).collect();
    let kept = reproduction.kept.iter().copied().zip(rows).collect();

    let found: Vec<_> = models
        .iter()
        .filter_map(|row| row.found.as_ref().ok())
        .collect();
    let retraining = Retraining {
        seeds: &protocol.seeds,
        ensemble: true,
    };
    let (mut trained, more) = retrain(scheduler, &found, &outcomes, &retraining, observer)?;
    outcomes.extend(more);
    trained.reverse();
    let finals = models
        .iter()
        .map(|row| match &row.found {
            Ok(_) => trained
                .pop()
                .unwrap_or_else(|| Err("was not trained on all clips".into())),
            Err(reason) => Err(reason.clone()),
        })
        .collect();
    let mut selected: Option<(usize, f64)> = None;
    for (i, row) in models.iter().enumerate() {
        if let Ok(found) = &row.found {
            let average = found.summary.average.mean;
            if selected.is_none_or(|(_, best)| average > best) {
                selected = Some((i, average));
            }
        }
    }
    Ok(Reproduced {
        models,
        finals,
        selected: selected.map(|(i, _)| i),
        ablations,
        kept,
        outcomes,
    })
}
