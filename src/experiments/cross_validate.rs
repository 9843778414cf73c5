//! The study of one configuration: cross-validated, then trained on all clips if requested.

use serde::{Deserialize, Serialize};

use super::comparison::{Comparison, Entry, FinalModel, Row, compare_rows};
use super::study::{Setup, Study};
use crate::error::{Error, Result};
use crate::plan::outcomes::Outcomes;
use crate::plan::planned::Plan;

/// Cross-validates the fusion model with the setup's configuration.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CrossValidate {
    /// Whether each model's weights are removed after scoring.
    pub drop_weights: bool,
    /// Whether a model is then trained on all clips up to the median best epoch, with the thresholds chosen
    /// on all out-of-fold scores.
    pub retrain: bool,
    /// Whether, in addition, the probabilities of all folds' models are averaged on the test split.
    pub ensemble: bool,
}

impl CrossValidate {
    fn final_model(self) -> FinalModel {
        match (self.retrain, self.ensemble) {
            (false, _) => FinalModel::None,
            (true, false) => FinalModel::Model,
            (true, true) => FinalModel::ModelAndEnsemble,
        }
    }
}

impl Study for CrossValidate {
    const NAME: &'static str = "cv";
    type State = Comparison;
    type Findings = Row;

    fn start(&self, setup: &Setup, plan: &mut Plan) -> Result<Comparison> {
        let Setup { config, data, .. } = setup;
        let mut entry = Entry::fusion("fusion", config, config, data, None)
            .with_final_model(self.final_model());
        entry.candidate.keep_weights = !self.drop_weights;
        let mut comparison = Comparison::default();
        comparison.add([entry], &setup.protocol, plan)?;
        Ok(comparison)
    }

    fn next_trials(
        &self,
        setup: &Setup,
        state: &mut Comparison,
        outcomes: &Outcomes,
        plan: &mut Plan,
    ) -> Result<()> {
        state.next_trials(&setup.protocol, outcomes, plan)
    }

    fn conclude(&self, setup: &Setup, state: &Comparison, outcomes: &Outcomes) -> Result<Row> {
        let mut rows = state.rows(&setup.protocol, outcomes)?;
        compare_rows(&mut rows, 0)?;
        let only = rows.pop();
        only.ok_or_else(|| Error::Data("cross-validation without an entry".into()))
    }
}
