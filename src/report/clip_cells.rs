//! Why each clip was decided as it was, in cells of the table of clips: what `explain` tells of one clip.

use std::collections::BTreeMap;

use crate::analysis::Analysis;
use crate::data::label::Blend;
use crate::predict::explain::decision;

/// How many encoders a cell names.
const NAMED: usize = 5;

/// The explanations of all clips of an analysis.
pub(super) struct ExplainedClips<'a> {
    found: &'a Analysis,
    /// For each clip the encoders without which it gets another answer.
    changes: BTreeMap<usize, Vec<(usize, &'a Blend)>>,
}

impl<'a> ExplainedClips<'a> {
    pub(super) fn of(found: &'a Analysis) -> Self {
        let mut changes: BTreeMap<usize, Vec<(usize, &Blend)>> = BTreeMap::new();
        for removal in &found.removals {
            for (row, answer) in &removal.changed {
                changes
                    .entry(*row)
                    .or_default()
                    .push((removal.encoder, answer));
            }
        }
        Self { found, changes }
    }

    /// The steps of decoding, in words.
    pub(super) fn steps(&self, row: usize) -> String {
        let seen = &self.found.observations;
        let model = &self.found.run.models[seen.model[row]].predictor;
        let aligned = seen.aligned.row(row).to_vec();
        model
            .description()
            .decoder()
            .explain(&aligned, &model.classes())
    }

    /// The encoders with the largest weights after selection.
    pub(super) fn encoders(&self, row: usize) -> String {
        let weights = self.found.observations.selected_weights.row(row);
        let mut kept: Vec<(usize, f64)> = weights.iter().copied().enumerate().collect();
        kept.retain(|(_, weight)| *weight > 0.0);
        // Stable: equally weighted ones keep the order of the model.
        kept.sort_by(|a, b| b.1.total_cmp(&a.1));
        let named = kept
            .iter()
            .map(|(encoder, weight)| format!("{} {weight:.2}", self.found.encoders[*encoder]));
        listed(named)
    }

    /// The encoders without which the answer is another, with that answer.
    pub(super) fn without(&self, row: usize) -> String {
        let changes = self.changes.get(&row).into_iter().flatten();
        listed(changes.map(|(encoder, answer)| {
            let answer = decision(answer, &self.found.classes);
            format!("{}: {answer}", self.found.encoders[*encoder])
        }))
    }
}

/// The first of some texts, and how many more there are.
fn listed(texts: impl Iterator<Item = String>) -> String {
    let texts: Vec<String> = texts.collect();
    let mut shown = texts[..texts.len().min(NAMED)].join("; ");
    if texts.len() > NAMED {
        shown += &format!("; and {} more", texts.len() - NAMED);
    }
    shown
}
