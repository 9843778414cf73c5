//! Inspection of the feature files of a folder, one at a time.

use std::collections::HashMap;
use std::path::Path;

use rayon::prelude::*;

use super::rows::Rows;
use super::shift::{self, Sample, Shift};
use super::{EncoderReport, FileReport, Inspection};
use super::{far_columns, telling};
use crate::data::dataset::{check_untrained, feature_files, feature_warnings, missing_features};
use crate::data::features::Features;
use crate::data::metadata::Clip;
use crate::data::near_names::unlike;
use crate::data::provenance::Provenance;
use crate::data::registry::{arrange, read_listing};
use crate::data::standardise::ColumnStats;
use crate::encoders::Modality;
use crate::error::{Error, Result};

/// The names of the splits in paths.
const SPLITS: [&str; 2] = ["train", "test"];

/// The report of a readable feature file, without its values.
struct Told {
    cols: usize,
    dtype: &'static str,
    constant_columns: Option<usize>,
    report: FileReport,
    /// For each clip, whether the file has it.
    has: Vec<bool>,
    problem: Option<String>,
    warnings: Vec<String>,
    /// The columns that tell the label of every clip.
    telling: Vec<String>,
    /// What to say of columns that lie far off in held-out clips.
    far: Option<String>,
    provenance: Option<Provenance>,
    /// Number of clips whose row equals one of a clip in another fold, and the first such pair.
    across_folds: Option<(usize, [String; 2])>,
}

/// The files of one encoder, and the shift between them.
struct Files {
    parts: [Option<Result<Told>>; 2],
    shift: Option<Shift>,
    /// Number of test clips whose rows equal those of training clips, and the first such pair.
    twins: Option<(usize, String, String)>,
    /// How the columns of the two files differ.
    differs: Option<String>,
}

impl Inspection {
    /// Reads every feature file of both splits; `clips` are those of the metadata, if readable.
    pub(super) fn features(&mut self, path: &Path, clips: [Option<Vec<Clip>>; 2], has_test: bool) {
        let folders = SPLITS.map(|part| path.join("features").join(part));
        let tables = SPLITS.map(|part| path.join(format!("{part}_metadata.csv")));
        let Some(names) = self.note(feature_files(&folders[0])) else {
            return;
        };
        // If the folder's own listing is invalid, the built-in order is used.
        let listed = self.note(read_listing(&path.join("encoders.toml"), &names));
        let arranged = arrange(names, &listed.unwrap_or_default());
        let file = |(name, _): &(String, Modality)| folders[1].join(format!("{name}.npz"));
        if has_test && folders[1].is_dir() {
            let known: Vec<_> = arranged.iter().map(file).collect();
            self.note(check_untrained(&known));
        }
        let actors = Actors::of(&clips);
        let open = |encoder: &(String, Modality), part: usize| {
            let file = folders[part].join(format!("{}.npz", encoder.0));
            match Open::read(&file, clips[part].as_deref(), &tables[part]) {
                Err(Error::Read { source, .. })
                    if part == 1 && source.kind() == std::io::ErrorKind::NotFound =>
                {
                    let listed = clips[1].as_ref().map_or(0, Vec::len);
                    Err(missing_features(&file, &tables[1], listed))
                }
                read => read,
            }
        };
        // One encoder after another, so that a folder larger than memory can be inspected.
        let files: Vec<Files> = arranged
            .par_iter()
            .map(|encoder| {
                let test = has_test.then(|| open(encoder, 1));
                look(open(encoder, 0), test, &actors)
            })
            .collect();
        let mut has: [Option<Vec<bool>>; 2] = [None, None];
        let mut complete = true;
        let mut twins = Vec::new();
        for ((name, modality), files) in arranged.into_iter().zip(files) {
            let parts = files
                .parts
                .map(|file| file.and_then(|file| self.note(file)));
            complete &= parts[0].is_some();
            for (has, file) in has.iter_mut().zip(&parts) {
                let Some(file) = file else { continue };
                let has = has.get_or_insert_with(|| vec![false; file.has.len()]);
                has.iter_mut()
                    .zip(&file.has)
                    .for_each(|(has, &here)| *has |= here);
            }
            self.problems.extend(files.differs);
            twins.extend(files.twins.map(|found| (name.clone(), found)));
            self.report(name, modality, parts, files.shift);
        }
        if let Some((name, (count, test, train))) = twins.first() {
            self.warnings.push(format!(
                "test rows equal training rows in {} of {} encoders: {name} has {count}, the first {test:?} that of {train:?}",
                twins.len(),
                self.encoders.len()
            ));
        }
        if complete {
            for ((part, clips), has) in SPLITS.iter().zip(&clips).zip(has) {
                self.clips_nowhere(part, clips.as_deref(), has);
            }
        }
    }

    /// Reports the training and the test file of an encoder.
    fn report(
        &mut self,
        name: String,
        modality: Modality,
        [train, test]: [Option<Told>; 2],
        shift: Option<Shift>,
    ) {
        for file in [&train, &test].into_iter().flatten() {
            self.problems.extend(file.problem.clone());
            self.warnings.extend(file.warnings.iter().cloned());
        }
        if let (Some(train), Some(test)) = (&train, &test)
            && train.cols != test.cols
        {
            self.problems.push(format!(
                "encoder {name}: {} columns in training, {} in test; expected the same",
                train.cols, test.cols
            ));
        }
        let made = |file: &Option<Told>| file.as_ref().and_then(|file| file.provenance.clone());
        if let (Some(here), Some(there)) = (made(&train), made(&test))
            && let Some(told) = there.difference(&here)
        {
            self.problems.push(format!(
                "encoder {name}: its test features were made otherwise than those of training: {told}"
            ));
        }
        self.warn_of(&name, train.as_ref());
        self.encoders.push(EncoderReport {
            name,
            modality,
            width: train.as_ref().map(|file| file.cols),
            dtype: train.as_ref().map(|file| file.dtype.to_owned()),
            constant_columns: train.as_ref().and_then(|file| file.constant_columns),
            provenance: made(&train),
            train: train.map(|file| file.report),
            test: test.map(|file| file.report),
            shift,
        });
    }

    fn warn_of(&mut self, name: &str, train: Option<&Told>) {
        let Some(file) = train else { return };
        if file.constant_columns == Some(file.cols) {
            self.warnings.push(format!(
                "encoder {name}: every column is constant in the training split, so it carries no information"
            ));
        }
        if let Some(first) = file.telling.first() {
            let more = match file.telling.len() - 1 {
                0 => String::new(),
                more => format!(" (and {more} more)"),
            };
            self.warnings.push(format!(
                "encoder {name}: column {first} alone tells the label of every training clip{more}: if it is the label, leave it out"
            ));
        }
        if let Some(text) = &file.far {
            self.warnings.push(format!("encoder {name}: {text}"));
        }
        if let Some((count, [a, b])) = &file.across_folds {
            self.warnings.push(format!(
                "encoder {name}: {count} clips have the same features as a clip of another fold, such as {a} and {b}: scores will be optimistically biased"
            ));
        }
    }

    fn clips_nowhere(&mut self, part: &str, clips: Option<&[Clip]>, has: Option<Vec<bool>>) {
        let (Some(clips), Some(has)) = (clips, has) else {
            return;
        };
        let lost: Vec<&Clip> = clips
            .iter()
            .zip(has)
            .filter_map(|(clip, has)| (!has).then_some(clip))
            .collect();
        if let Some(first) = lost.first() {
            self.problems.push(format!(
                "{part}_metadata.csv, line {}: no encoder has the clip {:?} ({} such clips); add its features or remove it",
                first.line,
                first.filename,
                lost.len()
            ));
        }
    }
}

/// The actors of all clips, as numbers.
struct Actors([Vec<Option<usize>>; 2]);

impl Actors {
    fn of(clips: &[Option<Vec<Clip>>; 2]) -> Actors {
        let mut numbers: HashMap<&str, usize> = HashMap::new();
        Actors([0, 1].map(|part| {
            let clips = clips[part].as_deref().unwrap_or_default();
            let number = |clip| {
                let clip: &Clip = clip;
                let next = numbers.len();
                Some(*numbers.entry(clip.actor.as_deref()?).or_insert(next))
            };
            clips.iter().map(number).collect()
        }))
    }

    /// Those of some clips of a split; unknown without metadata.
    fn pick(&self, part: usize, clips: &[usize]) -> Vec<Option<usize>> {
        let of = |&clip: &usize| self.0[part].get(clip).copied().flatten();
        clips.iter().map(of).collect()
    }
}

/// A feature file with its values.
struct Open {
    features: Features<'static>,
    /// The indices of the clips that it has, and their rows; all rows if no clips are known.
    clips: Vec<usize>,
    used: Vec<u32>,
    /// The folds of these rows, where clips have folds.
    folds: HashMap<u32, usize>,
    has: Vec<bool>,
    /// The columns that tell the label of every clip.
    telling: Vec<usize>,
    bytes: u64,
    problem: Option<String>,
    warnings: Vec<String>,
}

impl Open {
    fn read(path: &Path, clips: Option<&[Clip]>, table: &Path) -> Result<Open> {
        let features = Features::open(path)?;
        let wanted = clips.unwrap_or_default();
        let rows: Vec<Option<u32>> = wanted
            .iter()
            .map(|clip| features.row(&clip.filename))
            .collect();
        let folds = rows.iter().zip(wanted);
        let folds = folds.filter_map(|(row, clip)| Some(((*row)?, clip.fold?)));
        let folds = folds.collect();
        let places = rows.iter().enumerate();
        let (clips, used): (Vec<usize>, Vec<u32>) = match clips {
            Some(_) => places.filter_map(|(at, row)| Some((at, (*row)?))).unzip(),
            None => (0..features.rows()).map(|row| (row, row as u32)).unzip(),
        };
        let labelled: Vec<&Clip> = clips.iter().filter_map(|&clip| wanted.get(clip)).collect();
        let telling = match labelled.len() == used.len() {
            true => telling::columns(&features, &used, &labelled),
            false => Vec::new(),
        };
        let none = !wanted.is_empty() && used.is_empty();
        let warnings = match none {
            true => Vec::new(),
            false => feature_warnings(&features, wanted, &rows, table),
        };
        let problem = if none {
            Some(format!(
                "{}: has none of the {} clips in the metadata: {}",
                path.display(),
                wanted.len(),
                unlike(&features.names()[0], &wanted[0].filename)
            ))
        } else {
            let checked = features.check_finite(used.iter().copied());
            checked.err().map(|error| error.to_string())
        };
        Ok(Open {
            bytes: std::fs::metadata(path).map_or(0, |file| file.len()),
            features,
            clips,
            used,
            folds,
            has: rows.iter().map(Option::is_some).collect(),
            telling,
            problem,
            warnings,
        })
    }

    fn told(self, rows: Rows, constant_columns: Option<usize>) -> Told {
        let name = |row: u32| self.features.names()[row as usize].clone();
        let missing_clips = self.has.iter().filter(|here| !**here).count();
        let fold = |row: u32| self.folds.get(&row);
        let differ =
            |&(a, b): &(u32, u32)| matches!((fold(a), fold(b)), (Some(a), Some(b)) if a != b);
        let across: Vec<(u32, u32)> = rows.duplicates.iter().copied().filter(differ).collect();
        let across_folds = across
            .first()
            .map(|&(a, b)| (across.len(), [name(b), name(a)]));
        let report = FileReport {
            bytes: self.bytes,
            rows: self.features.rows(),
            missing_clips,
            missing_share: missing_clips as f64 / self.has.len().max(1) as f64,
            unused_rows: self.features.rows() - self.used.len(),
            non_finite: (self.features.non_finite(self.used.iter().copied()))
                .map_or(0, |found| found.values),
            non_finite_columns: rows.non_finite_columns,
            duplicate_rows: rows.duplicates.len(),
            first_duplicate: rows.duplicates.first().map(|&(a, b)| [name(a), name(b)]),
            norm_outliers: rows.outliers.len(),
            farthest_clip: rows.outliers.first().map(|&(row, _)| name(row)),
        };
        let telling = self
            .telling
            .iter()
            .map(|&column| column_name(&self, column));
        Told {
            telling: telling.collect(),
            far: None,
            cols: self.features.cols(),
            dtype: self.features.type_name(),
            constant_columns,
            report,
            has: self.has,
            problem: self.problem,
            warnings: self.warnings,
            provenance: self.features.provenance().cloned(),
            across_folds,
        }
    }
}

/// The number of a column, from 0, with its name if the file has names.
fn column_name(open: &Open, column: usize) -> String {
    match open.features.column_name(column) {
        Some(name) => format!("{column} ({name})"),
        None => column.to_string(),
    }
}

/// Inspects both files of an encoder, each by itself and compared with each other.
fn look(train: Result<Open>, test: Option<Result<Open>>, actors: &Actors) -> Files {
    let train = match train {
        Ok(train) => train,
        Err(error) => {
            let told = |open: Open| {
                let rows = Rows::look(&open.features, &open.used, None);
                open.told(rows, None)
            };
            return Files {
                parts: [Some(Err(error)), test.map(|test| test.map(told))],
                shift: None,
                twins: None,
                differs: None,
            };
        }
    };
    let non_finite = train.features.non_finite(train.used.iter().copied());
    let is_finite = |row: &u32| train.features.non_finite([*row]).is_none();
    let finite: Vec<u32> = train.used.iter().copied().filter(is_finite).collect();
    let stats = (!finite.is_empty()).then(|| ColumnStats::fit(train.features.source(), &finite));
    let constant = stats
        .as_ref()
        .filter(|_| non_finite.is_none())
        .map(|stats| {
            let columns = 0..train.features.cols();
            columns.filter(|&column| stats.is_constant(column)).count()
        });
    let train_rows = Rows::look(&train.features, &train.used, stats.as_ref());
    let (mut shift, mut twins, mut differs) = (None, None, None);
    let test = test.map(|test| {
        let test = test?;
        let reason = train.features.differing_column(&test.features);
        differs = reason.map(|reason| format!("{}: {reason}", test.features.path().display()));
        let stats = stats
            .as_ref()
            .filter(|_| train.features.cols() == test.features.cols());
        let rows = Rows::look(&test.features, &test.used, stats);
        let same = train_rows.twins(&train.features, &test.features, &rows.finite);
        twins = same.first().map(|&(of_test, of_train)| {
            let name = |open: &Open, row: u32| open.features.names()[row as usize].clone();
            (same.len(), name(&test, of_test), name(&train, of_train))
        });
        if let Some(stats) = stats {
            shift = measure([&train, &test], [&train_rows, &rows], stats, actors);
        }
        Ok(test.told(rows, None))
    });
    let far = far_columns::columns(&train.features, &train_rows.finite, &train.folds);
    let far = far_columns::in_words(
        &far,
        |column| column_name(&train, column),
        |row| train.features.names()[row as usize].clone(),
    );
    let train = Told {
        far,
        ..train.told(train_rows, constant)
    };
    Files {
        parts: [Some(Ok(train)), test],
        shift,
        twins,
        differs,
    }
}

fn measure(
    files: [&Open; 2],
    rows: [&Rows; 2],
    stats: &ColumnStats,
    actors: &Actors,
) -> Option<Shift> {
    let clips = [0, 1].map(|part| {
        let file = files[part];
        let used = file.clips.iter().zip(&file.used);
        let finite = used.filter(|(_, row)| file.features.non_finite([**row]).is_none());
        let clips: Vec<usize> = finite.map(|(&clip, _)| clip).collect();
        actors.pick(part, &clips)
    });
    let [train, test] = [0, 1].map(|part| Sample {
        source: files[part].features.source(),
        rows: &rows[part].finite,
        actors: &clips[part],
    });
    shift::measure(&train, &test, stats)
}
