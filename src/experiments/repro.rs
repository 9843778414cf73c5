//! The paper's tables on the user's data: every cross-validation in one plan, then the final models.

use serde::{Deserialize, Serialize};

use super::ablate::variants;
use super::comparison::{Comparison, Entry, FinalModel, Row, best, compare_rows};
use super::paper::{TABLE_5, table_1 as paper};
use super::study::{Setup, Study};
use super::table_1::{Entries, baselines};
use crate::baseline::ClassifierSpec;
use crate::config::{Config, Profile, StandardiseBy};
use crate::error::Result;
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;

/// Maximum number of epochs of a quick reproduction.
const QUICK_EPOCHS: usize = 3;

/// Reproduces the paper's tables with the setup's configuration as the base.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Reproduce {
    /// Whether to only check quickly that everything runs: at most 3 epochs and 3 values of top-k.
    pub quick: bool,
    /// Whether the weights of every model are kept; otherwise only those of Table I.
    pub keep_weights: bool,
    /// Whether Table I's baselines are left out.
    pub no_baselines: bool,
    /// Whether the model with the settings for new people is a row beside Table I's. Plans from before there was
    /// one have none.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_people: bool,
    /// The classifier of Table I's baselines.
    #[serde(rename = "recipe")]
    pub classifier: ClassifierSpec,
}

impl Reproduce {
    /// The full model without domain adaptation.
    fn base(&self, config: &Config) -> Config {
        let mut base = config.clone();
        base.uda.enabled = false;
        if self.quick {
            base.train.max_epochs = base.train.max_epochs.min(QUICK_EPOCHS);
        }
        base
    }

    /// The values of top-k, one cross-validation each (Table V).
    fn kept(&self, encoders: usize) -> Vec<usize> {
        let mut kept: Vec<usize> = TABLE_5.iter().map(|&(k, _)| k.min(encoders)).collect();
        kept.dedup();
        if self.quick
            && let (Some(&first), Some(&last)) = (kept.first(), kept.last())
        {
            kept = vec![first, kept[kept.len() / 2], last];
            kept.dedup();
        }
        kept
    }

    /// The models of Table I; the fusion model first.
    fn models(&self, base: &Config, setup: &Setup) -> Result<Entries> {
        let of = |name: &str, config: &Config, paper| {
            let entry = Entry::fusion(name, config, base, &setup.data, paper);
            entry
                .with_weights()
                .with_final_model(FinalModel::ModelAndEnsemble)
        };
        let mut adapted = base.clone();
        adapted.uda.enabled = true;
        let mut models = Entries {
            entries: vec![
                of(MODELS[0], base, Some(paper::ALL_ENCODERS)),
                of(MODELS[1], &adapted, Some(paper::WITH_UDA)),
            ],
            left_out: Vec::new(),
        };
        if !self.no_baselines {
            let mut classifier = self.classifier;
            if self.quick {
                classifier.recipe.epochs = classifier.recipe.epochs.min(QUICK_EPOCHS);
            }
            let found = baselines(&setup.data, &classifier, base.train.inputs);
            let entries = found.entries.into_iter();
            models
                .entries
                .extend(entries.map(|entry| entry.with_final_model(FinalModel::Model)));
            models.left_out = found.left_out;
        }
        if self.new_people {
            add_new_people(base, setup, &mut models)?;
        }
        Ok(models)
    }
}

/// Adds the model with the settings for new people, which is ours; without a model for the test split where
/// nothing tells whom its clips show, as in the challenge's.
fn add_new_people(base: &Config, setup: &Setup, models: &mut Entries) -> Result<()> {
    let dataset = &setup.data.dataset;
    if !dataset.train.can_standardise_per_actor() {
        let reason = "the actors of the training clips are not known, or most have a single clip";
        models.left_out.push(format!("{NEW_PEOPLE}: {reason}"));
        return Ok(());
    }
    let config = Profile::NewPeople.over(base)?;
    let entry = Entry::fusion(NEW_PEOPLE, &config, base, &setup.data, None).with_weights();
    let test_is_known = dataset.scored_test(StandardiseBy::Actor).is_some();
    models.entries.push(match test_is_known {
        true => entry.with_final_model(FinalModel::ModelAndEnsemble),
        false => entry,
    });
    Ok(())
}

/// A reproduction while it runs.
#[derive(Debug)]
pub struct Reproducing {
    /// The models of Table I, the ablations, then the values of top-k.
    comparison: Comparison,
    /// How many of the entries are models of Table I.
    models: usize,
    /// How many are ablations.
    ablations: usize,
    kept: Vec<usize>,
    left_out: Vec<String>,
    unchanged: Vec<String>,
}

/// The tables' contents.
#[derive(Debug)]
pub struct Reproduced {
    /// The fusion model without and with domain adaptation, then the baselines (Table I); all are
    /// compared with the first, and all are also trained on all clips.
    pub models: Vec<Row>,
    /// Baselines of Table I that are impossible with these data, and why.
    pub left_out: Vec<String>,
    /// Which of the fusion models has the highest validation average.
    pub selected: Option<usize>,
    /// The full model and the ablations (Table II, and more).
    pub ablations: Vec<Row>,
    /// Ablations for which there is nothing to change in the base configuration.
    pub unchanged: Vec<String>,
    /// The values of top-k with their rows (Table V).
    pub kept: Vec<(usize, Row)>,
}

/// Names of the two fusion models of Table I.
pub const MODELS: [&str; 2] = ["all encoders", "all encoders, with UDA"];

/// Name of the fusion model with the settings of [`Profile::NewPeople`].
pub const NEW_PEOPLE: &str = "all encoders, standardised per actor (ours)";

impl Study for Reproduce {
    const NAME: &'static str = "repro";
    type State = Reproducing;
    type Findings = Reproduced;

    fn start(&self, setup: &Setup, plan: &mut Plan) -> Result<Reproducing> {
        self.classifier.recipe.check()?;
        let base = self.base(&setup.config);
        let models = self.models(&base, setup)?;
        let (ablations, unchanged) = variants(&base, &setup.data);
        let kept = self.kept(setup.data.dataset.encoders.len());
        let of_kept = kept.iter().map(|&k| {
            let mut config = base.clone();
            config.model.top_k = k;
            let paper = TABLE_5.iter().find(|(of_paper, _)| *of_paper == k);
            let paper = paper.map(|(_, average)| *average);
            Entry::fusion(format!("k = {k}"), &config, &base, &setup.data, paper)
        });
        let counts = (models.entries.len(), ablations.len());
        let entries = models.entries.into_iter().chain(ablations).chain(of_kept);
        let entries = entries.map(|mut entry| {
            entry.candidate.keep_weights |= self.keep_weights;
            entry
        });
        let mut comparison = Comparison::default();
        comparison.add(entries, &setup.protocol, plan)?;
        Ok(Reproducing {
            comparison,
            models: counts.0,
            ablations: counts.1,
            left_out: models.left_out,
            unchanged,
            kept,
        })
    }

    fn next_trials(
        &self,
        setup: &Setup,
        state: &mut Reproducing,
        outcomes: &Outcomes,
        plan: &mut Plan,
    ) -> Result<()> {
        state
            .comparison
            .next_trials(&setup.protocol, outcomes, plan)
    }

    fn conclude(
        &self,
        setup: &Setup,
        state: &Reproducing,
        outcomes: &Outcomes,
    ) -> Result<Reproduced> {
        let mut rows = state
            .comparison
            .rows(&setup.protocol, outcomes)?
            .into_iter();
        let mut models: Vec<Row> = rows.by_ref().take(state.models).collect();
        compare_rows(&mut models, 0)?;
        let mut ablations: Vec<Row> = rows.by_ref().take(state.ablations).collect();
        compare_rows(&mut ablations, 0)?;
        let mut kept: Vec<Row> = rows.collect();
        let encoders = setup.data.dataset.encoders.len();
        let planned = setup.config.model.top_k.min(encoders);
        let reference = state.kept.iter().position(|&k| k == planned);
        compare_rows(&mut kept, reference.unwrap_or_default())?;
        let fusion = &models[..MODELS.len().min(models.len())];
        Ok(Reproduced {
            selected: best(fusion),
            models,
            left_out: state.left_out.clone(),
            ablations,
            unchanged: state.unchanged.clone(),
            kept: state.kept.iter().copied().zip(kept).collect(),
        })
    }
}
