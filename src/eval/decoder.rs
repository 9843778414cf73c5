//! From a model's two heads to emotions: alignment, rules and thresholds as one object.

use ndarray::{Array2, ArrayView2};

use super::align::align;
use super::rules::{Rules, Thresholds};
use crate::Result;
use crate::data::label::{Blend, Classes};

/// Everything between a model's probabilities and the emotions that it names.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Decoder {
    /// The decoding rules.
    pub rules: Rules,
    /// t_p and t_s.
    pub thresholds: Thresholds,
    /// α of the alignment (paper eq. 14).
    pub alpha: f64,
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
        align(presence, salience, self.alpha)
    }

    /// The emotions of each aligned row `(clips, classes)`, in order.
    ///
    /// # Errors
    /// As [`Rules::decode_rows`].
    pub fn decode(&self, aligned: ArrayView2<'_, f64>, classes: &Classes) -> Result<Vec<Blend>> {
        self.rules.decode_rows(aligned, classes, self.thresholds)
    }
}
