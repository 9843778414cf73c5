//! A folder of such files, each a clip, as the rows of one encoder.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use super::{Counts, FaceFrames, Options, Tool, read};
use crate::ingest::aggregate::BadClip;
use crate::ingest::clip_files::{ClipFile, Files, list};
use crate::ingest::encoder_file::EncoderRows;
use crate::kernels::aggregate::{Aggregation, Scratch};
use crate::kernels::pack::{RowSource, RowValues};
use crate::{Error, Result};

/// What OpenFace 3 puts before the name of a clip.
const OPENFACE3_PREFIX: &str = "face_analysis_";

/// A folder that was aggregated.
#[derive(Clone, Debug, PartialEq)]
pub struct Folder {
    /// Names of the columns of a frame; each stands in the rows once for every statistic.
    pub columns: Vec<String>,
    /// One row for each clip with at least one good frame.
    pub rows: EncoderRows,
    /// What became of each clip, by name.
    pub clips: Vec<ClipReport>,
}

impl Folder {
    /// The clips whose files cannot be used.
    pub fn bad(&self) -> Vec<BadClip> {
        let bad = self.clips.iter().filter_map(|clip| match &clip.outcome {
            Outcome::Bad(reason) => Some(BadClip {
                clip: clip.clip.clone(),
                file: clip.file.display().to_string(),
                reason: reason.clone(),
            }),
            _ => None,
        });
        bad.collect()
    }
}

/// What became of a clip.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClipReport {
    /// Its name.
    pub clip: String,
    /// Its file.
    pub file: PathBuf,
    /// Who wrote it, where readable.
    pub tool: Option<Tool>,
    /// Its frames, where readable.
    pub frames: Option<Counts>,
    /// Whether it has a row.
    #[serde(flatten)]
    pub outcome: Outcome,
}

/// Whether a clip has a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "reason", rename_all = "lowercase")]
pub enum Outcome {
    /// It has.
    Row,
    /// No frame is good: the encoder lacks the clip.
    Missing,
    /// Its file cannot be used; why.
    Bad(String),
}

/// Aggregates the `.csv` files of a folder, on all threads, each by `aggregation`. `progress` gets
/// the number of clips after each of them, from any thread. Frames are in memory for one clip a thread, rows for
/// all clips.
///
/// All clips must have the columns that most of them have; files that cannot be used are reported,
/// and the caller decides whether that is a fault.
///
/// # Errors
/// [`Error::Read`] if the folder cannot be read; [`Error::Data`] if it holds no such file or two
/// of one clip.
pub fn aggregate_folder(
    folder: &Path,
    files: &Files<'_>,
    options: &Options,
    aggregation: &Aggregation,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<Folder> {
    let mut files = list(folder, "csv", files)?;
    for file in &mut files {
        if let Some(clip) = file.clip.strip_prefix(OPENFACE3_PREFIX) {
            file.clip = clip.to_owned();
        }
    }
    let read: Vec<_> = files
        .par_iter()
        .map_init(Scratch::new, |scratch, file| {
            let clip = one(file, options, aggregation, scratch);
            progress(files.len());
            clip
        })
        .collect();
    let (columns, tool) = most_have(&read).unwrap_or((Vec::new(), Tool::OpenFace2));
    let mut found = Folder {
        rows: EncoderRows::new(aggregation.output_len(columns.len())),
        columns,
        clips: Vec::new(),
    };
    for (ClipFile { clip, path }, read) in files.into_iter().zip(read) {
        let mut report = ClipReport {
            clip,
            file: path,
            tool: None,
            frames: None,
            outcome: Outcome::Missing,
        };
        match read {
            Err(error) => report.outcome = Outcome::Bad(error.to_string()),
            Ok(Clip { face, row }) => {
                report.tool = Some(face.tool);
                report.frames = Some(face.counts);
                if !row.is_empty() {
                    report.outcome = match difference(&found.columns, tool, &face) {
                        None => {
                            found.rows.push(report.clip.clone(), &row);
                            Outcome::Row
                        }
                        Some(difference) => {
                            Outcome::Bad(format!("{}: {difference}", report.file.display()))
                        }
                    };
                }
            }
        }
        found.clips.push(report);
    }
    Ok(found)
}

/// The columns that most clips have; those of the earlier clip where two are equally frequent.
fn most_have(read: &[Result<Clip>]) -> Option<(Vec<String>, Tool)> {
    let mut kinds: Vec<(&FaceFrames, usize)> = Vec::new();
    for clip in read.iter().flatten().filter(|clip| !clip.row.is_empty()) {
        let columns = &clip.face.columns;
        match kinds.iter_mut().find(|(face, _)| face.columns == *columns) {
            Some((_, count)) => *count += 1,
            None => kinds.push((&clip.face, 1)),
        }
    }
    let first = kinds.iter().rev().max_by_key(|(_, count)| *count);
    first.map(|(face, _)| (face.columns.clone(), face.tool))
}

/// A clip that was read: without its values, with its row.
struct Clip {
    face: FaceFrames,
    /// Empty where no frame is good.
    row: Vec<f32>,
}

fn one(
    file: &ClipFile,
    options: &Options,
    aggregation: &Aggregation,
    scratch: &mut Scratch,
) -> Result<Clip> {
    let mut face = read(&file.path, options)?;
    let mut row = Vec::new();
    if face.counts.kept > 0 {
        row.resize(aggregation.output_len(face.columns.len()), 0.0);
        let frames = RowSource {
            values: RowValues::F64(&face.values),
            cols: face.columns.len(),
        };
        let aggregated = aggregation.run(frames, scratch, &mut row);
        aggregated.map_err(|error| Error::Data(format!("{}: {error}", file.path.display())))?;
        if row.iter().any(|value| !value.is_finite()) {
            return Err(Error::Data(format!(
                "{}: a statistic is beyond the range of f32",
                file.path.display()
            )));
        }
    }
    face.values = Vec::new();
    Ok(Clip { face, row })
}

/// How a clip's columns differ from those of the folder.
fn difference(columns: &[String], tool: Tool, face: &FaceFrames) -> Option<String> {
    if face.columns == columns {
        return None;
    }
    let lacks = |all: &[String], name: &&String| !all.contains(name);
    let reason = if let Some(name) = columns.iter().find(|name| lacks(&face.columns, name)) {
        format!("lacks the column {name}, which most clips have")
    } else if let Some(name) = face.columns.iter().find(|name| lacks(columns, name)) {
        format!("has a column {name}, which most clips lack")
    } else {
        "has its columns in another order than most clips".to_owned()
    };
    let other = if face.tool == tool {
        String::new()
    } else {
        format!(" ({:?} beside {tool:?}: one folder for each)", face.tool)
    };
    Some(reason + &other)
}
