//! Importance of encoders: mean gate weight before selection, and selection frequency.

use serde::Serialize;

use super::observations::Observations;
use crate::data::label::Classes;
use crate::encoders::Modality;
use crate::eval::confusion::set_name;

/// Importance and selection frequency of one encoder over some clips.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Reliance {
    /// Mean of a_m (paper eq. 3), in [0, 1].
    pub importance: f64,
    /// Share of clips that keep the encoder (ã_m > 0).
    pub selected: f64,
}

/// All encoders over a group of clips.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GroupReliance {
    /// Name of the group.
    pub group: String,
    /// Number of clips.
    pub clips: usize,
    /// One entry per encoder.
    pub encoders: Vec<Reliance>,
}

/// The encoders over the clips of these rows.
pub fn reliance(observations: &Observations, rows: &[usize]) -> Vec<Reliance> {
    let count = rows.len().max(1) as f64;
    let encoders = observations.gate_weights.ncols();
    let mut found = vec![Reliance::default(); encoders];
    for &row in rows {
        for (m, found) in found.iter_mut().enumerate() {
            found.importance += observations.gate_weights[[row, m]];
            found.selected += f64::from(u8::from(observations.selected_weights[[row, m]] > 0.0));
        }
    }
    for found in &mut found {
        found.importance /= count;
        found.selected /= count;
    }
    found
}

/// The encoders under each model, with its fold's name.
pub fn by_model(observations: &Observations, names: &[String]) -> Vec<GroupReliance> {
    let of_model = |(model, name): (usize, &String)| {
        let rows = observations.rows_of(model);
        GroupReliance {
            group: name.clone(),
            clips: rows.len(),
            encoders: reliance(observations, &rows),
        }
    };
    names.iter().enumerate().map(of_model).collect()
}

/// The encoders on clips that truly show each emotion, alone or in a blend.
pub fn by_emotion(observations: &Observations, classes: &Classes) -> Vec<GroupReliance> {
    let of_class = |class: usize| {
        let shows = |row: &usize| {
            let parts = observations.truths[*row].parts();
            parts.iter().any(|part| part.class == class)
        };
        let rows: Vec<usize> = (0..observations.len()).filter(shows).collect();
        GroupReliance {
            group: classes.name(class).to_owned(),
            clips: rows.len(),
            encoders: reliance(observations, &rows),
        }
    };
    (0..classes.len()).map(of_class).collect()
}

/// The encoders on clips of each true emotion set, singles first.
pub fn by_set(observations: &Observations, classes: &Classes) -> Vec<GroupReliance> {
    let mut groups: std::collections::BTreeMap<(bool, String), Vec<usize>> = Default::default();
    for (row, truth) in observations.truths.iter().enumerate() {
        let key = (truth.parts().len() > 1, set_name(truth, classes));
        groups.entry(key).or_default().push(row);
    }
    let groups = groups.into_iter().map(|((_, group), rows)| GroupReliance {
        group,
        clips: rows.len(),
        encoders: reliance(observations, &rows),
    });
    groups.collect()
}

/// The total weight of a modality.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ModalityReliance {
    /// The modality.
    pub modality: Modality,
    /// Number of its encoders.
    pub encoders: usize,
    /// Mean over clips of the sum of its encoders' a_m.
    pub importance: f64,
    /// Its share if all encoders had the same weight.
    pub uniform: f64,
    /// Mean over clips of the number of its encoders that are kept.
    pub kept: f64,
}

/// The modalities in the paper's order.
pub fn by_modality(encoders: &[Reliance], modalities: &[Modality]) -> Vec<ModalityReliance> {
    let mut found: Vec<ModalityReliance> = Vec::new();
    let share = 1.0 / encoders.len().max(1) as f64;
    for (encoder, &modality) in encoders.iter().zip(modalities) {
        let known = found.iter().position(|found| found.modality == modality);
        let place = known.unwrap_or_else(|| {
            found.push(ModalityReliance {
                modality,
                encoders: 0,
                importance: 0.0,
                uniform: 0.0,
                kept: 0.0,
            });
            found.len() - 1
        });
        let found = &mut found[place];
        found.encoders += 1;
        found.importance += encoder.importance;
        found.uniform += share;
        found.kept += encoder.selected;
    }
    found.sort_by_key(|group| group.modality);
    found
}

/// The distribution of an encoder's importance over clips.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct WeightSpread {
    /// Index of the encoder.
    pub encoder: usize,
    /// Minimum, 5th, 25th, 50th, 75th and 95th percentile, maximum.
    pub quantiles: [f64; 7],
}

/// Percentiles of [`WeightSpread`].
const PERCENTILES: [f64; 7] = [0.0, 5.0, 25.0, 50.0, 75.0, 95.0, 100.0];

/// The distribution of each encoder's a_m over clips.
pub fn spreads(observations: &Observations) -> Vec<WeightSpread> {
    let of_encoder = |encoder: usize| {
        let mut values = observations.gate_weights.column(encoder).to_vec();
        values.sort_by(f64::total_cmp);
        WeightSpread {
            encoder,
            quantiles: PERCENTILES.map(|percent| percentile(&values, percent)),
        }
    };
    (0..observations.gate_weights.ncols())
        .map(of_encoder)
        .collect()
}

/// Encoders to draw: the most, the middle and the least important of each modality.
pub fn representatives(encoders: &[Reliance], modalities: &[Modality]) -> Vec<usize> {
    let mut chosen = Vec::new();
    for group in by_modality(encoders, modalities) {
        let mut members: Vec<usize> = (0..encoders.len())
            .filter(|&m| modalities[m] == group.modality)
            .collect();
        members.sort_by(|&a, &b| encoders[b].importance.total_cmp(&encoders[a].importance));
        let mut picks = vec![0, members.len() / 2, members.len() - 1];
        picks.dedup();
        chosen.extend(picks.into_iter().map(|place| members[place]));
    }
    chosen
}

/// A percentile of ascending values by linear interpolation, as in NumPy; NaN if there are none.
pub fn percentile(ascending: &[f64], percent: f64) -> f64 {
    let Some(last) = ascending.len().checked_sub(1) else {
        return f64::NAN;
    };
    let place = percent / 100.0 * last as f64;
    let below = place.floor() as usize;
    let above = (below + 1).min(last);
    ascending[below] + (place - below as f64) * (ascending[above] - ascending[below])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::analysis::fixture::observations;

    #[test]
    fn weights_and_selections_are_means_over_clips() {
        let seen = observations();
        let all = reliance(&seen, &[0, 1, 2, 3]);
        let importance: Vec<f64> = all.iter().map(|x| x.importance).collect();
        assert_eq!(importance, [0.5, 0.25, 0.25]);
        let selected: Vec<f64> = all.iter().map(|x| x.selected).collect();
        assert_eq!(selected, [1.0, 0.5, 0.5]);
        let folds = by_model(&seen, &["0".into(), "1".into()]);
        assert_eq!((folds[0].clips, folds[1].clips), (2, 2));
        assert_eq!(folds[0].encoders[1].selected, 1.0);
        assert_eq!(folds[1].encoders[1].selected, 0.0);
    }

    #[test]
    fn groups_are_emotions_sets_and_modalities() {
        let seen = observations();
        let classes = Classes::new(["awe", "joy"]);
        let emotions = by_emotion(&seen, &classes);
        assert_eq!((emotions[0].clips, emotions[1].clips), (3, 2));
        let sets = by_set(&seen, &classes);
        let names: Vec<&str> = sets.iter().map(|set| set.group.as_str()).collect();
        assert_eq!(names, ["awe", "joy", "awe-joy"]);
        let modalities = [Modality::Audio, Modality::Video, Modality::Audio];
        let all = reliance(&seen, &[0, 1, 2, 3]);
        let groups = by_modality(&all, &modalities);
        assert_eq!((groups[0].importance, groups[1].importance), (0.25, 0.75));
        assert_eq!((groups[1].encoders, groups[1].kept), (2, 1.5));
        assert_eq!(representatives(&all, &modalities), [1, 0, 2]);
    }

    #[test]
    fn percentiles_are_numpys() {
        let values = [1.0, 2.0, 4.0, 8.0];
        assert_eq!(percentile(&values, 50.0), 3.0);
        assert!((percentile(&values, 95.0) - 7.4).abs() < 1e-12);
        assert_eq!(percentile(&values, 100.0), 8.0);
        let spread = &spreads(&observations())[0];
        assert_eq!((spread.quantiles[0], spread.quantiles[6]), (0.4, 0.6));
    }
}
