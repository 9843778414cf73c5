//! A folder with one file per clip, aggregated into the rows of one encoder.

use std::path::{Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;

use super::{Counts, FaceFrames, FaceOptions, Tool, read};
use crate::data::provenance::Provenance;
use crate::ingest::aggregate::{BadClip, statistics};
use crate::ingest::clip_files::{ClipFile, ClipFiles, list};
use crate::ingest::encoder_file::EncoderRows;
use crate::kernels::aggregate::{Aggregation, Scratch};
use crate::kernels::pack::{RowSource, RowValues};
use crate::{Error, Result};

/// OpenFace 3's prefix of file names.
const OPENFACE3_PREFIX: &str = "face_analysis_";

/// An aggregated folder.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceFeatures {
    /// Names of the columns of a frame; the rows have each once per statistic.
    pub columns: Vec<String>,
    /// One row per clip with at least one good frame.
    pub rows: EncoderRows,
    /// The outcome for each clip, by name.
    pub clips: Vec<ClipReport>,
}

impl FaceFeatures {
    /// The clips with unusable files.
    pub fn bad(&self) -> Vec<BadClip> {
        let bad = self.clips.iter().filter_map(|clip| match &clip.outcome {
            ClipOutcome::Bad(reason) => Some(BadClip {
                clip: clip.clip.clone(),
                file: clip.file.display().to_string(),
                reason: reason.clone(),
            }),
            _ => None,
        });
        bad.collect()
    }
}

/// The outcome for a clip.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct ClipReport {
    /// Its name.
    pub clip: String,
    /// Its file.
    pub file: PathBuf,
    /// The program that wrote it, if readable.
    pub tool: Option<Tool>,
    /// Its frames, if readable.
    pub frames: Option<Counts>,
    /// Selected columns that are empty in every frame with a face.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub empty_columns: Vec<String>,
    /// Whether it has a row.
    #[serde(flatten)]
    pub outcome: ClipOutcome,
}

/// Whether a clip has a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "reason", rename_all = "lowercase")]
pub enum ClipOutcome {
    /// It has a row.
    Row,
    /// No frame is good: the encoder is missing for the clip.
    Missing,
    /// Its file is unusable, for this reason.
    Bad(String),
}

/// Aggregates the `.csv` files of a folder, on all threads, each by `aggregation`. `progress` is called
/// with the total number of clips after each of them, from any thread. Memory contains the frames of one
/// clip per thread, and the rows of all clips.
///
/// All clips must have the columns that most of them have. Unusable files are reported; the caller
/// decides whether they are an error.
///
/// # Errors
/// [`Error::Read`] if the folder cannot be read; [`Error::Data`] if it holds no such file or two
/// of one clip.
pub fn aggregate_folder(
    folder: &Path,
    files: &ClipFiles<'_>,
    options: &FaceOptions,
    aggregation: &Aggregation,
    progress: &(dyn Fn(usize) + Sync),
) -> Result<FaceFeatures> {
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
    let mut found =
        FaceFeatures {
            rows: EncoderRows::new(aggregation.output_len(columns.len()))
                .with_provenance(provenance(options, tool, aggregation)),
            columns,
            clips: Vec::new(),
        };
    for (ClipFile { clip, path }, read) in files.into_iter().zip(read) {
        let mut report = ClipReport {
            clip,
            file: path,
            tool: None,
            frames: None,
            empty_columns: Vec::new(),
            outcome: ClipOutcome::Missing,
        };
        match read {
            Err(error) => report.outcome = ClipOutcome::Bad(error.to_string()),
            Ok(Clip { face, row }) => {
                report.tool = Some(face.tool);
                report.frames = Some(face.counts);
                report.empty_columns.clone_from(&face.empty_columns);
                if !row.is_empty() {
                    report.outcome = match difference(&found.columns, tool, &face) {
                        None => {
                            found.rows.push(report.clip.clone(), &row);
                            ClipOutcome::Row
                        }
                        Some(difference) => {
                            ClipOutcome::Bad(format!("{}: {difference}", report.file.display()))
                        }
                    };
                }
            }
        }
        found.clips.push(report);
    }
    Ok(found)
}

/// How the rows are made from the output of `tool`.
fn provenance(options: &FaceOptions, tool: Tool, aggregation: &Aggregation) -> Provenance {
    let told = serde_json::json!({
        "source": tool,
        "groups": options.selection.to_string(),
        "min_confidence": options.min_confidence,
        "interpolate": options.interpolate,
    });
    let options = told.as_object().cloned().unwrap_or_default();
    Provenance::of_command("openface", options, &statistics::names(aggregation))
}

/// The columns that most clips have; ties go to the earlier clip.
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

/// A clip that was read: its row, without the frames.
struct Clip {
    face: FaceFrames,
    /// Empty if no frame is good.
    row: Vec<f32>,
}

fn one(
    file: &ClipFile,
    options: &FaceOptions,
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
        let lacks = match face.empty_columns.contains(name) {
            true => "has no value in the column",
            false => "lacks the column",
        };
        format!("{lacks} {name}, which most clips have")
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
