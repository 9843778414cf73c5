//! Where the truth of predicted clips comes from: a metadata table, or the challenge's clip names.

use std::collections::{BTreeSet, HashSet};
use std::path::Path;

use super::filename;
use crate::data::filename::clip_key;
use crate::data::label::{Blend, CHALLENGE_CLASSES, Classes};
use crate::data::metadata::{Metadata, Reading};
use crate::{Error, Result};

/// The truth of some clips.
#[derive(Clone, Debug, PartialEq)]
pub struct Truths {
    /// `(name, truth)`, in the order of their source.
    pub clips: Vec<(String, Blend)>,
    /// The fold of each, where there is one; empty where the source has no folds.
    pub folds: Vec<Option<usize>>,
}

impl Truths {
    /// The folds that are predicted as a whole, if every clip with a label that is not (`missing`) is of
    /// another fold or of none: the predictions of a model for the clips that it did not train on.
    pub fn whole_folds(&self, missing: &[String]) -> Option<BTreeSet<usize>> {
        if self.folds.len() != self.clips.len() {
            return None;
        }
        let missing: HashSet<&str> = missing.iter().map(|name| clip_key(name)).collect();
        let (mut predicted, mut others) = (BTreeSet::new(), BTreeSet::new());
        for ((name, _), fold) in self.clips.iter().zip(&self.folds) {
            match (missing.contains(clip_key(name)), fold) {
                (false, None) => return None,
                (false, Some(fold)) => predicted.insert(*fold),
                (true, fold) => fold.is_some_and(|fold| others.insert(fold)),
            };
        }
        (!predicted.is_empty() && predicted.is_disjoint(&others)).then_some(predicted)
    }

    /// The truth that a metadata table holds for its labelled clips.
    ///
    /// # Errors
    /// As [`Metadata::read_against`]; [`Error::Csv`] if no clip has a label.
    pub fn from_metadata(path: &Path, classes: &Classes) -> Result<Self> {
        Self::from_metadata_with(path, classes, &Reading::default())
    }

    /// As [`Truths::from_metadata`], with the choices of a reading.
    ///
    /// # Errors
    /// As [`Truths::from_metadata`].
    pub fn from_metadata_with(
        path: &Path,
        classes: &Classes,
        reading: &Reading<'_>,
    ) -> Result<Self> {
        let metadata = Metadata::read_against_with(path, classes, reading)?;
        let labelled = metadata.clips.into_iter();
        let (clips, folds): (Vec<_>, Vec<_>) = labelled
            .filter_map(|clip| Some(((clip.filename, clip.truth?), clip.fold)))
            .unzip();
        if clips.is_empty() {
            return Err(Error::Csv {
                path: path.to_owned(),
                line: None,
                column: None,
                reason: "has no labels to compare with; expected mix, emotion_1, … or one column per class".into(),
            });
        }
        Ok(Self { clips, folds })
    }

    /// The truth that the challenge's names tell.
    ///
    /// # Errors
    /// [`Error::Data`] naming the first clip whose name tells none.
    pub fn from_names<'a>(
        names: impl IntoIterator<Item = &'a str>,
        classes: &Classes,
    ) -> Result<Self> {
        let truth = |name: &str| Ok((name.to_owned(), filename::truth(name, classes)?));
        Ok(Self {
            clips: names.into_iter().map(truth).collect::<Result<_>>()?,
            folds: Vec::new(),
        })
    }

    /// From the metadata where there are some, otherwise from the names.
    ///
    /// # Errors
    /// As [`Truths::from_metadata`] and [`Truths::from_names`].
    pub fn of<'a>(
        metadata: Option<&Path>,
        reading: &Reading<'_>,
        names: impl IntoIterator<Item = &'a str>,
        classes: &Classes,
    ) -> Result<Self> {
        match metadata {
            Some(path) => Self::from_metadata_with(path, classes, reading),
            None => Self::from_names(names, classes),
        }
    }
}

/// The classes of a prediction file, which does not list them: the challenge's without metadata or
/// where all of the metadata's are among its six, otherwise the metadata's.
///
/// # Errors
/// As [`Metadata::read_with`].
pub fn classes(metadata: Option<&Path>, reading: &Reading<'_>) -> Result<Classes> {
    let Some(path) = metadata else {
        return Ok(Classes::challenge());
    };
    // A prediction may name a class that no clip of the metadata shows.
    let reading = Reading {
        keep_empty_classes: true,
        ..reading.clone()
    };
    let classes = Metadata::read_with(path, &reading)?.classes;
    let of_challenge = |name: &String| CHALLENGE_CLASSES.contains(&name.as_str());
    Ok(if classes.names().iter().all(of_challenge) {
        Classes::challenge()
    } else {
        classes
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("truth.csv");
        std::fs::write(&path, text).unwrap();
        (folder, path)
    }

    #[test]
    fn unlabelled_clips_are_left_out_and_none_at_all_is_an_error() {
        let (_folder, path) = table("filename,mix,emotion_1\na,0,sad\nb,,\n");
        let truths = Truths::from_metadata(&path, &Classes::challenge()).unwrap();
        assert_eq!(truths.clips, [("a".to_owned(), Blend::single(4))]);
        let (_folder, path) = table("filename\na\n");
        let error = Truths::from_metadata(&path, &Classes::challenge()).unwrap_err();
        assert!(error.to_string().contains("no labels"), "{error}");
    }

    #[test]
    fn whole_folds_are_told_from_gaps() {
        let text = "filename,fold,mix,emotion_1\na.mov,0,0,sad\nb,0,0,sad\nc,1,0,sad\nd,,0,sad\n";
        let (_folder, path) = table(text);
        let truths = Truths::from_metadata(&path, &Classes::challenge()).unwrap();
        let folds = |missing: &[&str]| {
            let missing: Vec<String> = missing.iter().map(|name| name.to_string()).collect();
            let folds = truths.whole_folds(&missing)?;
            Some(folds.into_iter().collect::<Vec<_>>())
        };
        assert_eq!(folds(&["c", "d"]), Some(vec![0]));
        assert_eq!(folds(&["d"]), Some(vec![0, 1]));
        // One clip of fold 0 is not predicted; a clip of no fold is.
        assert_eq!(folds(&["a", "c", "d"]), None);
        assert_eq!(folds(&["c"]), None);
    }

    #[test]
    fn a_table_of_two_of_the_challenges_classes_still_means_all_six() {
        let (_folder, path) = table("filename,mix,emotion_1\na,0,sad\nb,0,neu\n");
        assert_eq!(
            classes(Some(&path), &Reading::default()).unwrap(),
            Classes::challenge()
        );
        let (_folder, path) = table("filename,mix,emotion_1\na,0,awe\nb,0,joy\n");
        assert_eq!(
            classes(Some(&path), &Reading::default()).unwrap().names(),
            ["awe", "joy"]
        );
    }

    #[test]
    fn names_that_tell_nothing_are_named() {
        let error = Truths::of(
            None,
            &Reading::default(),
            ["test_0001.mov"],
            &Classes::challenge(),
        )
        .unwrap_err();
        assert!(error.to_string().contains("test_0001.mov"), "{error}");
    }
}
