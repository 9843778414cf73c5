//! A data set, of a folder or of arrays: its encoders, its classes, and the row of each clip.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use super::label::{Blend, Classes};
use super::metadata::actors;
use super::metadata::{Clip, Metadata, NewFolds, Reading, by_clip, of_neutral};
use super::provenance::{self, Provenance};
use super::registry::{arrange, read_listing};
use super::task::Task;
use crate::config::{DataConfig, StandardiseBy};
use crate::encoders::{Encoder, Modality};
use crate::suggest::instead;
use crate::{Error, Result};

mod folder;
mod inputs;
mod memory;
mod split;
mod warnings;

pub(super) use folder::{check_data_folder, check_untrained, feature_files, missing_features};
use folder::{check_test_files, select};
pub use memory::{EncoderRows, Folds, LabelledRows};
pub use split::Split;
pub(super) use warnings::of_features as feature_warnings;

/// An open data folder, or a data set of arrays that are borrowed for `'m`.
#[derive(Debug)]
pub struct Dataset<'m> {
    /// The folder, or what messages call the arrays.
    pub path: PathBuf,
    /// Encoders in the order of everything that is indexed by encoder.
    pub encoders: Vec<Encoder>,
    /// Classes in the order of every target.
    pub classes: Classes,
    /// The training split; every clip is labelled.
    pub train: Split<'m>,
    /// The test split without its labels, if there is one.
    pub test: Option<Split<'m>>,
    /// The fold of the training metadata that is the test split (`data.test_fold`).
    pub test_fold: Option<usize>,
    /// Folds that were made, because the metadata have none and the configuration asks for them.
    pub new_folds: Option<NewFolds>,
    /// Whether the labels are counts that were divided by their sums.
    pub normalised_labels: bool,
    /// Class columns that were left out, because no clip shows them.
    pub empty_classes: Vec<String>,
}

impl<'m> Dataset<'m> {
    /// The training and, if there is one, the test split.
    pub fn splits(&self) -> impl Iterator<Item = &Split<'m>> {
        [Some(&self.train), self.test.as_ref()]
            .into_iter()
            .flatten()
    }

    /// The test split, if there is one and models can score it that standardise features in this way: per actor,
    /// only where it is known whom its clips show.
    pub fn scored_test(&self, by: StandardiseBy) -> Option<&Split<'m>> {
        let test = self.test.as_ref()?;
        let scored = by != StandardiseBy::Actor || test.can_standardise_per_actor();
        scored.then_some(test)
    }

    /// What the labels of the training split ask of a model.
    pub fn task(&self) -> Task {
        Task::of(
            self.train
                .clips
                .iter()
                .filter_map(|clip| clip.truth.as_ref()),
        )
    }

    /// The labels of the test clips, if their metadata have them: for scoring predictions after training.
    /// Empty without a test split.
    ///
    /// # Errors
    /// As [`Metadata::read_against`]; [`Error::Data`] if the table now lists other clips.
    pub fn test_truths(&self) -> Result<Vec<Option<Blend>>> {
        let Some(test) = &self.test else {
            return Ok(Vec::new());
        };
        let mut labelled =
            Metadata::read_against_with(&test.metadata, &self.classes, &self.reading())?;
        if self.test_fold.is_some() {
            // The table of the training part, of which the other clips are.
            let of_test = test.clips.iter().map(|clip| clip.filename.as_str());
            let of_test: HashSet<&str> = of_test.collect();
            let wanted = |clip: &Clip| of_test.contains(clip.filename.as_str());
            labelled.clips.retain(wanted);
        }
        let names = |clips: &[Clip]| clips.iter().map(|clip| clip.filename.clone()).collect();
        let (now, opened): (Vec<String>, Vec<String>) =
            (names(&labelled.clips), names(&test.clips));
        if now != opened {
            return Err(Error::Data(format!(
                "{}: its clips changed after the data set was opened; start again",
                test.metadata.display()
            )));
        }
        Ok(labelled.clips.into_iter().map(|clip| clip.truth).collect())
    }

    /// How a labelled table of this data is read.
    fn reading(&self) -> Reading<'static> {
        Reading {
            normalise_labels: self.normalised_labels,
            ..Reading::default()
        }
    }

    /// What to know of the labels, of the features and of folds that were made, one line each.
    pub fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if !self.empty_classes.is_empty() {
            notes.push(format!(
                "no clip shows {}: the column is 0 throughout, so it is not a class (data.classes keeps it)",
                self.empty_classes.join(", ")
            ));
        }
        notes.extend(of_neutral(&self.classes, &self.train.clips));
        notes.extend(
            self.splits()
                .flat_map(|split| split.warnings.iter().cloned()),
        );
        if self.new_folds.is_some() {
            notes.extend(actors::warnings(&self.train.clips, &self.train.actors));
            if by_clip(&self.train.clips) {
                notes.push(
                    "folds were made clip by clip: validation may reward recognising an actor"
                        .into(),
                );
            }
            notes.extend(self.train.equal_rows_across_folds());
        }
        notes
    }

    /// Refuses features that another program changed since they were opened.
    ///
    /// # Errors
    /// As [`Features::check_unchanged`](super::features::Features::check_unchanged).
    pub fn check_unchanged(&self) -> Result<()> {
        self.splits().try_for_each(Split::check_unchanged)
    }

    /// How the features of each encoder were made, where its training file says so.
    pub fn provenance(&self) -> BTreeMap<String, Provenance> {
        let files = self.encoders.iter().zip(&self.train.features);
        files
            .filter_map(|(encoder, file)| {
                let made = file.provenance()?.of_any_clips();
                Some((encoder.name.clone(), made))
            })
            .collect()
    }

    /// The same data set with the named class as its neutral one, if a name is given.
    ///
    /// # Errors
    /// [`Error::Config`] for a name that is not one of the classes.
    fn with_neutral(mut self, name: Option<&String>) -> Result<Self> {
        let Some(name) = name else {
            return Ok(self);
        };
        let classes = self.classes.clone();
        self.classes = classes.with_neutral_named(name).ok_or_else(|| {
            let names = self.classes.names().iter().map(String::as_str);
            Error::Config {
                field: "data.neutral".into(),
                reason: format!("there is no class {name:?}{}", instead(name, names)),
            }
        })?;
        Ok(self)
    }
}

impl Dataset<'static> {
    /// Opens a folder with `train_metadata.csv`, `features/train/NAME.npz` and, optionally,
    /// `test_metadata.csv`, `features/test/NAME.npz` and `encoders.toml`; with `subset`, only the
    /// encoders named. Of the test metadata only the clips' names are read: training must not depend on
    /// anything else.
    ///
    /// # Errors
    /// An error that names the file, clip or encoder: anything missing or malformed, an encoder
    /// of the training split that the test split lacks or has with another width, a clip that no
    /// encoder has, NaN or infinite features in a row that is used.
    pub fn open(path: &Path, subset: Option<&[String]>) -> Result<Self> {
        let config = DataConfig {
            encoders: subset.map(<[String]>::to_vec),
            ..DataConfig::default()
        };
        Dataset::load(path, &config, false)
    }

    /// As [`Dataset::open`], with the encoders, classes and neutral class of a configuration. The files
    /// are hashed while they are read, for [`Dataset::inputs`].
    ///
    /// # Errors
    /// As [`Dataset::open`]; [`Error::Config`] for a neutral class that is not one of the classes.
    pub fn open_configured(path: &Path, config: &DataConfig) -> Result<Self> {
        Dataset::load(path, config, true)?.with_neutral(config.neutral.as_ref())
    }

    fn load(path: &Path, config: &DataConfig, hash: bool) -> Result<Self> {
        let table = path.join("train_metadata.csv");
        check_data_folder(path)?;
        let reading = Reading::of(config)?;
        let mut train = Metadata::read_with(&table, &reading)?;
        let empty_classes = train.empty_classes.clone();
        let test_table = path.join("test_metadata.csv");
        let test = match config.test_fold {
            Some(fold) => Some(train.take_fold(fold)?),
            None => test_table
                .exists()
                .then(|| Metadata::read_names(&test_table, &train.classes, &reading))
                .transpose()?,
        };

        let folder = path.join("features").join("train");
        let names = feature_files(&folder)?;
        let listed = read_listing(&path.join("encoders.toml"), &names)?;
        let names = arrange(names, &listed);
        let names = select(names, config.encoders.as_deref(), &folder)?;
        let classes = train.classes.clone();
        let files = |part: &str| -> Vec<PathBuf> {
            let folder = path.join("features").join(part);
            let file = |(name, _): &(String, Modality)| folder.join(format!("{name}.npz"));
            names.iter().map(file).collect()
        };
        let train = Split::load(train, &files("train"), hash)?;
        let test = match test {
            Some(test) if config.test_fold.is_some() => {
                Some(Split::load(test, &files("train"), hash)?)
            }
            Some(test) => {
                let files = files("test");
                check_test_files(&files, &test)?;
                if config.encoders.is_none() {
                    check_untrained(&files)?;
                }
                let test = Split::load(test, &files, hash)?;
                same_widths(&train, &test)?;
                same_provenance(&train, &test)?;
                Some(test)
            }
            None => None,
        };
        let encoders = names.into_iter().zip(&train.features);
        let encoders = encoders
            .map(|((name, modality), features)| Encoder {
                name,
                modality,
                width: features.cols(),
            })
            .collect();
        Ok(Dataset {
            path: path.to_path_buf(),
            encoders,
            classes,
            train,
            test,
            test_fold: config.test_fold,
            new_folds: reading.folds,
            normalised_labels: config.normalise_labels,
            empty_classes,
        })
    }
}

fn same_widths(train: &Split<'_>, test: &Split<'_>) -> Result<()> {
    for (train, test) in train.features.iter().zip(&test.features) {
        if let Some(reason) = train.differing_column(test) {
            return Err(Error::Npz {
                path: test.path().to_path_buf(),
                array: None,
                reason,
            });
        }
        if train.cols() != test.cols() {
            return Err(Error::Npz {
                path: test.path().to_path_buf(),
                array: Some("X".into()),
                reason: format!(
                    "has {} columns; expected {}, as in {}",
                    test.cols(),
                    train.cols(),
                    train.path().display()
                ),
            });
        }
    }
    Ok(())
}

/// Refuses a test split whose features were made otherwise than those of the training split.
fn same_provenance(train: &Split<'_>, test: &Split<'_>) -> Result<()> {
    for (train, test) in train.features.iter().zip(&test.features) {
        let (Some(expected), Some(found)) = (train.provenance(), test.provenance()) else {
            continue;
        };
        if let Some(told) = found.difference(expected) {
            return Err(Error::Npz {
                path: test.path().to_path_buf(),
                array: Some(provenance::ARRAY.into()),
                reason: format!(
                    "was made otherwise than {} ({told}); make both alike",
                    train.path().display()
                ),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
