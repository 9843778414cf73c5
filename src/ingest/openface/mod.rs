//! Frame-level output of face analysers: OpenFace 2 (FeatureExtraction, FaceLandmarkVidMulti,
//! FaceLandmarkImg), OpenFace 3 and py-feat.
//!
//! # Which frames are kept
//! Those in which a face was found: `success` is 1 (OpenFace 2; FaceLandmarkImg has no such column
//! and writes faces only), `face_detection` is filled (OpenFace 3), `FaceScore` is filled
//! (py-feat); with a least confidence, those that reach it (`confidence`, the fifth number of
//! `face_detection`, `FaceScore`). Of several faces in one frame (rows that follow each other with
//! the same `frame`) the one found with the highest confidence counts, the first where they are equal.
//! For OpenFace 3 and py-feat, which leave cells of a lost face empty, a frame that lacks a value
//! that was asked for counts as one without a face.
//!
//! # Interpolation
//! [`Options::interpolate`] is the rule of the challenge's own script (BlEmoRe, `openface2npy.py`),
//! with a threshold of 0.85 for the confidence unless another is given: frames are bad where no face
//! was found or the confidence is too low. If the share of frames with a face, or that of frames
//! with enough confidence, is at least 0.85 and below 1, bad frames are interpolated linearly
//! between good ones, those before the first are dropped, those after the last repeat it. Otherwise
//! *all* frames that have values are taken as they stand, bad ones too.

mod folder;
mod group;
mod layout;
mod read;

use serde::Serialize;

pub use folder::{ClipReport, Folder, Outcome, aggregate_folder};
pub use group::{CHALLENGE_COLUMNS, Group, Selection};
pub use read::read;

/// The confidence below which the challenge's script takes a frame as bad, and the share of good
/// frames from which on it interpolates.
pub const CHALLENGE_THRESHOLD: f64 = 0.85;

/// How to read a clip.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Options {
    /// Which columns.
    pub selection: Selection,
    /// Least confidence of a frame, in [0, 1].
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

/// Frames of a clip, and what became of each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Frames of the file.
    pub frames: usize,
    /// Those that are kept, interpolated ones too.
    pub kept: usize,
    /// Those dropped because no face was found.
    pub no_face: usize,
    /// Those dropped because the face was found with too little confidence.
    pub low_confidence: usize,
    /// Kept frames whose values were interpolated.
    pub interpolated: usize,
    /// Further faces in the same frames; they are left out.
    pub other_faces: usize,
}

/// The kept frames of a clip.
#[derive(Clone, Debug, PartialEq)]
pub struct FaceFrames {
    /// Who wrote the file.
    pub tool: Tool,
    /// Names of the columns, in order.
    pub columns: Vec<String>,
    /// Values `(kept, columns)`, row-major, as the file has them.
    pub values: Vec<f64>,
    /// What became of the frames.
    pub counts: Counts,
}
