//! A data set of arrays in a caller's memory.

use std::path::PathBuf;

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::{Dataset, Split};
use crate::config::DataConfig;
use crate::data::features::Features;
use crate::data::label::{Blend, Classes, PROPORTION_SLACK, settle_shares};
use crate::data::metadata::actors::ActorSource;
use crate::data::metadata::{Clip, NewFolds};
use crate::data::registry::{Listed, arrange};
use crate::encoders::{Encoder, Modality};
use crate::error::{Error, Result};
use crate::kernels::pack::{RowSource, RowValues};
use crate::suggest::instead;

/// The features of one encoder, as its feature file would contain them (not standardised): row i is clip i. A
/// row of NaN alone means that the encoder lacks the clip.
#[derive(Clone, Copy, Debug)]
pub struct EncoderRows<'m> {
    /// Name of the encoder.
    pub name: &'m str,
    /// `(N, D)`.
    pub rows: RowSource<'m>,
}

/// The folds of clips in memory.
#[derive(Clone, Copy, Debug)]
pub enum Folds<'a> {
    /// There are none.
    None,
    /// The fold of each clip; a clip without one is always trained on.
    Given(&'a [Option<usize>]),
    /// Folds that are made; clips of one actor stay together.
    Make(NewFolds),
}

/// Labelled clips in a caller's memory.
#[derive(Clone, Copy, Debug)]
pub struct LabelledRows<'a, 'm> {
    /// The features of each encoder, in any order.
    pub features: &'a [EncoderRows<'m>],
    /// Features of the same encoders for unlabelled clips, the test split, if there are any.
    pub test_features: Option<&'a [EncoderRows<'m>]>,
    /// The person that each clip of the test split shows, if known.
    pub test_actors: Option<&'a [String]>,
    /// Encoders whose place among all, and perhaps modality, is told: they come first, in this order. All
    /// others follow as in a data folder, with the modalities of the registry.
    pub listed: &'a [(String, Option<Modality>)],
    /// The classes, in the order of every target.
    pub classes: &'a Classes,
    /// Soft labels `(N, C)`: proportions, each row of which sums to 1 within 1e-3.
    pub targets: ArrayView2<'a, f64>,
    /// The person that each clip shows, if known.
    pub actors: Option<&'a [String]>,
    /// The folds.
    pub folds: Folds<'a>,
}

impl<'m> Dataset<'m> {
    /// A data set of arrays, none of which is copied; with the encoders and the neutral class of a
    /// configuration. Equal to that of a data folder with the same contents, so that training gives the same
    /// bytes.
    ///
    /// # Errors
    /// [`Error::Data`] naming the encoder and the row (counted from 0): an encoder that is given twice, that only one
    /// split has, or that has another number of rows or columns; a row with NaN beside numbers, or with an
    /// infinite value; a clip that no encoder has; a label whose proportions are not numbers from 0 to 1 that
    /// sum to 1; too few actors for the folds to be made. [`Error::UnknownEncoder`] and [`Error::Config`] for the
    /// configuration.
    pub fn in_memory(rows: &LabelledRows<'_, 'm>, config: &DataConfig) -> Result<Self> {
        let names = rows.features.iter().map(|given| given.name.to_owned());
        let listed: Vec<Listed> = rows.listed.iter().map(listed).collect();
        let arranged = arrange(names.collect(), &listed);
        let arranged = select(arranged, config.encoders.as_deref())?;
        let clips = clips(rows)?;
        let train = split(rows.features, &arranged, clips, "training")?;
        let mut encoders = Vec::with_capacity(arranged.len());
        for ((name, modality), features) in arranged.iter().zip(train.files()) {
            encoders.push(Encoder {
                name: name.clone(),
                modality: *modality,
                width: features.cols(),
            });
        }
        let test = match rows.test_features {
            Some(given) => Some(test_split(given, rows.test_actors, &arranged, &encoders)?),
            None => None,
        };
        let dataset = Dataset {
            path: PathBuf::from("arrays in memory"),
            encoders,
            classes: rows.classes.clone(),
            train,
            test,
            test_fold: None,
            new_folds: None,
            normalised_labels: false,
            empty_classes: Vec::new(),
        };
        dataset.with_neutral(config.neutral.as_ref())
    }
}

fn listed((name, modality): &(String, Option<Modality>)) -> Listed {
    Listed {
        name: name.clone(),
        modality: *modality,
    }
}

/// The encoders of a configuration, in the order of all.
fn select(
    all: Vec<(String, Modality)>,
    subset: Option<&[String]>,
) -> Result<Vec<(String, Modality)>> {
    if let Some(twice) = all.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        return Err(Error::Data(format!(
            "encoder {}: is given twice; expected once",
            twice[0].0
        )));
    }
    let Some(subset) = subset else {
        return Ok(all);
    };
    let unknown = subset
        .iter()
        .find(|wanted| !all.iter().any(|(name, _)| name == *wanted));
    if let Some(unknown) = unknown {
        return Err(Error::UnknownEncoder {
            owner: "the data".into(),
            name: unknown.clone(),
            known: all.into_iter().map(|(name, _)| name).collect(),
        });
    }
    let chosen = all.into_iter().filter(|(name, _)| subset.contains(name));
    Ok(chosen.collect())
}

/// The labelled clips, named by their rows.
fn clips(rows: &LabelledRows<'_, '_>) -> Result<Vec<Clip>> {
    let mut clips = Vec::with_capacity(rows.targets.nrows());
    for (row, target) in rows.targets.rows().into_iter().enumerate() {
        let mut target = target.to_vec();
        let told = |reason: String| Error::Data(format!("label of row {row} (from 0): {reason}"));
        if let Some((class, share)) = target
            .iter()
            .enumerate()
            .find(|(_, share)| !(0.0..=1.0 + PROPORTION_SLACK).contains(*share))
        {
            return Err(told(format!(
                "found {share} for {}; expected a proportion from 0 to 1",
                rows.classes.name(class)
            )));
        }
        settle_shares(&mut target).map_err(|sum| {
            told(format!(
                "the proportions sum to {sum}; expected 1 (within 1e-3)"
            ))
        })?;
        clips.push(Clip {
            fold: match rows.folds {
                Folds::Given(folds) => folds.get(row).copied().flatten(),
                _ => None,
            },
            actor: rows.actors.and_then(|actors| actors.get(row)).cloned(),
            truth: Some(Blend::from_distribution(&target)),
            target: Some(target),
            ..unlabelled(row)
        });
    }
    if let Folds::Make(folds) = rows.folds {
        folds
            .give(&mut clips, rows.classes.len())
            .map_err(Error::Data)?;
    }
    Ok(clips)
}

fn unlabelled(row: usize) -> Clip {
    Clip {
        filename: format!("row {row}"),
        fold: None,
        actor: None,
        truth: None,
        target: None,
        line: row as u64,
    }
}

/// The unlabelled split, whose encoders are those of the training split.
fn test_split<'m>(
    given: &[EncoderRows<'m>],
    actors: Option<&[String]>,
    arranged: &[(String, Modality)],
    encoders: &[Encoder],
) -> Result<Split<'m>> {
    let count = given.first().map_or(0, |first| rows_of(&first.rows));
    let clip = |row: usize| Clip {
        actor: actors.and_then(|actors| actors.get(row)).cloned(),
        ..unlabelled(row)
    };
    let clips = (0..count).map(clip).collect();
    let test = split(given, arranged, clips, "target")?;
    for (encoder, features) in encoders.iter().zip(test.files()) {
        if features.cols() != encoder.width {
            return Err(Error::Data(format!(
                "target encoder {}: found {} columns, expected {}, as for training",
                encoder.name,
                features.cols(),
                encoder.width
            )));
        }
    }
    Ok(test)
}

fn rows_of(source: &RowSource<'_>) -> usize {
    source.values.len() / source.cols.max(1)
}

/// The given features of the arranged encoders, joined with the clips by their rows.
fn split<'m>(
    given: &[EncoderRows<'m>],
    arranged: &[(String, Modality)],
    clips: Vec<Clip>,
    part: &str,
) -> Result<Split<'m>> {
    let open = |(name, _): &(String, Modality)| -> Result<_> {
        let told = |reason: String| Error::Data(format!("{part} encoder {name}: {reason}"));
        let found = given.iter().find(|given| given.name == name);
        let source = match found {
            Some(given) => given.rows,
            None => {
                let names = given.iter().map(|given| given.name);
                return Err(told(format!("is missing{}", instead(name, names))));
            }
        };
        if source.cols == 0 || source.values.len() != clips.len() * source.cols {
            return Err(told(format!(
                "found {} rows of {} columns, expected {} rows of at least one",
                rows_of(&source),
                source.cols,
                clips.len()
            )));
        }
        joined(name, source).map_err(told)
    };
    let opened: Vec<Result<_>> = arranged.par_iter().map(open).collect();
    let mut split = Split {
        clips,
        actors: ActorSource::Unknown,
        metadata: PathBuf::from("folds"),
        warnings: Vec::new(),
        features: Vec::with_capacity(arranged.len()),
        rows: Vec::with_capacity(arranged.len()),
    };
    for opened in opened {
        let (features, rows, warning) = opened?;
        split.features.push(features);
        split.rows.push(rows);
        split.warnings.extend(warning);
    }
    let nowhere = |&clip: &usize| split.rows.iter().all(|rows| rows[clip].is_none());
    match (0..split.len()).find(nowhere) {
        None => Ok(split),
        Some(row) => Err(Error::Data(format!(
            "{part} row {row} (from 0): no encoder has features of it; expected numbers for one at least"
        ))),
    }
}

/// Features, the row of each clip that the encoder has, and what to know of them.
type Joined<'m> = (Features<'m>, Vec<Option<u32>>, Option<String>);

/// Joins the rows of an encoder with the clips; the reason why they cannot be used.
fn joined<'m>(name: &str, source: RowSource<'m>) -> Result<Joined<'m>, String> {
    let features = Features::in_memory(name, source);
    let count = features.rows() as u32;
    let mut rows: Vec<Option<u32>> = (0..count).map(Some).collect();
    for row in 0..count {
        let Some(bad) = features.non_finite([row]) else {
            continue;
        };
        if bad.values < source.cols || !all_nan(&source, row as usize) {
            let kind = if bad.value.is_nan() {
                "NaN"
            } else {
                "infinite"
            };
            return Err(format!(
                "row {row}, column {} (both from 0) is {kind}; expected finite numbers, or NaN in the whole row where the encoder is missing",
                bad.column
            ));
        }
        rows[row as usize] = None;
    }
    let zero = rows.iter().flatten().filter(|row| features.is_zero(**row));
    let zero: Vec<u32> = zero.copied().collect();
    let warning = zero.first().map(|first| {
        format!(
            "encoder {name}: {} of {count} rows hold only zeros, such as row {first} (from 0): if they stand for a face or voice that was not found, make them NaN, so that the encoder counts as missing",
            zero.len()
        )
    });
    Ok((features, rows, warning))
}

/// Whether a row is NaN throughout, so that the encoder is missing.
fn all_nan(source: &RowSource<'_>, row: usize) -> bool {
    let range = row * source.cols..(row + 1) * source.cols;
    match source.values {
        RowValues::F16(values) => values[range].iter().all(|x| x.is_nan()),
        RowValues::F32(values) => values[range].iter().all(|x| x.is_nan()),
        RowValues::F64(values) => values[range].iter().all(|x| x.is_nan()),
    }
}

#[cfg(test)]
mod tests {
    use ndarray::array;

    use super::*;

    fn source(values: &[f32], cols: usize) -> RowSource<'_> {
        RowSource {
            values: RowValues::F32(values),
            cols,
        }
    }

    fn dataset<'m>(
        features: &[EncoderRows<'m>],
        test: Option<&[EncoderRows<'m>]>,
    ) -> Result<Dataset<'m>> {
        let targets = array![[1.0, 0.0], [0.3, 0.7], [0.0, 1.0]];
        let rows = LabelledRows {
            features,
            test_features: test,
            test_actors: None,
            listed: &[("b".into(), Some(Modality::Audio))],
            classes: &Classes::new(["joy", "awe"]),
            targets: targets.view(),
            actors: None,
            folds: Folds::None,
        };
        Dataset::in_memory(&rows, &DataConfig::default())
    }

    #[test]
    fn rows_of_nan_are_missing_and_nothing_is_copied() {
        const NAN: f32 = f32::NAN;
        let (a, b) = ([1.0, 2.0, 3.0, 4.0, 5.0, 6.0], [1.0, NAN, 3.0]);
        let given = [
            EncoderRows {
                name: "a",
                rows: source(&a, 2),
            },
            EncoderRows {
                name: "b",
                rows: source(&b, 1),
            },
        ];
        let data = dataset(&given, None).unwrap();
        let names: Vec<&str> = data.encoders.iter().map(|e| e.name.as_str()).collect();
        assert_eq!(names, ["b", "a"]);
        assert_eq!(data.encoders[0].modality, Modality::Audio);
        assert_eq!(data.train.rows(0), [Some(0), None, Some(2)]);
        assert_eq!(data.train.clips[1].target, Some(vec![0.3, 0.7]));
        let StoredPlace(place) = place_of(&data.train);
        assert_eq!(place, a.as_ptr());
    }

    struct StoredPlace(*const f32);

    fn place_of(split: &Split<'_>) -> StoredPlace {
        match split.source(1).values {
            crate::kernels::pack::StoredValues::Memory(RowValues::F32(values)) => {
                StoredPlace(values.as_ptr())
            }
            _ => StoredPlace(std::ptr::null()),
        }
    }

    #[test]
    fn wrong_rows_are_told_with_encoder_and_row() {
        const NAN: f32 = f32::NAN;
        let cases: [(&[f32], usize, &str); 4] = [
            (&[1.0, 2.0, NAN, 4.0, 5.0, 6.0], 2, "row 1, column 0"),
            (&[1.0, 2.0, f32::INFINITY], 1, "is infinite"),
            (&[1.0, 2.0], 1, "found 2 rows of 1 columns, expected 3"),
            (&[NAN, 2.0, 3.0], 1, "row 0 (from 0): no encoder"),
        ];
        for (values, cols, part) in cases {
            let given = [EncoderRows {
                name: "b",
                rows: source(values, cols),
            }];
            let message = dataset(&given, None).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
    }

    #[test]
    fn the_target_split_has_the_same_encoders() {
        let (narrow, wide) = ([1.0, 2.0, 3.0], [1.0; 4]);
        let of = |name, rows| EncoderRows { name, rows };
        let train = [of("b", source(&narrow, 1))];
        for (test, part) in [
            (of("b", source(&wide, 2)), "found 2 columns, expected 1"),
            (of("c", source(&wide, 1)), "is missing"),
        ] {
            let message = dataset(&train, Some(&[test])).unwrap_err().to_string();
            assert!(message.contains(part), "{message}");
        }
        let data = dataset(&train, Some(&[of("b", source(&wide, 1))])).unwrap();
        assert_eq!(data.test.unwrap().len(), 4);
    }
}
