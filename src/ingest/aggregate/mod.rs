//! Frames become features: each clip's frames `(T, d)` one row `(S d)` of S statistics over time.
//!
//! Any [`FrameSource`] will do: [`folder::FrameFolder`] reads what extractors save with numpy. Clips
//! are read one by one on every thread and their rows spooled into a temporary file, so that memory
//! holds one clip per thread however many there are. Nothing is written before every clip was read:
//! only then is it known which of them can be used.

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
pub struct Options {
    /// The statistics, in the order of the columns.
    pub aggregation: Aggregation,
    /// Precision of `X`, half or single; `None`: that of the file that is continued, else single.
    pub precision: Option<Precision>,
    /// Whether a file that is there already keeps its rows, and clips that it has are not read.
    pub append: bool,
    /// Whether clips that cannot be used are left out, and listed beside the output.
    pub skip_bad: bool,
}

/// A file to write, and the clips that it is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The `.npz`; its folder is made if need be.
    pub path: PathBuf,
    /// Numbers of the source's clips, ascending.
    pub clips: Vec<usize>,
}

/// A clip that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BadClip {
    /// The clip's name.
    pub clip: String,
    /// Where its frames should come from.
    pub file: String,
    /// What is wrong.
    pub reason: String,
}

/// A file that was written, or that had nothing to gain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Written {
    /// The `.npz`.
    pub path: PathBuf,
    /// Its rows.
    pub clips: usize,
    /// Rows that it did not have before.
    pub new_clips: usize,
    /// Its columns `S d`.
    pub columns: usize,
    /// The list of clips that were skipped, with `skip_bad`.
    pub sidecar: Option<PathBuf>,
}

/// What became of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The files; none where clips are bad and must not be skipped.
    pub written: Vec<Written>,
    /// Clips that cannot be used, in the source's order.
    pub bad: Vec<BadClip>,
    /// Clips that were read, bad ones too.
    pub clips: usize,
    /// Frames of the clips that can be used.
    pub frames: u64,
}

/// Reads the targets' clips and writes the files, each whole or not at all. `progress` hears of each
/// clip, from any thread.
///
/// # Errors
/// [`Error::Data`] if two clips of a target are the same, or none can be used; [`Error::Read`] or
/// [`Error::Npz`] if a file that is to be continued is damaged or holds something else;
/// [`Error::Write`]. Clips that cannot be read are no error: see [`Outcome::bad`].
pub fn aggregate(
    source: &dyn FrameSource,
    targets: &[Target],
    options: &Options,
    progress: &(dyn Fn() + Sync),
) -> Result<Outcome> {
    let existing = targets.iter().map(|target| {
        let existing = options.append && target.path.exists();
        let open = || Existing::open(&target.path, options);
        existing.then(open).transpose()
    });
    let existing = existing.collect::<Result<Vec<Option<Existing>>>>()?;
    // A part that is new is written as the one that is there.
    let precision = existing.iter().flatten().map(Existing::precision).next();
    let options = &Options {
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
    let mut todo: Vec<usize> = Vec::new();
    for (target, existing) in targets.iter().zip(&existing) {
        check_names(source, &target.clips)?;
        let is_new = |&&clip: &&usize| {
            let has = |existing: &Existing| existing.has(&source.clips()[clip]);
            !existing.as_ref().is_some_and(has)
        };
        todo.extend(target.clips.iter().filter(is_new));
    }
    todo.sort_unstable();
    todo.dedup();
    let folder = targets.first().map(|target| folder_of(&target.path));
    let folder = folder.unwrap_or(Path::new("."));
    make_folder(folder)?;
    crate::files::atomic_file::remove_leftovers(folder);
    let half = |existing: &Existing| existing.precision() == Precision::F16;
    let half = options.precision == Some(Precision::F16) || existing.iter().flatten().any(half);
    let mut spool = Spool::new(folder, &options.aggregation, half)?;
    spool.fill(source, &todo, progress)?;
    spool.require_frame_size(widths.first().copied(), source.clips().len());
    let bad = bad_clips(source, &spool);
    let mut outcome = Outcome {
        written: Vec::new(),
        bad: bad.into_iter().map(|(_, clip)| clip).collect(),
        clips: todo.len(),
        frames: spool.frames(),
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

/// Clips that cannot be used, with their numbers, ascending.
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

/// Refuses two clips of one name: it would be open which one counts.
fn check_names(source: &dyn FrameSource, clips: &[usize]) -> Result<()> {
    let mut seen = HashMap::with_capacity(clips.len());
    for &clip in clips {
        let key = clip_key(&source.clips()[clip]);
        if key.is_empty() {
            let origin = source.origin(clip);
            return Err(Error::Data(format!("{origin}: the clip has no name")));
        }
        if let Some(first) = seen.insert(key, clip) {
            return Err(Error::Data(format!(
                "{} and {} both hold the clip {key:?}; expected one of them, or other names \
                 (`--names path` keeps folders in them, `--array` picks one array of each .npz)",
                source.origin(first),
                source.origin(clip)
            )));
        }
    }
    Ok(())
}

/// The folder of a file; `.` where the path names none.
pub(crate) fn folder_of(path: &Path) -> &Path {
    let folder = path.parent().filter(|folder| *folder != Path::new(""));
    folder.unwrap_or(Path::new("."))
}

/// Makes a folder and those above it.
pub(crate) fn make_folder(folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder).map_err(|source| Error::Write {
        path: folder.to_path_buf(),
        source,
    })
}
