//! A single split of a data folder, as needed by a trained model: the model determines the encoders,
//! their order and width, and the classes.

use std::path::Path;

use super::dataset::{Split, feature_files};
use super::features::Features;
use super::label::Classes;
use super::metadata::{Metadata, Reading};
use crate::encoders::Encoder;
use crate::error::NeededBy;
use crate::suggest::path_instead;
use crate::{Error, Result};

/// The requirements of a model.
#[derive(Clone, Copy, Debug)]
pub struct Needs<'a> {
    /// The encoders in the model's order.
    pub encoders: &'a [Encoder],
    /// Encoders that are dropped for every clip: their files need not exist.
    pub dropped: &'a [String],
    /// The model's classes; labels in the metadata, if any, must be among these.
    pub classes: &'a Classes,
}

/// An opened split.
#[derive(Debug)]
pub struct ScoredSplit {
    /// Its clips and features, encoders in the model's order.
    pub split: Split<'static>,
    /// Feature files that the model does not know, by name; they were not read.
    pub unknown: Vec<String>,
}

/// Opens `path/NAME_metadata.csv` and `path/features/NAME/*.npz` where `name` is `train` or `test`;
/// the other split need not exist.
///
/// # Errors
/// An error that names the file, clip or encoder: anything missing, malformed or of another width, a
/// clip that no encoder has, NaN or infinite features in a row that is used.
pub fn open(path: &Path, name: &str, needs: Needs<'_>) -> Result<ScoredSplit> {
    open_with(path, name, needs, &Reading::default())
}

/// As [`open`], with the metadata read as those of the model were. Folds are made for the training split
/// only.
///
/// # Errors
/// As [`open`]; as [`Metadata::read_against_with`].
pub fn open_with(
    path: &Path,
    name: &str,
    needs: Needs<'_>,
    reading: &Reading<'_>,
) -> Result<ScoredSplit> {
    let table = path.join(format!("{name}_metadata.csv"));
    if !table.is_file() {
        let found = if path.is_dir() {
            "no such file".to_owned()
        } else {
            format!("the folder does not exist{}", path_instead(path))
        };
        return Err(Error::Missing {
            path: table,
            expected: "the clips to predict (a column filename is enough)".into(),
            found,
        });
    }
    let reading = match name {
        "train" => reading.clone(),
        _ => reading.without_folds(),
    };
    let metadata = Metadata::read_against_with(&table, needs.classes, &reading)?;
    let folder = path.join("features").join(name);
    let found = feature_files(&folder)?;
    let mut files = Vec::with_capacity(needs.encoders.len());
    for Encoder { name, width, .. } in needs.encoders {
        let file = folder.join(format!("{name}.npz"));
        let needed = !needs.dropped.contains(name);
        if needed && !found.contains(name) {
            return Err(Error::MissingFeatures {
                path: file,
                encoder: name.clone(),
                needed_by: NeededBy::Model,
            });
        }
        files.push((file, *width, needed));
    }
    let split = Split::load_with(metadata, &files, |(file, width, needed)| {
        if !needed {
            return Ok(Features::absent(file, *width));
        }
        let features = Features::open(file)?;
        if features.cols() == *width {
            return Ok(features);
        }
        Err(Error::Npz {
            path: file.clone(),
            array: Some("X".into()),
            reason: format!(
                "has {} columns; the model was trained on {width}",
                features.cols()
            ),
        })
    })?;
    let known = |name: &String| needs.encoders.iter().any(|encoder| encoder.name == *name);
    let mut unknown: Vec<String> = found.into_iter().filter(|name| !known(name)).collect();
    unknown.sort();
    Ok(ScoredSplit { split, unknown })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::fixture;
    use crate::encoders::Modality;

    fn open_with(
        encoders: &[(&str, usize)],
        dropped: &[&str],
        change: fn(&Path),
    ) -> Result<ScoredSplit> {
        let folder = fixture::folder();
        std::fs::remove_file(folder.path().join("train_metadata.csv")).unwrap();
        change(folder.path());
        let encoders = encoders.iter().map(|&(name, width)| Encoder {
            name: name.to_string(),
            modality: Modality::Other,
            width,
        });
        let encoders: Vec<Encoder> = encoders.collect();
        let dropped: Vec<_> = dropped.iter().map(|name| name.to_string()).collect();
        let needs = Needs {
            encoders: &encoders,
            dropped: &dropped,
            classes: &Classes::new(["ang", "hap", "sad", "neu"]),
        };
        open(folder.path(), "test", needs)
    }

    #[test]
    fn takes_the_models_order_and_needs_no_training_part() {
        let part = open_with(&[("beta", 2), ("alpha", 2)], &[], |_| {}).unwrap();
        assert_eq!(part.split.rows(0), [Some(0), None]);
        assert_eq!(part.split.rows(1), [Some(1), Some(0)]);
        assert!(part.unknown.is_empty());
        let part = open_with(&[("alpha", 2)], &[], |_| {}).unwrap();
        assert_eq!(part.unknown, ["beta"]);
    }

    #[test]
    fn a_missing_or_changed_encoder_is_named_unless_it_is_dropped() {
        let lose = |path: &Path| {
            std::fs::remove_file(path.join("features/test/beta.npz")).unwrap();
        };
        let both = [("alpha", 2), ("beta", 2)];
        let message = open_with(&both, &[], lose).unwrap_err().to_string();
        assert!(message.contains("test/beta.npz: missing"), "{message}");
        let part = open_with(&both, &["beta"], lose).unwrap();
        assert_eq!(part.split.rows(1), [None, None]);
        assert_eq!(part.split.source(1).cols, 2);
        let message = open_with(&[("alpha", 3)], &[], |_| {}).unwrap_err();
        assert!(message.to_string().contains("has 2 columns"), "{message}");
    }
}
