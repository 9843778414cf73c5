//! Features in a caller's memory, in a model's input format.

use std::borrow::Cow;

use ndarray::{ArrayView1, ArrayView2};

use super::score::Source;
use crate::encoders::{Encoder, Presence};
use crate::error::{Error, Result};
use crate::kernels::pack::{RowSource, RowValues, StoredRows};

/// The rows of each encoder of a model, if given; row i is clip i.
pub(crate) struct MemoryRows<'a> {
    clips: usize,
    encoders: Vec<Matrix<'a>>,
}

struct Matrix<'a> {
    width: usize,
    // Row-major, `width` wide; empty if the caller gave none.
    values: Cow<'a, [f32]>,
    // Which rows exist.
    present: Vec<bool>,
}

impl<'a> MemoryRows<'a> {
    /// Arranges rows that are given by encoder name in the model's order. They are copied only if they are
    /// not row-major.
    ///
    /// # Errors
    /// [`Error::Data`] as [`Predictor::score_rows`](super::Predictor::score_rows) says.
    pub(crate) fn new(
        encoders: &[Encoder],
        features: &'a [(&str, ArrayView2<'_, f32>)],
    ) -> Result<Self> {
        let clips = features.first().map_or(0, |(_, x)| x.nrows());
        let refuse = |reason: String| Err(Error::Data(reason));
        for (n, (name, x)) in features.iter().enumerate() {
            let Some(encoder) = encoders.iter().find(|encoder| encoder.name == *name) else {
                let known: Vec<_> = encoders.iter().map(|e| e.name.as_str()).collect();
                return refuse(format!(
                    "the model has no encoder {name}; it has: {}",
                    known.join(", ")
                ));
            };
            if features[..n].iter().any(|(other, _)| other == name) {
                return refuse(format!("encoder {name}: is given twice; expected once"));
            }
            if x.dim() != (clips, encoder.width) {
                return refuse(format!(
                    "encoder {name}: found {} rows of {} columns, expected {clips} (as the first encoder has) of {} (as the model was trained on)",
                    x.nrows(),
                    x.ncols(),
                    encoder.width
                ));
            }
            let infinite = x
                .rows()
                .into_iter()
                .position(|row| holds(row, |x| x.is_infinite()));
            if let Some(row) = infinite {
                return refuse(format!(
                    "encoder {name}: row {row} (from 0) holds an infinite value; expected finite ones, or NaN where the encoder is missing for the clip"
                ));
            }
        }
        let given = |encoder: &Encoder| {
            let found = features.iter().find(|(name, _)| encoder.name == *name);
            let Some((_, x)) = found else {
                return Matrix {
                    width: encoder.width,
                    values: Cow::Borrowed(&[]),
                    present: vec![false; clips],
                };
            };
            let complete = |row: ArrayView1<'_, f32>| !holds(row, |x| x.is_nan());
            Matrix {
                width: encoder.width,
                values: match x.as_slice() {
                    Some(values) => Cow::Borrowed(values),
                    None => Cow::Owned(x.iter().copied().collect()),
                },
                present: x.rows().into_iter().map(complete).collect(),
            }
        };
        let encoders = encoders.iter().map(given).collect();
        Ok(Self { clips, encoders })
    }

    /// Number of clips.
    pub(crate) fn clips(&self) -> usize {
        self.clips
    }

    /// Which encoders each clip has.
    pub(crate) fn presence(&self) -> Presence {
        Presence::from_columns(self.encoders.iter().map(|encoder| encoder.present.clone()))
    }
}

/// Whether some value of a row is such; all are looked at, which is quicker than to stop at the first.
fn holds(row: ArrayView1<'_, f32>, such: impl Fn(f32) -> bool) -> bool {
    match row.as_slice() {
        Some(row) => row.iter().fold(false, |found, x| found | such(*x)),
        None => row.iter().any(|x| such(*x)),
    }
}

impl Source for MemoryRows<'_> {
    fn matrix(&self, encoder: usize) -> StoredRows<'_> {
        let Matrix { width, values, .. } = &self.encoders[encoder];
        RowSource {
            values: RowValues::F32(values),
            cols: *width,
        }
        .into()
    }

    fn row(&self, encoder: usize, clip: usize) -> Option<usize> {
        self.encoders[encoder].present[clip].then_some(clip)
    }

    fn name(&self, clip: usize) -> String {
        format!("row {clip} (from 0)")
    }
}
