//! Aggregation of frames into features: each clip's frames `(T, d)` become one row `(S·d)` of S statistics
//! over time.
//!
//! Frames come from any [`FrameSource`], such as [`folder::FrameFolder`], which reads NumPy files. Each
//! thread reads one clip at a time, and rows are spooled into a temporary file, so that memory contains
//! one clip per thread for any number of clips. Outputs are written after all clips have been read,
//! because only then is it known which of them are usable.

pub mod folder;
pub mod frames;
mod output;
pub mod split;
mod spool;
pub mod statistics;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::data::filename::clip_key;
use crate::formats::npz::write::Precision;
use crate::kernels::aggregate::Aggregation;
use crate::{Error, Result};

use frames::FrameSource;
use output::Existing;
use spool::Spool;

pub use output::{sidecar, write_skipped};

/// How to aggregate.
#[derive(Clone, Debug)]
pub struct AggregationOptions {
    /// The statistics, in the order of the columns.
    pub aggregation: Aggregation,
    /// Precision of `X`, half or single; `None`: that of the file being appended to, else single.
    pub precision: Option<Precision>,
    /// Whether an existing file keeps its rows, and the clips in it are not read.
    pub append: bool,
    /// Whether unusable clips are left out and listed beside the output, instead of being an error.
    pub skip_bad: bool,
}

/// A file to write, with its clips.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputFile {
    /// The `.npz`; its folder is created if needed.
    pub path: PathBuf,
    /// Indices of the source's clips, ascending.
    pub clips: Vec<usize>,
}

/// An unusable clip.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadClip {
    /// The clip's name.
    pub clip: String,
    /// The source of its frames.
    pub file: String,
    /// Why it is unusable.
    pub reason: String,
}

/// A file that was written or is already complete.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The `.npz`.
    pub path: PathBuf,
    /// Number of rows.
    pub clips: usize,
    /// Number of new rows.
    pub new_clips: usize,
    /// Number of columns, S·d.
    pub columns: usize,
    /// The list of clips that were skipped, with `skip_bad`.
    pub sidecar: Option<PathBuf>,
}

/// The result of an aggregation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AggregationOutcome {
    /// The files; empty if there are bad clips that must not be skipped.
    pub written: Vec<Written>,
    /// Unusable clips, in the source's order.
    pub bad: Vec<BadClip>,
    /// Number of clips that were read, including bad ones.
    pub clips: usize,
    /// Number of frames of the usable clips.
    pub frames: u64,
    /// Frames of zeros in usable clips.
    pub zeros: ZeroFrames,
}

/// Frames of zeros: what tools write for a clip without a face or voice, or to give all clips one length.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ZeroFrames {
    /// Indices of the clips with nothing else.
    pub empty: Vec<usize>,
    /// Indices of the clips that end in several of them.
    pub padded: Vec<usize>,
    /// Number of frames of zeros at the ends of those.
    pub padding: usize,
    /// Number of all frames of those.
    pub padded_frames: usize,
}

/// Reads the targets' clips and writes the files, each atomically. `progress` is called for each clip,
/// from any thread.
///
/// # Errors
/// [`Error::Data`] if two clips of a target are the same, none is usable, or time is the second axis; [`Error::Read`] or
/// [`Error::Npz`] if a file to append to is damaged or contains something else;
/// [`Error::Write`]. Clips that cannot be read are not an error: see [`AggregationOutcome::bad`].
pub fn aggregate(
    source: &dyn FrameSource,
    targets: &[OutputFile],
    options: &AggregationOptions,
    progress: &(dyn Fn() + Sync),
) -> Result<AggregationOutcome> {
    let existing = targets.iter().map(|target| {
        let existing = options.append && target.path.exists();
        let open = || Existing::open(&target.path, options);
        existing.then(open).transpose()
    });
    let existing = existing.collect::<Result<Vec<Option<Existing>>>>()?;
    // A new split gets the precision of the existing one.
    let precision = existing.iter().flatten().map(Existing::precision).next();
    let options = &AggregationOptions {
        precision: options.precision.or(precision),
        ..options.clone()
    };
    let widths: Vec<usize> = existing
        .iter()
        .flatten()
        .map(Existing::frame_size)
        .collect();
    if widths.iter().any(|width| *width != widths[0]) {
        return Err(Error::Data(format!(
            "the files to continue hold frames of {widths:?} columns; expected the same in all"
        )));
    }
    let todo = new_clips(source, targets, &existing)?;
    let folder = targets.first().map(|target| folder_of(&target.path));
    let folder = folder.unwrap_or(Path::new("."));
    make_folder(folder)?;
    crate::files::atomic_file::remove_leftovers(folder);
    let half = |existing: &Existing| existing.precision() == Precision::F16;
    let half = options.precision == Some(Precision::F16) || existing.iter().flatten().any(half);
    let mut spool = Spool::new(folder, &options.aggregation, half)?;
    spool.fill(source, &todo, progress)?;
    if widths.is_empty() {
        spool.refuse_transposed()?;
    }
    spool.require_frame_size(widths.first().copied(), source.clips().len());
    let bad = bad_clips(source, &spool);
    let mut outcome = AggregationOutcome {
        written: Vec::new(),
        bad: bad.into_iter().map(|(_, clip)| clip).collect(),
        clips: todo.len(),
        frames: spool.frames(),
        zeros: spool.zeros(),
    };
    if !outcome.bad.is_empty() && !options.skip_bad {
        return Ok(outcome);
    }
    for (target, existing) in targets.iter().zip(&existing) {
        let written = output::write(source, target, existing.as_ref(), &mut spool, options)?;
        outcome.written.extend(written);
    }
    if outcome.written.is_empty() {
        let count = outcome.clips;
        return Err(Error::Data(format!(
            "none of {count} clips can be used: nothing was written"
        )));
    }
    Ok(outcome)
}

/// The clips of the targets that their files do not have yet, ascending.
fn new_clips(
    source: &dyn FrameSource,
    targets: &[OutputFile],
    existing: &[Option<Existing>],
) -> Result<Vec<usize>> {
    let mut todo: Vec<usize> = Vec::new();
    for (target, existing) in targets.iter().zip(existing) {
        check_names(source, &target.clips)?;
        let is_new = |&&clip: &&usize| {
            let has = |existing: &Existing| existing.has(&source.clips()[clip]);
            !existing.as_ref().is_some_and(has)
        };
        todo.extend(target.clips.iter().filter(is_new));
    }
    todo.sort_unstable();
    todo.dedup();
    Ok(todo)
}

/// Unusable clips with their indices, ascending.
fn bad_clips(source: &dyn FrameSource, spool: &Spool<'_>) -> Vec<(usize, BadClip)> {
    let bad = spool.bad().map(|(number, reason)| {
        let clip = BadClip {
            clip: source.clips()[number].clone(),
            file: source.origin(number),
            reason: reason.to_owned(),
        };
        (number, clip)
    });
    bad.collect()
}

/// Refuses two clips with the same name, because they would be ambiguous.
fn check_names(source: &dyn FrameSource, clips: &[usize]) -> Result<()> {
    let mut seen = HashMap::with_capacity(clips.len());
    for &clip in clips {
        let key = clip_key(&source.clips()[clip]);
        if key.is_empty() {
            let origin = source.origin(clip);
            return Err(Error::Data(format!("{origin}: the clip has no name")));
        }
        if let Some(first) = seen.insert(key, clip) {
            return Err(Error::DuplicateClip {
                clip: key.to_owned(),
                first: source.origin(first),
                second: source.origin(clip),
                frames: true,
            });
        }
    }
    Ok(())
}

/// The folder of a file; `.` if the path has none.
pub(crate) fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new("."))
}

/// Creates a folder and its parents.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Write {
        path: folder.to_path_buf(),
        source,
    })
}
