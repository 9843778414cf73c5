//! A data set, of a folder or of arrays: its encoders, its classes, and the row of each clip.

use std::collections::{BTreeMap, HashSet};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::features::Features;
use super::filename::clip_key;
use super::label::{Blend, Classes};
use super::metadata::actors::{self, ActorSource};
use super::metadata::{Clip, Metadata, NewFolds, Reading, by_clip, of_neutral};
use super::near_names::unlike;
use super::provenance::{self, Provenance};
use super::registry::{arrange, read_listing};
use super::task::Task;
use crate::config::{DataConfig, StandardiseBy};
use crate::encoders::{Encoder, Modality, Presence};
use crate::kernels::pack::StoredRows;
use crate::suggest::instead;
use crate::{Error, Result};

mod folder;
mod inputs;
mod memory;
mod warnings;

pub(super) use folder::{check_data_folder, check_untrained, feature_files, missing_features};
use folder::{check_test_files, select};
pub use memory::{EncoderRows, Folds, LabelledRows};
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

/// One split of a data set: clips, and for each encoder the row of each clip.
#[derive(Debug)]
pub struct Split<'m> {
    /// Clips in the order of the metadata.
    pub clips: Vec<Clip>,
    /// Where their actors come from.
    pub actors: ActorSource,
    metadata: PathBuf,
    /// What to know of its table and its feature files, one line each.
    warnings: Vec<String>,
    features: Vec<Features<'m>>,
    rows: Vec<Vec<Option<u32>>>,
}

/// One feature file, joined with the clips.
struct Loaded {
    features: Features<'static>,
    rows: Vec<Option<u32>>,
    warnings: Vec<String>,
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
    /// As [`Features::check_unchanged`].
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
                .then(|| Metadata::read_names(&test_table, &train.classes))
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

impl Split<'static> {
    /// Reads the feature files and joins them with the clips by name.
    fn load(metadata: Metadata, files: &[PathBuf], hash: bool) -> Result<Self> {
        Split::load_with(metadata, files, |file| Features::open_with(file, hash))
    }

    /// As [`Split::load`], each encoder read by `open`.
    pub(super) fn load_with<F: Sync>(
        metadata: Metadata,
        files: &[F],
        open: impl Fn(&F) -> Result<Features<'static>> + Sync,
    ) -> Result<Self> {
        let clips = metadata.clips;
        let loaded: Vec<Result<Loaded>> = files
            .par_iter()
            .map(|file| {
                let features = open(file)?;
                let row = |clip: &Clip| features.row(&clip.filename);
                let rows: Vec<Option<u32>> = clips.iter().map(row).collect();
                if features.rows() > 0 && rows.iter().all(Option::is_none) {
                    return Err(Error::Data(format!(
                        "{}: has none of the {} clips of {}: {}",
                        features.path().display(),
                        clips.len(),
                        metadata.path.display(),
                        unlike(&features.names()[0], &clips[0].filename),
                    )));
                }
                features.check_finite(rows.iter().flatten().copied())?;
                let warnings = feature_warnings(&features, &clips, &rows, &metadata.path);
                Ok(Loaded {
                    features: features.without_names(),
                    rows,
                    warnings,
                })
            })
            .collect();
        // In order, so that the reported error does not depend on the threads.
        let mut split = Split {
            clips: Vec::new(),
            actors: metadata.actors,
            metadata: metadata.path,
            warnings: metadata.warnings,
            features: Vec::new(),
            rows: Vec::new(),
        };
        for loaded in loaded {
            let loaded = loaded?;
            split.features.push(loaded.features);
            split.rows.push(loaded.rows);
            split.warnings.extend(loaded.warnings);
        }
        let nowhere = |&clip: &usize| split.rows.iter().all(|rows| rows[clip].is_none());
        let lost: Vec<usize> = (0..clips.len()).filter(nowhere).collect();
        if let Some(&first) = lost.first() {
            let more = match lost.len() - 1 {
                0 => String::new(),
                more => format!(", nor {more} other clips"),
            };
            return Err(Error::Csv {
                path: split.metadata,
                line: Some(clips[first].line),
                column: Some("filename".into()),
                reason: format!(
                    "no encoder has the clip {:?}{more}; add its features or remove it here",
                    clips[first].filename
                ),
            });
        }
        split.clips = clips;
        Ok(split)
    }
}

impl<'m> Split<'m> {
    /// The features of each encoder, in the network's order.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Features<'m>> {
        self.features.iter()
    }

    /// What to know of its table and its feature files, one line each.
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// The same clips with other features: one file per encoder, with its columns. An encoder without a
    /// file has none of the clips; a clip that a file lacks counts as missing.
    ///
    /// # Errors
    /// As [`Features::open`]; [`Error::Npz`] for a file with other columns.
    pub fn with_features(&self, files: &[(PathBuf, usize)]) -> Result<Split<'static>> {
        let mut split = Split {
            clips: self.clips.clone(),
            actors: self.actors.clone(),
            metadata: self.metadata.clone(),
            features: Vec::with_capacity(files.len()),
            rows: Vec::with_capacity(files.len()),
            warnings: Vec::new(),
        };
        for (path, cols) in files {
            let features = match path.exists() {
                true => Features::open(path)?,
                false => Features::absent(path, *cols),
            };
            if features.cols() != *cols {
                return Err(Error::Npz {
                    path: path.clone(),
                    array: Some("X".into()),
                    reason: format!("has {} columns; expected {cols}", features.cols()),
                });
            }
            let row = |clip: &Clip| features.row(&clip.filename);
            split.rows.push(self.clips.iter().map(row).collect());
            split.features.push(features.without_names());
        }
        Ok(split)
    }

    /// Refuses features that another program changed since they were opened.
    ///
    /// # Errors
    /// As [`Features::check_unchanged`].
    pub fn check_unchanged(&self) -> Result<()> {
        self.features.iter().try_for_each(Features::check_unchanged)
    }

    /// Releases the pages of mapped features until they are read again, so that a single pass over the
    /// clips keeps no more than a batch in memory.
    pub fn release(&self) {
        self.features.iter().for_each(Features::release);
    }

    /// The metadata file.
    pub fn metadata_path(&self) -> &Path {
        &self.metadata
    }

    /// Number of clips.
    pub fn len(&self) -> usize {
        self.clips.len()
    }

    /// Whether there are none; an open data set has at least one.
    pub fn is_empty(&self) -> bool {
        self.clips.is_empty()
    }

    /// Whether features can be standardised per actor: it is known whom clips show, most actors have more than
    /// one clip, and the actors are not a guess that takes all clips for one.
    pub fn can_standardise_per_actor(&self) -> bool {
        let known = self.clips.iter().filter_map(|clip| clip.actor.as_deref());
        let actors: HashSet<&str> = known.clone().collect();
        let guessed_alike = self.actors == ActorSource::Names && actors.len() < 2;
        !guessed_alike && !actors.is_empty() && known.count() >= 2 * actors.len()
    }

    /// An encoder's features.
    pub fn features(&self, encoder: usize) -> &Features<'m> {
        &self.features[encoder]
    }

    /// An encoder's matrix as the kernels take it.
    pub fn source(&self, encoder: usize) -> StoredRows<'_> {
        self.features[encoder].source()
    }

    /// For each clip its row of an encoder's matrix; `None` where the encoder lacks the clip.
    pub fn rows(&self, encoder: usize) -> &[Option<u32>] {
        &self.rows[encoder]
    }

    /// Which encoders each of the given clips has.
    pub fn presence(&self, clips: &[usize]) -> Presence {
        let column = |rows: &Vec<Option<u32>>| {
            let here = |&clip: &usize| rows[clip].is_some();
            clips.iter().map(here).collect::<Vec<bool>>()
        };
        Presence::from_columns(self.rows.iter().map(column))
    }

    /// Number of encoders.
    pub fn encoders(&self) -> usize {
        self.features.len()
    }

    /// The index of a clip by name, with or without a media extension.
    pub fn clip(&self, name: &str) -> Option<usize> {
        let key = clip_key(name);
        self.clips
            .iter()
            .position(|clip| clip_key(&clip.filename) == key)
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
                    "was made otherwise than {} ({told}); extract both alike",
                    train.path().display()
                ),
            });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
