//! One split of a data set: its clips and the row of each in every feature file.

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::warnings::of_features as feature_warnings;
use crate::data::equal_rows::equal_with_other_label;
use crate::data::features::Features;
use crate::data::filename::clip_key;
use crate::data::metadata::actors::ActorSource;
use crate::data::metadata::{Clip, Metadata};
use crate::data::near_names::unlike;
use crate::encoders::Presence;
use crate::kernels::pack::StoredRows;
use crate::{Error, Result};

/// One split of a data set: clips, and for each encoder the row of each clip.
#[derive(Debug)]
pub struct Split<'m> {
    /// Clips in the order of the metadata.
    pub clips: Vec<Clip>,
    /// Where their actors come from.
    pub actors: ActorSource,
    pub(super) metadata: PathBuf,
    /// What to know of its table and its feature files, one line each.
    pub(super) warnings: Vec<String>,
    pub(super) features: Vec<Features<'m>>,
    pub(super) rows: Vec<Vec<Option<u32>>>,
}

/// One feature file, joined with the clips.
struct Loaded {
    features: Features<'static>,
    rows: Vec<Option<u32>>,
    warnings: Vec<String>,
}

impl Split<'static> {
    /// Reads the feature files and joins them with the clips by name.
    pub(super) fn load(metadata: Metadata, files: &[PathBuf], hash: bool) -> Result<Self> {
        Split::load_with(metadata, files, |file| Features::open_with(file, hash))
    }

    /// As [`Split::load`], each encoder read by `open`.
    pub(in crate::data) fn load_with<F: Sync>(
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

    /// Warnings of clips of different folds whose features are equal, one line for each encoder that has
    /// such clips.
    pub fn equal_rows_across_folds(&self) -> Vec<String> {
        let of_encoder = |(features, rows): (&Features, &Vec<Option<u32>>)| {
            let placed = self.clips.iter().zip(rows).enumerate();
            let placed = placed.filter_map(|(at, (clip, row))| Some((at, (*row)?, clip.fold?)));
            let placed: Vec<(usize, u32, usize)> = placed.collect();
            let rows: Vec<(u32, usize)> =
                placed.iter().map(|&(_, row, fold)| (row, fold)).collect();
            let (count, pair) = equal_with_other_label(features, &rows)?;
            let [a, b] = pair.map(|place| self.clips[placed[place].0].filename.as_str());
            Some(format!(
                "{}: {count} clips have the same features as a clip of another fold, such as {a} and {b}: scores will be optimistically biased",
                features.path().display()
            ))
        };
        let encoders = self.features.par_iter().zip(&self.rows);
        encoders.filter_map(of_encoder).collect()
    }

    /// The index of a clip by name, with or without a media extension.
    pub fn clip(&self, name: &str) -> Option<usize> {
        let key = clip_key(name);
        self.clips
            .iter()
            .position(|clip| clip_key(&clip.filename) == key)
    }
}
