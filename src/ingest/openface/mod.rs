//! Frame-level output of face-analysis programs: OpenFace 2 (FeatureExtraction, FaceLandmarkVidMulti,
//! FaceLandmarkImg), OpenFace 3 and py-feat.
//!
//! # Which frames are kept
//! Those with a detected face: `success` is 1 (OpenFace 2; FaceLandmarkImg has no such column
//! and writes faces only), `face_detection` is not empty (OpenFace 3), `FaceScore` is not empty
//! (py-feat); with a minimum confidence, those that reach it (`confidence`, the fifth number of
//! `face_detection`, `FaceScore`).
//! # Which face is read
//! One face per clip, if the file tells faces apart (`face_id`; py-feat: `Identity`): the one with the most
//! good frames, then with the highest sum of confidences, then the first. Without such a column, the face
//! with the highest confidence counts in each frame, the first one in case of ties. Rows are of one frame
//! if they have the same `frame` (and py-feat's `input`), wherever they are in the file.
//!
//! # Empty cells
//! In a frame with a face every selected cell must hold a number, whichever program wrote it; an empty one
//! is an error like NaN. Columns that are empty in every frame with a face (py-feat's `Identity_1` …
//! without its identity model) are left out and listed; if nothing else was selected, that is an error.
//!
//! # Interpolation
//! [`FaceOptions::interpolate`] is the rule of the challenge's own script (BlEmoRe, `openface2npy.py`),
//! with a default confidence threshold of 0.85: frames are bad if they have no face or a confidence
//! below the threshold. If the share of frames with a face, or that of frames
//! with sufficient confidence, is at least 0.85 and below 1, bad frames are interpolated linearly
//! between good ones; those before the first good one are dropped, those after the last one repeat it.
//! Otherwise *all* frames that have values are used unchanged, including bad ones.

mod choice;
mod folder;
mod group;
mod layout;
mod read;

use serde::Serialize;

pub use folder::{ClipOutcome, ClipReport, FaceFeatures, aggregate_folder};
pub use group::{CHALLENGE_COLUMNS, ColumnSelection, Group};
pub use read::read;

/// The confidence below which the challenge's script considers a frame bad, and the share of good frames
/// from which it interpolates.
pub const CHALLENGE_THRESHOLD: f64 = 0.85;

/// How to read a clip.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct FaceOptions {
    /// The columns to read.
    pub selection: ColumnSelection,
    /// Minimum confidence of a frame, in [0, 1].
    pub min_confidence: Option<f64>,
    /// Whether bad frames are interpolated by the challenge's rule.
    pub interpolate: bool,
}

/// The program that wrote a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Tool {
    /// OpenFace 2 (Baltrušaitis et al. 2018).
    OpenFace2,
    /// OpenFace 3 (Hu et al. 2025).
    OpenFace3,
    /// py-feat (Cheong et al. 2023).
    PyFeat,
}

/// Frames of a clip by outcome.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Frames in the file.
    pub frames: usize,
    /// Frames kept, including interpolated ones.
    pub kept: usize,
    /// Frames dropped because they have no face.
    pub no_face: usize,
    /// Frames dropped because of low confidence.
    pub low_confidence: usize,
    /// Kept frames whose values were interpolated.
    pub interpolated: usize,
    /// Rows of additional faces; they are ignored.
    pub other_faces: usize,
    /// Good frames of another face, if they are at least half as many as those of the chosen one:
    /// the choice is not clear.
    pub rival_face: usize,
}

/// The kept frames of a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceFrames {
    /// The program that wrote the file.
    pub tool: Tool,
    /// Names of the columns, in order.
    pub columns: Vec<String>,
    /// Selected columns that are left out because they are empty in every frame with a face.
    pub empty_columns: Vec<String>,
    /// Values `(kept, columns)`, row-major, as in the file.
    pub values: Vec<f64>,
    /// Frames by outcome.
    pub counts: Counts,
}
