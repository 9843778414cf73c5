//! The files that aggregation writes or appends to.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use serde_json::json;

use super::frames::FrameSource;
use super::spool::Spool;
use super::{AggregationOptions, BadClip, OutputFile, Written, folder_of, make_folder, statistics};
use crate::data::features::Features;
use crate::data::provenance;
use crate::error::AppendMismatch;
use crate::files::atomic_file;
use crate::formats::npz::Npz;
use crate::formats::npz::write;
use crate::formats::npz::write::Precision;
use crate::{Error, Result};

/// The array with the names of the statistics, for appending later.
const STATISTICS: &str = "statistics";

/// A file whose rows are kept.
pub(super) struct Existing {
    features: Features<'static>,
    precision: Precision,
    frame_size: usize,
}

impl Existing {
    /// Opens a file with the same statistics.
    ///
    /// # Errors
    /// As [`Features::open`]; [`Error::CannotAppend`] if the file was made with other options.
    pub(super) fn open(path: &Path, options: &AggregationOptions) -> Result<Existing> {
        let features = Features::open(path)?;
        let mut npz = Npz::open(path)?;
        let refuse = |array, differs| {
            Err(Error::CannotAppend {
                path: path.to_owned(),
                array,
                differs,
            })
        };
        if let Some(made) = features.provenance() {
            let command = made.command().unwrap_or("blendfuse extract").to_owned();
            return refuse(provenance::ARRAY, AppendMismatch::MadeBy { command });
        }
        let precision = match features.type_name() {
            "f2" => Precision::F16,
            "f4" => Precision::F32,
            other => {
                let found = other.to_owned();
                return refuse("X", AppendMismatch::ElementType { found });
            }
        };
        if options.precision.is_some_and(|asked| asked != precision) {
            let found = features.type_name().to_owned();
            return refuse("X", AppendMismatch::Precision { found });
        }
        let names = statistics::names(&options.aggregation);
        if npz.arrays().iter().any(|array| array == STATISTICS) {
            let there = npz.names(STATISTICS)?;
            if there != names {
                let differs = AppendMismatch::Statistics {
                    found: there,
                    requested: names,
                };
                return refuse(STATISTICS, differs);
            }
        }
        if !features.cols().is_multiple_of(names.len()) {
            let reason = format!(
                "has {} columns, which is not a multiple of {} statistics",
                features.cols(),
                names.len()
            );
            return Err(npz.fault(Some("X"), reason));
        }
        Ok(Existing {
            frame_size: features.cols() / names.len(),
            features,
            precision,
        })
    }

    /// Columns of a frame.
    pub(super) fn frame_size(&self) -> usize {
        self.frame_size
    }

    /// The precision of its values.
    pub(super) fn precision(&self) -> Precision {
        self.precision
    }

    /// Whether it has a row of the clip.
    pub(super) fn has(&self, clip: &str) -> bool {
        self.features.row(clip).is_some()
    }

    fn read(&self, row: usize, singles: &mut Vec<f32>, out: &mut [f64]) {
        singles.resize(out.len(), 0.0);
        self.features.source().read(row, 0, singles);
        for (out, x) in out.iter_mut().zip(singles) {
            *out = f64::from(*x);
        }
    }
}

/// The list of skipped clips: `NAME.skipped.json` beside `NAME.npz`.
pub fn sidecar(path: &Path) -> PathBuf {
    path.with_extension("skipped.json")
}

/// Writes one target; `None` if there are no rows for it.
///
/// # Errors
/// [`Error::Write`], or [`Error::Npz`] if the file being appended to changes meanwhile.
pub(super) fn write(
    source: &dyn FrameSource,
    target: &OutputFile,
    existing: Option<&Existing>,
    spool: &mut Spool<'_>,
    options: &AggregationOptions,
) -> Result<Option<Written>> {
    let path = &target.path;
    let clips = target.clips.iter().copied();
    let new: Vec<usize> = clips
        .filter(|&clip| spool.columns(clip).is_some())
        .collect();
    let old = existing.map_or(0, |existing| existing.features.rows());
    let columns = match (existing, new.first()) {
        (Some(existing), _) => existing.features.cols(),
        (None, Some(&clip)) => spool.columns(clip).unwrap_or(0),
        (None, None) => return Ok(None),
    };
    make_folder(folder_of(path))?;
    if !new.is_empty() {
        let chosen = existing.map(Existing::precision).or(options.precision);
        let precision = chosen.unwrap_or(Precision::F32);
        let mut names: Vec<&str> = Vec::with_capacity(old + new.len());
        if let Some(existing) = existing {
            names.extend(existing.features.names().iter().map(String::as_str));
        }
        names.extend(new.iter().map(|&clip| source.clips()[clip].as_str()));
        write::write(path, |npz| {
            let (mut failed, mut singles) = (None, Vec::new());
            npz.rows(
                "X",
                precision,
                [names.len(), columns],
                |row, out| match existing {
                    Some(existing) if row < old => existing.read(row, &mut singles, out),
                    _ if failed.is_none() => failed = spool.read(new[row - old], out).err(),
                    _ => {}
                },
            )?;
            if let Some(error) = failed {
                return Err(error);
            }
            npz.names("filenames", &names)?;
            npz.names(STATISTICS, &statistics::names(&options.aggregation))?;
            // Before the new file replaces the one that it was made from.
            let unchanged = existing.map_or(Ok(()), |existing| existing.features.check_unchanged());
            unchanged.map_err(|error| io::Error::other(error.to_string()))
        })?;
    }
    let list = options.skip_bad.then(|| sidecar(path));
    if let Some(list) = &list {
        write_list(list, source, target, spool)?;
    }
    Ok(Some(Written {
        path: path.clone(),
        clips: old + new.len(),
        new_clips: new.len(),
        columns,
        sidecar: list,
    }))
}

/// Writes the list of a target's bad clips.
fn write_list(
    path: &Path,
    source: &dyn FrameSource,
    target: &OutputFile,
    spool: &Spool<'_>,
) -> Result<()> {
    let bad = super::bad_clips(source, spool);
    let mine = |(number, _): &(usize, BadClip)| target.clips.binary_search(number).is_ok();
    let bad = bad.into_iter().filter(mine).map(|(_, clip)| clip);
    write_skipped(path, &bad.collect::<Vec<BadClip>>())
}

/// Writes the list of skipped clips.
///
/// # Errors
/// [`Error::Write`].
pub fn write_skipped(path: &Path, skipped: &[BadClip]) -> Result<()> {
    let text = serde_json::to_string_pretty(&json!({ "skipped": skipped }));
    let text = text.map_err(|error| Error::Write {
        path: path.to_path_buf(),
        source: error.into(),
    })?;
    atomic_file::write(path, |file| writeln!(file, "{text}"))
}
