//! The score against k, the number of encoders that are kept.

use serde::Serialize;

use super::main_score::main_measure;
use super::run::AnalysedRun;
use crate::config::Config;
use crate::config::Gate;
use crate::experiments::score::{mean, sample_std};

/// The score at one value of k.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TopKScore {
    /// The number of kept encoders, k.
    pub kept: usize,
    /// The main measure of the run's task in each fold (with several seeds, their mean).
    pub folds: Vec<f64>,
    /// Their mean.
    pub mean: f64,
    /// Their sample standard deviation; `None` for a single fold.
    pub std: Option<f64>,
}

/// Figure 2 of the paper: everything except k as in the analysed configuration.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct TopKCurve {
    /// By k, ascending.
    pub scores: Vec<TopKScore>,
    /// The score of the uniform gate, if the plan has it.
    pub uniform: Option<TopKScore>,
}

/// How a trial's configuration differs from the analysed one.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Differs {
    Kept(usize),
    Uniform,
    Otherwise,
}

fn differs(config: &Config, base: &Config) -> Differs {
    let mut same = config.clone();
    same.train.seed = base.train.seed;
    same.train.checkpoint_seconds = base.train.checkpoint_seconds;
    let kept = same.model.top_k;
    same.model.top_k = base.model.top_k;
    let changes = same.changes_from(base);
    if changes.is_empty() {
        Differs::Kept(kept)
    } else if config.model.gate == Gate::Uniform && changes.len() == 1 && kept == base.model.top_k {
        Differs::Uniform
    } else {
        Differs::Otherwise
    }
}

/// The curve from the results of a plan; empty if there are none.
pub fn top_k_curve(run: &AnalysedRun) -> TopKCurve {
    let base = run.config();
    let main = main_measure(run);
    let encoders = run.models[0].predictor.description().encoders.len();
    let mut by_kind: std::collections::BTreeMap<usize, Vec<(usize, f64)>> = Default::default();
    let mut uniform = Vec::new();
    for result in &run.results {
        let (Some(config), Some(fold), Some(value)) = (
            result.trial.kind.config(),
            result.trial.fold,
            result.measure(main),
        ) else {
            continue;
        };
        let scored = (fold, value);
        match differs(config, base) {
            Differs::Kept(kept) => by_kind.entry(kept).or_default().push(scored),
            Differs::Uniform => uniform.push(scored),
            Differs::Otherwise => {}
        }
    }
    TopKCurve {
        scores: by_kind
            .into_iter()
            .filter_map(|(kept, scored)| score(kept, &scored))
            .collect(),
        uniform: score(encoders, &uniform),
    }
}

fn score(kept: usize, scored: &[(usize, f64)]) -> Option<TopKScore> {
    let mut by_fold: std::collections::BTreeMap<usize, Vec<f64>> = Default::default();
    for &(fold, value) in scored {
        by_fold.entry(fold).or_default().push(value);
    }
    let folds: Vec<f64> = by_fold.into_values().filter_map(mean).collect();
    Some(TopKScore {
        kept,
        mean: mean(folds.iter().copied())?,
        std: sample_std(&folds),
        folds,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_configuration_belongs_to_the_curve_if_k_alone_differs() {
        let base = Config::default();
        let mut other = base.clone();
        other.train.seed = 9;
        other.model.top_k = 8;
        assert!(differs(&other, &base) == Differs::Kept(8));
        other.uda.enabled = true;
        assert!(differs(&other, &base) == Differs::Otherwise);
        let mut uniform = base.clone();
        uniform.model.gate = Gate::Uniform;
        assert!(differs(&uniform, &base) == Differs::Uniform);
    }

    #[test]
    fn folds_spread_after_their_seeds_are_averaged() {
        let found = score(4, &[(0, 0.5), (1, 0.7), (0, 0.7), (1, 0.9)]).unwrap();
        let off = |a: f64, b: f64| (a - b).abs() < 1e-12;
        assert!(off(found.folds[0], 0.6) && off(found.folds[1], 0.8));
        assert!(off(found.mean, 0.7) && off(found.std.unwrap(), 0.02f64.sqrt()));
        assert_eq!(score(4, &[]), None);
    }
}
