//! A data folder: its encoders, its classes, and which row of which file belongs to which clip.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::features::Features;
use super::filename::clip_key;
use super::label::{Blend, Classes};
use super::metadata::{Clip, Metadata};
use super::registry::{Modality, arrange};
use crate::kernels::pack::StoredRows;
use crate::{Error, Result};

mod folder;
mod inputs;

pub(super) use folder::{check_data_folder, check_untrained, feature_files};
use folder::{check_test_files, select};

/// One encoder of a data set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EncoderInfo {
    /// Name of its feature file, without `.npz`.
    pub name: String,
    /// What it looks at.
    pub modality: Modality,
    /// Features D of a clip.
    pub cols: usize,
}

/// Which parts of a data folder to take, where not all.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Only these encoders, kept in the order of the data set.
    pub encoders: Option<Vec<String>>,
    /// The classes in this order, instead of those that the metadata hold.
    pub classes: Option<Vec<String>>,
    /// Whether the files are hashed while they are read, for [`Dataset::inputs`].
    pub hash: bool,
}

/// An open data folder.
#[derive(Debug)]
pub struct Dataset {
    /// The folder.
    pub path: PathBuf,
    /// Encoders in the order of everything that is indexed by encoder.
    pub encoders: Vec<EncoderInfo>,
    /// Classes in the order of every target.
    pub classes: Classes,
    /// The training part; every clip is labelled.
    pub train: Split,
    /// The test part without its labels, where the folder has one.
    pub test: Option<Split>,
}

/// One part of a data set: clips, and for each encoder the row of each clip.
#[derive(Debug)]
pub struct Split {
    /// Clips in the order of the metadata.
    pub clips: Vec<Clip>,
    metadata: PathBuf,
    features: Vec<Features>,
    rows: Vec<Vec<Option<u32>>>,
}

impl Dataset {
    fn splits(&self) -> impl Iterator<Item = &Split> {
        [Some(&self.train), self.test.as_ref()]
            .into_iter()
            .flatten()
    }

    /// What the test clips show, where their metadata say it: to score predictions, once nothing is
    /// trained any more. Empty without a test part.
    ///
    /// # Errors
    /// As [`Metadata::read_against`]; [`Error::Data`] if the table lists other clips by now.
    pub fn test_truths(&self) -> Result<Vec<Option<Blend>>> {
        let Some(test) = &self.test else {
            return Ok(Vec::new());
        };
        let labelled = Metadata::read_against(&test.metadata, &self.classes)?;
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

    /// Refuses features that another program changed since they were opened.
    ///
    /// # Errors
    /// As [`Features::check_unchanged`].
    pub fn check_unchanged(&self) -> Result<()> {
        self.splits().try_for_each(Split::check_unchanged)
    }

    /// Opens a folder with `train_metadata.csv`, `features/train/NAME.npz` and, optionally,
    /// `test_metadata.csv`, `features/test/NAME.npz` and `encoders.toml`; with `subset`, only the
    /// encoders named. Of the test metadata only the clips' names are read: whoever trains must not
    /// know more.
    ///
    /// # Errors
    /// One that names the file, clip or encoder at fault: anything missing or malformed, an encoder
    /// of the training part that the test part lacks or holds in another width, a clip that no
    /// encoder has, NaN or infinite features in a row that is used.
    pub fn open(path: &Path, subset: Option<&[String]>) -> Result<Dataset> {
        let selection = Selection {
            encoders: subset.map(<[String]>::to_vec),
            ..Selection::default()
        };
        Dataset::open_with(path, &selection)
    }

    /// As [`Dataset::open`], with classes of one's own where wanted.
    ///
    /// # Errors
    /// As [`Dataset::open`].
    pub fn open_with(path: &Path, selection: &Selection) -> Result<Dataset> {
        let table = path.join("train_metadata.csv");
        check_data_folder(path)?;
        let train = Metadata::read(&table, selection.classes.as_deref())?;
        let test_table = path.join("test_metadata.csv");
        let test = test_table
            .exists()
            .then(|| Metadata::read_names(&test_table, &train.classes))
            .transpose()?;

        let folder = path.join("features").join("train");
        let names = arrange(feature_files(&folder)?, &path.join("encoders.toml"))?;
        let names = select(names, selection.encoders.as_deref(), &folder)?;
        let classes = train.classes.clone();
        let files = |part: &str| -> Vec<PathBuf> {
            let folder = path.join("features").join(part);
            let file = |(name, _): &(String, Modality)| folder.join(format!("{name}.npz"));
            names.iter().map(file).collect()
        };
        let train = Split::load(train, &files("train"), selection.hash)?;
        let test = match test {
            Some(test) => {
                let files = files("test");
                check_test_files(&files, &test)?;
                if selection.encoders.is_none() {
                    check_untrained(&files)?;
                }
                let test = Split::load(test, &files, selection.hash)?;
                same_widths(&train, &test)?;
                Some(test)
            }
            None => None,
        };
        let encoders = names.into_iter().zip(&train.features);
        let encoders = encoders
            .map(|((name, modality), features)| EncoderInfo {
                name,
                modality,
                cols: features.cols(),
            })
            .collect();
        Ok(Dataset {
            path: path.to_path_buf(),
            encoders,
            classes,
            train,
            test,
        })
    }
}

impl Split {
    /// Reads the feature files and joins them with the clips by name.
    fn load(metadata: Metadata, files: &[PathBuf], hash: bool) -> Result<Split> {
        Split::load_with(metadata, files, |file| Features::open_with(file, hash))
    }

    /// As [`Split::load`], each encoder read by `open`.
    pub(super) fn load_with<F: Sync>(
        metadata: Metadata,
        files: &[F],
        open: impl Fn(&F) -> Result<Features> + Sync,
    ) -> Result<Split> {
        let clips = metadata.clips;
        let loaded: Vec<Result<(Features, Vec<Option<u32>>)>> = files
            .par_iter()
            .map(|file| {
                let features = open(file)?;
                let row = |clip: &Clip| features.row(&clip.filename);
                let rows: Vec<Option<u32>> = clips.iter().map(row).collect();
                if features.rows() > 0 && rows.iter().all(Option::is_none) {
                    return Err(Error::Data(format!(
                        "{}: has none of the {} clips of {}: its filenames look like {:?}, those of the metadata like {:?}",
                        features.path().display(),
                        clips.len(),
                        metadata.path.display(),
                        features.names()[0],
                        clips[0].filename,
                    )));
                }
                features.check_finite(rows.iter().flatten().copied())?;
                Ok((features.without_names(), rows))
            })
            .collect();
        // In order, so that the same fault is reported whatever thread met one first.
        let mut split = Split {
            clips: Vec::new(),
            metadata: metadata.path,
            features: Vec::new(),
            rows: Vec::new(),
        };
        for loaded in loaded {
            let (features, rows) = loaded?;
            split.features.push(features);
            split.rows.push(rows);
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

    /// Refuses features that another program changed since they were opened.
    ///
    /// # Errors
    /// As [`Features::check_unchanged`].
    pub fn check_unchanged(&self) -> Result<()> {
        self.features.iter().try_for_each(Features::check_unchanged)
    }

    /// Gives the pages of mapped features back to the system until they are read again: whoever goes
    /// over clips once holds no more than a batch of them.
    pub fn release(&self) {
        self.features.iter().for_each(Features::release);
    }

    /// The metadata file.
    pub fn metadata_path(&self) -> &Path {
        &self.metadata
    }

    /// How many clips.
    pub fn len(&self) -> usize {
        self.clips.len()
    }

    /// Whether there are none; an open data set has at least one.
    pub fn is_empty(&self) -> bool {
        self.clips.is_empty()
    }

    /// An encoder's feature file.
    pub fn features(&self, encoder: usize) -> &Features {
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

    /// Encoders.
    pub fn encoders(&self) -> usize {
        self.features.len()
    }

    /// The place of a clip by name, with or without a media extension.
    pub fn clip(&self, name: &str) -> Option<usize> {
        let key = clip_key(name);
        self.clips
            .iter()
            .position(|clip| clip_key(&clip.filename) == key)
    }
}

fn same_widths(train: &Split, test: &Split) -> Result<()> {
    for (train, test) in train.features.iter().zip(&test.features) {
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

#[cfg(test)]
mod tests;
