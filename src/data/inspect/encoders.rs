//! The feature files of a folder, one at a time, each told apart by its own faults.

use std::path::Path;

use rayon::prelude::*;

use super::{EncoderReport, FileReport, Inspection};
use crate::data::dataset::feature_files;
use crate::data::features::Features;
use crate::data::metadata::Clip;
use crate::data::registry::{Modality, arrange};
use crate::data::standardise::ColumnStats;
use crate::error::{Error, Result};

/// The names of the parts in their paths.
const PARTS: [&str; 2] = ["train", "test"];

/// A feature file as it was read.
struct Read {
    cols: usize,
    dtype: &'static str,
    constant_columns: Option<usize>,
    report: FileReport,
    /// For each clip whether it is there.
    has: Vec<bool>,
    problem: Option<String>,
}

impl Inspection {
    /// Reads every feature file of both parts; `clips` are those of the metadata, where readable.
    pub(super) fn features(&mut self, path: &Path, clips: [Option<Vec<Clip>>; 2], has_test: bool) {
        let folders = PARTS.map(|part| path.join("features").join(part));
        let Some(names) = self.note(feature_files(&folders[0])) else {
            return;
        };
        let listing = path.join("encoders.toml");
        let arranged = match self.note(arrange(names.clone(), &listing)) {
            Some(arranged) => arranged,
            // The built-in order serves where the folder's own listing is at fault.
            None => arrange(names, &listing.join("none")).unwrap_or_default(),
        };
        let read = |encoder: &(String, Modality), part: usize| {
            let file = folders[part].join(format!("{}.npz", encoder.0));
            read(&file, clips[part].as_deref(), part == 0)
        };
        // Encoder by encoder and not all at once: a folder larger than memory can be inspected.
        let files: Vec<[Option<Result<Read>>; 2]> = arranged
            .par_iter()
            .map(|encoder| {
                let test = has_test.then(|| match read(encoder, 1) {
                    Err(Error::Read { path, source })
                        if source.kind() == std::io::ErrorKind::NotFound =>
                    {
                        Err(Error::Data(format!(
                            "{}: not there, but the training part has this encoder; add the file or leave the encoder out (data.encoders)",
                            path.display()
                        )))
                    }
                    read => read,
                });
                [Some(read(encoder, 0)), test]
            })
            .collect();
        let mut has: [Option<Vec<bool>>; 2] = [None, None];
        let mut complete = true;
        for ((name, modality), files) in arranged.into_iter().zip(files) {
            let [train, test] = files.map(|file| file.and_then(|file| self.note(file)));
            complete &= train.is_some();
            for (part, file) in [&train, &test].into_iter().enumerate() {
                let Some(file) = file else { continue };
                self.problems.extend(file.problem.clone());
                let has = has[part].get_or_insert_with(|| vec![false; file.has.len()]);
                has.iter_mut()
                    .zip(&file.has)
                    .for_each(|(has, &here)| *has |= here);
            }
            if let (Some(train), Some(test)) = (&train, &test)
                && train.cols != test.cols
            {
                self.problems.push(format!(
                    "encoder {name}: {} columns in training, {} in test; expected the same",
                    train.cols, test.cols
                ));
            }
            self.warn_of(&name, train.as_ref());
            self.encoders.push(EncoderReport {
                name,
                modality: modality.to_string(),
                width: train.as_ref().map(|file| file.cols),
                dtype: train.as_ref().map(|file| file.dtype.to_owned()),
                constant_columns: train.as_ref().and_then(|file| file.constant_columns),
                train: train.map(|file| file.report),
                test: test.map(|file| file.report),
            });
        }
        if complete {
            for ((part, clips), has) in PARTS.iter().zip(&clips).zip(has) {
                self.clips_nowhere(part, clips.as_deref(), has);
            }
        }
    }

    fn warn_of(&mut self, name: &str, train: Option<&Read>) {
        let Some(file) = train else { return };
        if file.constant_columns == Some(file.cols) {
            self.warnings.push(format!(
                "encoder {name}: every column is constant in the training part; it tells nothing"
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

fn read(path: &Path, clips: Option<&[Clip]>, with_constants: bool) -> Result<Read> {
    let features = Features::open(path)?;
    let wanted = clips.unwrap_or_default();
    let rows: Vec<Option<u32>> = wanted
        .iter()
        .map(|clip| features.row(&clip.filename))
        .collect();
    let mut used: Vec<u32> = rows.iter().copied().flatten().collect();
    if clips.is_none() {
        used = (0..features.rows() as u32).collect();
    }
    let none = !wanted.is_empty() && used.is_empty();
    let problem = if none {
        Some(format!(
            "{}: has none of the {} clips of the metadata: its filenames look like {:?}, those there like {:?}",
            path.display(),
            wanted.len(),
            features.names()[0],
            wanted[0].filename
        ))
    } else {
        let checked = features.check_finite(used.iter().copied());
        checked.err().map(|error| error.to_string())
    };
    let non_finite = features
        .non_finite(used.iter().copied())
        .map_or(0, |found| found.values);
    let constant_columns = (with_constants && non_finite == 0 && !used.is_empty()).then(|| {
        let stats = ColumnStats::fit(features.source(), &used);
        (0..features.cols())
            .filter(|&column| stats.is_constant(column))
            .count()
    });
    Ok(Read {
        cols: features.cols(),
        dtype: features.type_name(),
        constant_columns,
        report: FileReport {
            rows: features.rows(),
            missing_clips: rows.iter().filter(|row| row.is_none()).count(),
            unused_rows: features.rows() - used.len(),
            non_finite,
        },
        has: rows.iter().map(Option::is_some).collect(),
        problem,
    })
}
