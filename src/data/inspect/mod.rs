//! Inspection of a data folder: its contents and its errors, without stopping at the first one.

use std::collections::{BTreeSet, HashSet};
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::dataset::check_data_folder;
use super::filename::clip_key;
use super::label::Classes;
use super::metadata::{Clip, Metadata, Reading, actors, of_neutral};
use super::provenance::Provenance;
use super::task::{Task, TaskKind};
use crate::Result;
use crate::config::{Monitor, Proportions};
use crate::encoders::Modality;

mod encoders;
mod far_columns;
mod labels;
mod rows;
mod shift;
mod telling;

pub use shift::Shift;

/// The results of an inspection.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Inspection {
    /// The folder.
    pub path: PathBuf,
    /// Whether the folder can be used for training: there are no problems.
    pub usable: bool,
    /// Errors that prevent training, one line each.
    pub problems: Vec<String>,
    /// Things to know before trusting results, one line each.
    pub warnings: Vec<String>,
    /// Classes of the training split, in the order of every probability vector.
    pub classes: Vec<ClassCount>,
    /// Number of training blends of exactly two emotions with each proportion, larger share first.
    pub proportions: Vec<(String, usize)>,
    /// What the training labels ask of a model; `None` if they are unreadable.
    pub task: Option<TaskReport>,
    /// The training split; `None` if its metadata are unreadable.
    pub train: Option<SplitReport>,
    /// The test split; `None` if it does not exist or its metadata are unreadable.
    pub test: Option<SplitReport>,
    /// Folds, ascending.
    pub folds: Vec<FoldReport>,
    /// Number of clips without a fold; they are in every training set.
    pub clips_without_fold: usize,
    /// Where the training split's actors come from.
    pub actors: String,
    /// Actors in both splits.
    pub actors_in_both_parts: Vec<String>,
    /// Encoders in the order of the network's inputs.
    pub encoders: Vec<EncoderReport>,
}

/// What the training labels ask of a model.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct TaskReport {
    /// What kind of labels these are.
    pub kind: TaskKind,
    /// The same in a few words.
    pub in_words: String,
    /// Number of clips that show one emotion, two, … up to the most that any shows.
    pub sizes: Vec<usize>,
    /// The proportions that sets are decoded in where `decode.proportions` is `auto`.
    pub proportions: Proportions,
    /// The measure that training and comparisons follow where `train.monitor` is `auto`.
    pub main_measure: Monitor,
}

impl From<&Task> for TaskReport {
    fn from(task: &Task) -> Self {
        Self {
            kind: task.kind,
            in_words: task.in_words(),
            sizes: task.sizes.clone(),
            proportions: task.proportions.clone(),
            main_measure: task.main_measure(),
        }
    }
}

/// One class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ClassCount {
    /// Its name.
    pub name: String,
    /// Whether it is the neutral class.
    pub neutral: bool,
    /// Number of clips that show it alone.
    pub alone: usize,
    /// Number of clips that show it with others.
    pub in_blends: usize,
}

/// One split of the data.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SplitReport {
    /// Number of clips in the metadata.
    pub clips: usize,
    /// Number of labelled clips.
    pub labelled: usize,
    /// Number of clips with exactly two emotions, which ACC_salience is computed on.
    pub blends: usize,
    /// Number of clips with more than two emotions.
    pub mixtures: usize,
    /// Number of different actors.
    pub actors: usize,
    /// Number of clips whose actor is unknown.
    pub clips_without_actor: usize,
    /// Number of clips of each class.
    pub classes: Vec<ClassCount>,
    /// Number of blends of exactly two emotions with each proportion, larger share first.
    pub proportions: Vec<(String, usize)>,
}

/// One fold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FoldReport {
    /// Its number.
    pub fold: usize,
    /// Number of clips.
    pub clips: usize,
    /// Number of clips with exactly two emotions.
    pub blends: usize,
    /// Number of actors.
    pub actors: usize,
    /// Actors that are also in the training set of this fold.
    pub shared_actors: Vec<String>,
}

/// One encoder.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct EncoderReport {
    /// Name of its files.
    pub name: String,
    /// Its modality.
    pub modality: Modality,
    /// Number of columns of its training file.
    pub width: Option<usize>,
    /// Data type of its training file, in NumPy's notation.
    pub dtype: Option<String>,
    /// Number of columns that are constant over the training rows; `None` if values are non-finite.
    pub constant_columns: Option<usize>,
    /// Its training file, if readable.
    pub train: Option<FileReport>,
    /// Its test file, if readable.
    pub test: Option<FileReport>,
    /// The shift between training and test split; `None` if it cannot be computed.
    pub shift: Option<Shift>,
    /// How its features were made, if its training file says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provenance: Option<Provenance>,
}

/// One feature file.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct FileReport {
    /// Its size on disk.
    pub bytes: u64,
    /// Number of rows.
    pub rows: usize,
    /// Number of clips in the metadata that it lacks.
    pub missing_clips: usize,
    /// The share of clips that it lacks, 0 to 1.
    pub missing_share: f64,
    /// Number of rows that are not in the metadata.
    pub unused_rows: usize,
    /// Number of NaN and infinite values in used rows.
    pub non_finite: usize,
    /// Number of columns with such a value.
    pub non_finite_columns: usize,
    /// Number of used rows that equal an earlier one.
    pub duplicate_rows: usize,
    /// The first of these clips, and the clip that it equals.
    pub first_duplicate: Option<[String; 2]>,
    /// Number of used rows whose norm after standardisation has a modified z-score above 3.5 (Iglewicz
    /// and Hoaglin 1993).
    pub norm_outliers: usize,
    /// The most extreme clip among these.
    pub farthest_clip: Option<String>,
}

/// Inspects a folder. Everything readable is reported; errors are listed in `problems`.
pub fn inspect(path: &Path, reading: &Reading<'_>) -> Inspection {
    let mut found = Inspection {
        path: path.to_path_buf(),
        ..Inspection::default()
    };
    if !path.is_dir() {
        found.note(check_data_folder(path));
        return found;
    }
    let train = found.note(Metadata::read_with(
        &path.join("train_metadata.csv"),
        reading,
    ));
    let test_table = path.join("test_metadata.csv");
    let test = if test_table.exists() {
        let classes = train.as_ref().map(|train| &train.classes);
        let none = Classes::new(Vec::<String>::new());
        let classes = classes.unwrap_or(&none);
        let reading = reading.without_folds();
        let read = Metadata::read_against_with(&test_table, classes, &reading);
        // Without the training split its labels cannot be interpreted, which is not an additional error.
        if train.is_some() {
            found.note(read)
        } else {
            read.ok()
        }
    } else {
        None
    };
    if let Some(train) = &train {
        (found.classes, found.proportions) = labels::count(&train.clips, &train.classes);
        found.folds(&train.clips);
        if found.folds.len() > 1 {
            let of_one_fold = labels::of_one_fold(&train.clips, &train.classes);
            found.warnings.extend(of_one_fold);
        }
        found.actors = train.actors.to_string();
        found
            .warnings
            .extend(actors::warnings(&train.clips, &train.actors));
        found.warnings.extend(train.warnings.iter().cloned());
        found
            .warnings
            .extend(of_neutral(&train.classes, &train.clips));
        if !train.empty_classes.is_empty() {
            found.warnings.push(format!(
                "no clip shows {}: the column is 0 throughout, so it is not a class (data.classes keeps it)",
                train.empty_classes.join(", ")
            ));
        }
        found.task = Some((&task(&train.clips)).into());
        found.train = Some(part(train));
    }
    if let Some(test) = &test {
        found.test = Some(part(test));
    }
    if let (Some(train), Some(test)) = (&train, &test) {
        found.compare_parts(&train.clips, &test.clips);
        found.compare_tasks(&task(&train.clips), &task(&test.clips));
    }
    let clips = |metadata: Option<Metadata>| metadata.map(|metadata| metadata.clips);
    found.features(path, [clips(train), clips(test)], test_table.exists());
    found.usable = found.problems.is_empty();
    found
}

impl Inspection {
    fn note<T>(&mut self, result: Result<T>) -> Option<T> {
        result
            .map_err(|error| self.problems.push(error.to_string()))
            .ok()
    }

    fn folds(&mut self, clips: &[Clip]) {
        let numbers: BTreeSet<usize> = clips.iter().filter_map(|clip| clip.fold).collect();
        self.clips_without_fold = clips.iter().filter(|clip| clip.fold.is_none()).count();
        if numbers.is_empty() {
            self.warnings.push(
                "no clip has a fold, so none can be held out: that needs a column fold, or data.folds=K, which makes folds".into(),
            );
            return;
        }
        for fold in numbers {
            let (inside, outside): (Vec<&Clip>, Vec<&Clip>) =
                clips.iter().partition(|clip| clip.fold == Some(fold));
            let (here, there) = (names_of_actors(&inside), names_of_actors(&outside));
            let shared: Vec<String> = here.intersection(&there).map(|a| a.to_string()).collect();
            self.folds.push(FoldReport {
                fold,
                clips: inside.len(),
                blends: of_size(&inside, |size| size == 2),
                actors: here.len(),
                shared_actors: shared,
            });
        }
        let leaking = self
            .folds
            .iter()
            .filter(|fold| !fold.shared_actors.is_empty());
        let leaking: Vec<String> = leaking.map(|fold| fold.fold.to_string()).collect();
        if !leaking.is_empty() {
            self.warnings.push(format!(
                "actors are in both training and validation of fold {}: its scores will be optimistically biased",
                leaking.join(", ")
            ));
        }
    }

    fn compare_tasks(&mut self, train: &Task, test: &Task) {
        let above = test.above(train.max_emotions());
        if above > 0 {
            self.warnings.push(format!(
                "{above} of {} labelled test clips show more than {} emotions, the most of a training clip, and are never predicted right: the ACC_presence of test scores is at most {:.4}",
                test.clips(),
                train.max_emotions(),
                1.0 - above as f64 / test.clips() as f64
            ));
        }
    }

    fn compare_parts(&mut self, train: &[Clip], test: &[Clip]) {
        let in_train = names_of_actors(&train.iter().collect::<Vec<_>>());
        let in_test = names_of_actors(&test.iter().collect::<Vec<_>>());
        let both = in_train.intersection(&in_test).map(|a| a.to_string());
        self.actors_in_both_parts = both.collect();
        if !self.actors_in_both_parts.is_empty() {
            self.warnings.push(format!(
                "{} of {} test actors are in the training split too: test scores will be optimistically biased",
                self.actors_in_both_parts.len(),
                in_test.len()
            ));
        }
        let names: HashSet<&str> = train.iter().map(|clip| clip_key(&clip.filename)).collect();
        let known = |clip: &&Clip| names.contains(clip_key(&clip.filename));
        let twice = test.iter().filter(known).count();
        if twice > 0 {
            self.warnings.push(format!(
                "{twice} test clips have the name of a training clip"
            ));
        }
    }
}

fn task(clips: &[Clip]) -> Task {
    Task::of(clips.iter().filter_map(|clip| clip.truth.as_ref()))
}

fn part(metadata: &Metadata) -> SplitReport {
    let clips = &metadata.clips;
    let all: Vec<&Clip> = clips.iter().collect();
    let (classes, proportions) = labels::count(clips, &metadata.classes);
    SplitReport {
        classes,
        proportions,
        clips: clips.len(),
        labelled: clips.iter().filter(|clip| clip.truth.is_some()).count(),
        blends: of_size(&all, |size| size == 2),
        mixtures: of_size(&all, |size| size > 2),
        actors: names_of_actors(&all).len(),
        clips_without_actor: clips.iter().filter(|clip| clip.actor.is_none()).count(),
    }
}

fn of_size(clips: &[&Clip], wanted: fn(usize) -> bool) -> usize {
    let truths = clips.iter().filter_map(|clip| clip.truth.as_ref());
    truths.filter(|truth| wanted(truth.parts().len())).count()
}

fn names_of_actors<'a>(clips: &[&'a Clip]) -> BTreeSet<&'a str> {
    clips
        .iter()
        .filter_map(|clip| clip.actor.as_deref())
        .collect()
}

#[cfg(test)]
mod tests;
