//! Sources of frames.

use crate::formats::npy::Values;
use crate::kernels::pack::RowSource;

/// Clips whose frames can be read in any order, from several threads at once.
pub trait FrameSource: Sync {
    /// Names of the clips; rows are written in this order.
    fn clips(&self) -> &[String];

    /// The source of a clip's frames, for messages.
    fn origin(&self, clip: usize) -> String;

    /// A reader for one thread.
    fn reader(&self) -> Box<dyn FrameReader + '_>;
}

/// Reads frames into a buffer that is reused for the next clip.
pub trait FrameReader {
    /// Frames `(T, d)` of a clip; T and d are at least 1, values may be non-finite.
    ///
    /// # Errors
    /// The reason, worded to follow the clip's origin and a colon.
    fn read(&mut self, clip: usize) -> Result<RowSource<'_>, String>;
}

/// Numbers of facial and body landmarks of common detectors.
const LANDMARKS: [usize; 11] = [5, 21, 33, 49, 51, 66, 68, 98, 106, 468, 478];

/// `[T, d]` of an array of frames. An additional axis of length 1 is accepted: models return
/// `(1, T, d)` or `(T, 1, d)` for a batch of one. `(1, T, 1)` is refused: openSMILE's call gives
/// `(channels, features, time)`; so is `(1, 68, 2)` and its kin, one frame of landmarks.
///
/// # Errors
/// The reason, for any other shape, and if there are no frames or columns.
pub fn frames_shape(shape: &[usize]) -> Result<[usize; 2], String> {
    if let &[1, values, 1] = shape
        && values > 1
    {
        return Err(format!(
            "has shape {shape:?}: either {values} frames of one value, or openSMILE's [channels, features, time]; save it as [T, d], e.g. np.save(file, x[0].T) for openSMILE's"
        ));
    }
    if let &[1, points, axes @ (2 | 3)] = shape
        && LANDMARKS.contains(&points)
    {
        return Err(format!(
            "has shape {shape:?}: one frame of {points} landmarks, or {points} frames; save it as [T, d], for landmarks np.save(file, x.reshape(len(x), {}))",
            points * axes
        ));
    }
    let (&[frames, cols] | &[1, frames, cols] | &[frames, 1, cols]) = shape else {
        let remedy = match *shape {
            [_] => "; for one vector per clip use vectors".to_owned(),
            [_, a, b @ (2 | 3)] => format!(
                "; for {a} points in each frame save x.reshape(len(x), {})",
                a * b
            ),
            [layers @ (13 | 25 | 33 | 49), _, _] => {
                format!("; for the hidden states of all {layers} layers save one of them, x[k]")
            }
            [_, _, _] => {
                "; save one row of values for each frame, e.g. x.reshape(len(x), -1)".to_owned()
            }
            _ => String::new(),
        };
        return Err(format!(
            "has shape {shape:?}; expected frames [T, d], or [1, T, d] or [T, 1, d]{remedy}"
        ));
    };
    if frames == 0 {
        return Err("contains no frames; expected at least one".into());
    }
    if cols == 0 {
        return Err("its frames contain no values; expected at least one column".into());
    }
    Ok([frames, cols])
}

/// A description of the first non-finite value; `None` if all are finite.
pub(super) fn non_finite(frames: RowSource<'_>) -> Option<String> {
    use crate::kernels::pack::RowValues;
    fn find<T: Copy>(values: &[T], widen: fn(T) -> f64) -> Option<(usize, f64)> {
        let values = values.iter().map(|&x| widen(x)).enumerate();
        values.into_iter().find(|(_, x)| !x.is_finite())
    }
    let (at, value) = match frames.values {
        RowValues::F16(values) => find(values, f64::from),
        RowValues::F32(values) => find(values, f64::from),
        RowValues::F64(values) => find(values, |x| x),
    }?;
    let kind = if value.is_nan() { "NaN" } else { "infinite" };
    let (frame, column) = (at / frames.cols, at % frames.cols);
    Some(format!(
        "frame {frame}, column {column} (both from 0) is {kind}; fix the frames or leave them out"
    ))
}

/// Number of frames at the end that contain only zeros.
pub(super) fn trailing_zeros(frames: RowSource<'_>) -> usize {
    use crate::kernels::pack::RowValues;
    fn count<T: Copy + Into<f64>>(values: &[T], cols: usize) -> usize {
        let frames = values.rchunks_exact(cols);
        frames
            .take_while(|frame| frame.iter().all(|&x| x.into() == 0.0))
            .count()
    }
    match frames.values {
        RowValues::F16(values) => count(values, frames.cols),
        RowValues::F32(values) => count(values, frames.cols),
        RowValues::F64(values) => count(values, frames.cols),
    }
}

/// Views values as frames.
pub(super) fn as_frames(values: &Values, cols: usize) -> RowSource<'_> {
    RowSource {
        values: values.as_rows(),
        cols,
    }
}
