//! Columns of features that tell the label of every clip by themselves: almost always the label, as a code,
//! that was joined with the features.

use std::collections::HashMap;

use crate::data::features::Features;
use crate::data::metadata::Clip;

/// Fewest clips per value of a column: with fewer, a column of few values may fit by chance.
const CLIPS_PER_VALUE: usize = 4;
/// Most values of a column.
const MAX_VALUES: usize = 64;

/// The columns whose value determines the label of every clip: its strongest emotion, or the set of its
/// emotions. `clips` are those of `rows`.
pub(super) fn columns(features: &Features, rows: &[u32], clips: &[&Clip]) -> Vec<usize> {
    let mut found = determining(features, rows, &strongest(clips));
    found.extend(determining(features, rows, &sets(clips)));
    found.sort_unstable();
    found.dedup();
    found
}

/// The class with the largest share; `None` without a label or with two such classes.
fn strongest(clips: &[&Clip]) -> Vec<Option<usize>> {
    let of_clip = |clip: &&Clip| {
        let parts = clip.truth.as_ref()?.parts();
        let most = parts
            .iter()
            .max_by(|a, b| a.salience.total_cmp(&b.salience))?;
        let ties = parts.iter().filter(|part| part.salience == most.salience);
        (ties.count() == 1).then_some(most.class)
    };
    clips.iter().map(of_clip).collect()
}

/// A number for each set of emotions.
fn sets(clips: &[&Clip]) -> Vec<Option<usize>> {
    let mut numbers: HashMap<Vec<usize>, usize> = HashMap::new();
    let of_clip = |clip: &&Clip| {
        let parts = clip.truth.as_ref()?.parts();
        let mut set: Vec<usize> = parts.iter().map(|part| part.class).collect();
        set.sort_unstable();
        let next = numbers.len();
        Some(*numbers.entry(set).or_insert(next))
    };
    clips.iter().map(of_clip).collect()
}

/// The values of a column so far, each with its label.
struct Column {
    index: usize,
    labels: Vec<(f32, usize)>,
}

fn determining(features: &Features, rows: &[u32], labels: &[Option<usize>]) -> Vec<usize> {
    let labelled: Vec<(u32, usize)> = rows
        .iter()
        .zip(labels)
        .filter_map(|(&row, label)| Some((row, (*label)?)))
        .collect();
    let most = (labelled.len() / CLIPS_PER_VALUE).min(MAX_VALUES);
    let several = labelled.iter().any(|&(_, label)| label != labelled[0].1);
    if most < 2 || !several {
        return Vec::new();
    }
    let mut values = vec![0.0; features.cols()];
    let column = |index| Column {
        index,
        labels: Vec::new(),
    };
    let mut columns: Vec<Column> = (0..features.cols()).map(column).collect();
    for (row, label) in labelled {
        features.source().read(row as usize, 0, &mut values);
        columns.retain_mut(|column| {
            let value = values[column.index];
            match column.labels.iter().find(|(known, _)| *known == value) {
                Some(&(_, known)) => known == label,
                None => {
                    column.labels.push((value, label));
                    column.labels.len() <= most
                }
            }
        });
        if columns.is_empty() {
            break;
        }
    }
    columns.into_iter().map(|column| column.index).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::label::{Blend, Part};
    use crate::formats::npz::write::{Precision, write};

    fn clip(clip: usize) -> Clip {
        let truth = match clip % 3 {
            2 => Blend::new(vec![
                Part {
                    class: 0,
                    salience: 70.0,
                },
                Part {
                    class: 1,
                    salience: 30.0,
                },
            ]),
            class => Blend::single(class),
        };
        Clip {
            filename: format!("clip{clip}"),
            fold: None,
            actor: None,
            truth: Some(truth),
            target: None,
            line: 2,
        }
    }

    /// Column 0 is different in every clip, 1 the strongest emotion, 2 the set of emotions as a code, 3 a
    /// constant, 4 the class in all clips but one.
    fn found(count: usize) -> Vec<usize> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.npz");
        let clips: Vec<Clip> = (0..count).map(clip).collect();
        write(&path, |npz| {
            npz.rows("X", Precision::F32, [count, 5], |row, out| {
                let strongest = f64::from(u8::from(row % 3 == 1));
                let other = if row == 7 { 1.0 - strongest } else { strongest };
                out.copy_from_slice(&[row as f64, strongest, (row % 3) as f64, 5.0, other]);
            })?;
            npz.names(
                "filenames",
                &clips.iter().map(|clip| &clip.filename).collect::<Vec<_>>(),
            )
        })
        .unwrap();
        let features = Features::open(&path).unwrap();
        let rows: Vec<u32> = (0..count as u32).collect();
        columns(&features, &rows, &clips.iter().collect::<Vec<_>>())
    }

    #[test]
    fn columns_that_are_labels_are_found() {
        assert_eq!(found(30), [1, 2]);
    }

    #[test]
    fn few_clips_tell_nothing() {
        assert!(found(6).is_empty());
    }
}
