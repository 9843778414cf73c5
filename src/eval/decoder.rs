//! From a model's two heads to emotions: alignment, rules and thresholds as one object.

use ndarray::{Array2, ArrayView2};

use super::align::{Alignment, align};
use super::decode::Decoding;
use super::rules::Thresholds;
use crate::Result;
use crate::data::label::{Blend, Classes};

/// Everything between a model's probabilities and the emotions that it names.
#[derive(Clone, Debug, PartialEq)]
pub struct Decoder {
    /// The decoding rules, and the sets that they give.
    pub decoding: Decoding,
    /// t_p and t_s.
    pub thresholds: Thresholds,
    /// α and β of the alignment (paper eq. 14).
    pub alignment: Alignment,
}

impl Decoder {
    /// One distribution per clip from the heads' probabilities p and s, `(clips, classes)` each.
    ///
    /// # Errors
    /// As [`align`].
    pub fn align<F: Copy + Into<f64>>(
        &self,
        presence: ArrayView2<'_, F>,
        salience: ArrayView2<'_, F>,
    ) -> Result<Array2<f64>> {
        align(presence, salience, self.alignment)
    }

    /// The emotions of each aligned row `(clips, classes)`, in order.
    ///
    /// # Errors
    /// As [`Decoding::decode_rows`].
    pub fn decode(&self, aligned: ArrayView2<'_, f64>, classes: &Classes) -> Result<Vec<Blend>> {
        self.decoding.decode_rows(aligned, classes, self.thresholds)
    }
}
