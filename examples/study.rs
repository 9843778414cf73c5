//! Studies from a program: cross-validate, extend, collect; and a study of one's own.
//!
//! ```text
//! cargo run --release --example study -- DATA runs/mine
//! ```
//!
//! The folders are those of `blendfuse cv` and take its commands `status`, `work` and `collect`; trials
//! that have a result are never repeated, whoever ran them.

use std::num::NonZeroUsize;
use std::path::Path;

use blendfuse::Result;
use blendfuse::config::Config;
use blendfuse::experiments::{CrossValidate, Setup, Study, StudyRun};
use blendfuse::plan::{Outcomes, Plan, Trial, TrialKind, Workers};
use serde::{Deserialize, Serialize};

fn main() -> std::result::Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, out] = arguments.as_slice() else {
        return Err("expected DATA and a folder for the results".into());
    };
    let (data, out) = (Path::new(data), Path::new(out));
    let setup = |seeds| Setup::open(data, Config::default(), NonZeroUsize::new(seeds).unwrap());

    // Run: every fold is held out once.
    let folder = out.join("cv");
    let one_seed = StudyRun::resume(&folder, CrossValidate::default(), setup(1)?)?
        .run(&Workers::default(), &mut ())?;
    // Extend: two more seeds; the trials of the first keep their results.
    StudyRun::resume(&folder, CrossValidate::default(), setup(3)?)?
        .run(&Workers::default(), &mut ())?;
    // Collect: from the folder alone, as another process would.
    let three_seeds = StudyRun::<CrossValidate>::view(&folder)?.collect(&mut ())?;
    println!("{:?}, {:?}", one_seed.average(), three_seeds.average());

    let study = LearningRate {
        rates: vec![3e-4, 1e-3, 3e-3],
    };
    let mut run = StudyRun::resume(&out.join("lr"), study, setup(1)?)?;
    let best = run.run(&Workers::default(), &mut ())?;
    run.outcomes().check()?;
    println!("{best:?}");
    Ok(())
}

/// Tries learning rates on one fold, and the best of them on the others.
#[derive(Clone, Serialize, Deserialize)]
struct LearningRate {
    rates: Vec<f64>,
}

/// Names of the trials so far.
struct Trials {
    /// The first fold with each rate.
    first: Vec<String>,
    /// The place of the best rate, and its trials on all folds.
    best: Option<(usize, Vec<String>)>,
}

impl LearningRate {
    fn add(&self, rate: f64, fold: usize, setup: &Setup, plan: &mut Plan) -> Result<String> {
        let mut config = setup.config.clone();
        config.train.lr = rate;
        let kind = TrialKind::fusion(&config, setup.data.dataset.encoders.len());
        let trial = Trial::new(&kind, Some(fold), config.train.seed);
        plan.add(&format!("lr = {rate}"), trial, &setup.data, false)
    }
}

impl Study for LearningRate {
    const NAME: &'static str = "learning-rate";
    type State = Trials;
    /// The best rate and its average over all folds.
    type Findings = Option<(f64, f64)>;

    fn start(&self, setup: &Setup, plan: &mut Plan) -> Result<Trials> {
        let fold = setup.protocol.folds[0];
        let rates = self.rates.iter();
        let first = rates.map(|&rate| self.add(rate, fold, setup, plan));
        Ok(Trials {
            first: first.collect::<Result<_>>()?,
            best: None,
        })
    }

    fn next_trials(
        &self,
        setup: &Setup,
        trials: &mut Trials,
        outcomes: &Outcomes,
        plan: &mut Plan,
    ) -> Result<()> {
        if trials.best.is_some() || !trials.first.iter().all(|id| outcomes.has(id)) {
            return Ok(());
        }
        let places = 0..self.rates.len();
        let score = |place: &usize| average(&trials.first[*place..=*place], outcomes);
        let scored = places.filter_map(|place| Some((place, score(&place)?)));
        if let Some((place, _)) = scored.max_by(|a, b| a.1.total_cmp(&b.1)) {
            let folds = setup.protocol.folds.iter();
            let ids = folds.map(|&fold| self.add(self.rates[place], fold, setup, plan));
            trials.best = Some((place, ids.collect::<Result<_>>()?));
        }
        Ok(())
    }

    fn conclude(
        &self,
        _: &Setup,
        trials: &Trials,
        outcomes: &Outcomes,
    ) -> Result<Option<(f64, f64)>> {
        let best = trials.best.as_ref();
        Ok(best.and_then(|(place, ids)| Some((self.rates[*place], average(ids, outcomes)?))))
    }
}

/// The mean validation average of trials, once all have a result.
fn average(ids: &[String], outcomes: &Outcomes) -> Option<f64> {
    let results = outcomes.results(ids).ok()?;
    let averages = results
        .iter()
        .map(|result| Some(result.accuracy?.average()));
    let sum: f64 = averages.sum::<Option<f64>>()?;
    Some(sum / ids.len() as f64)
}
