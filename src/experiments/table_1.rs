//! The baselines of the paper's Table I whose encoders are in the data.

use std::sync::Arc;

use super::comparison::Entry;
use super::paper::table_1;
use crate::baseline::{BaselineSpec, ClassifierSpec, encoder_named};
use crate::config::ProjectionInputs;
use crate::data::dataset::Dataset;
use crate::data::registry;
use crate::plan::data_folder::Opened;

/// One row on features: its encoders by their usual names, and the paper's test average.
type Features = (&'static [&'static str], Option<f64>);

/// The rows on features. The paper gives no score for the last one.
const FEATURES: [Features; 4] = [
    (&["imagebind"], Some(table_1::IMAGEBIND)),
    (
        &["imagebind", "wavlm_large"],
        Some(table_1::IMAGEBIND_WAVLM),
    ),
    (&["hicmae"], Some(table_1::HICMAE)),
    (&["videomaev2", "hubert_large"], None),
];

/// The trivial baselines with their names and the paper's test averages.
const TRIVIAL: [(BaselineSpec, &str, f64); 2] = [
    (
        BaselineSpec::TrivialSingle,
        "trivial: one single emotion",
        table_1::TRIVIAL_SINGLE,
    ),
    (
        BaselineSpec::TrivialBlend,
        "trivial: one blend",
        table_1::TRIVIAL_BLEND,
    ),
];

/// Entries, and why others are left out.
#[derive(Clone, Debug, Default)]
pub struct Entries {
    /// The possible entries, in the order of the table.
    pub entries: Vec<Entry>,
    /// One sentence for each impossible entry.
    pub left_out: Vec<String>,
}

/// The baselines of Table I, with this classifier on features, trained on `inputs`. `paper` is the test average.
pub fn baselines(
    data: &Arc<Opened>,
    classifier: &ClassifierSpec,
    inputs: ProjectionInputs,
) -> Entries {
    let ClassifierSpec { model, recipe } = *classifier;
    let dataset = &data.dataset;
    let mut found = Entries::default();
    for (spec, name, paper) in &TRIVIAL {
        match unanswerable(spec, dataset) {
            Some(reason) => found.left_out.push(format!("{name}: {reason}")),
            None => found.entries.push(Entry::baseline(
                *name,
                spec,
                Some(&recipe),
                data,
                Some(*paper),
            )),
        }
    }
    for (names, paper) in FEATURES {
        let title = titles(names);
        let encoders: Option<Vec<String>> = names
            .iter()
            .map(|name| encoder_named(name, dataset).cloned())
            .collect();
        let Some(encoders) = encoders else {
            let missing: Vec<&str> = names
                .iter()
                .copied()
                .filter(|name| encoder_named(name, dataset).is_none())
                .collect();
            found.left_out.push(format!(
                "{title}: the data have no encoder {}",
                missing.join(" and no ")
            ));
            continue;
        };
        let spec = BaselineSpec::Encoders { model, encoders };
        let name = format!("{title} ({model})");
        let entry = Entry::baseline(name, &spec, Some(&recipe), data, paper);
        found.entries.push(entry.trained_on(inputs));
    }
    found
}

/// Why a trivial baseline does not exist for a data set.
pub fn unanswerable(spec: &BaselineSpec, dataset: &Dataset) -> Option<String> {
    let (parts, what) = match spec {
        BaselineSpec::TrivialSingle => (1, "a single emotion"),
        BaselineSpec::TrivialBlend => (2, "exactly two emotions"),
        BaselineSpec::Encoders { .. } => return None,
    };
    let mut truths = dataset.train.clips.iter().filter_map(|c| c.truth.as_ref());
    let none = !truths.any(|truth| truth.parts().len() == parts);
    none.then(|| format!("no training clip shows {what}"))
}

/// Encoders as the paper writes them.
fn titles(names: &[&str]) -> String {
    let titles = names.iter().map(|&name| {
        let known = registry::find(name);
        known.map_or(name, |place| registry::REGISTRY[place].title)
    });
    titles.collect::<Vec<_>>().join(" + ")
}
