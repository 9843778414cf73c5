//! Coordinates of clips for a layer over several encoders side by side, in the span of the training clips' joined
//! rows: no more of them than training clips, however many encoders there are.

use super::basis::{Basis, TOLERANCE};
use super::rows::{EncoderRow, EncoderRows, gram_and_cross};
use crate::kernels::pack::{RowSource, RowValues};

/// One encoder's rows of all clips.
pub(crate) struct JoinedRows<'a> {
    /// In the order of the clips; none where the encoder lacks one, whose columns are 0.
    pub(crate) rows: Vec<Option<EncoderRow<'a>>>,
    /// D.
    pub(crate) cols: usize,
}

/// Coordinates of clips.
#[derive(Clone, Debug)]
pub(crate) struct Joined {
    /// `(clips, rank)`, row-major.
    pub(crate) coordinates: Vec<f32>,
    /// How many of a clip.
    pub(crate) rank: usize,
}

impl Joined {
    /// Of clips whose rows the encoders make up together, in the span of the first `spanning` of them. Where that
    /// has no dimension, one coordinate that is always 0.
    pub(crate) fn of(encoders: &[JoinedRows<'_>], spanning: usize) -> Self {
        let clips = encoders.first().map_or(0, |encoder| encoder.rows.len());
        let [mut gram, mut cross] = [Vec::new(), Vec::new()];
        for JoinedRows { rows, cols } in encoders {
            let nothing = vec![0.0; *cols];
            let absent = EncoderRow {
                source: RowSource {
                    values: RowValues::F32(&nothing),
                    cols: *cols,
                }
                .into(),
                row: 0,
                standardise: None,
            };
            let filled: Vec<EncoderRow<'_>> =
                rows.iter().map(|row| row.unwrap_or(absent)).collect();
            let (first, others) = filled.split_at(spanning);
            let [first, others] =
                [first, others].map(|rows| EncoderRows::new(rows.to_vec(), *cols));
            let products = gram_and_cross::<f32>(&first, &others);
            for (sums, products) in [&mut gram, &mut cross].into_iter().zip(products) {
                add(sums, products);
            }
        }
        let cols = encoders.iter().map(|encoder| encoder.cols).sum();
        let (basis, parts) = Basis::of_products::<f32>(gram, cross, (spanning, cols), TOLERANCE);
        match basis.rank() {
            0 => Self {
                coordinates: vec![0.0; clips],
                rank: 1,
            },
            rank => Self {
                coordinates: parts.iter().flatten().map(|x| *x as f32).collect(),
                rank,
            },
        }
    }
}

/// Adds to sums, of which there are none at first.
fn add(sums: &mut Vec<f64>, products: Vec<f64>) {
    if sums.is_empty() {
        *sums = products;
        return;
    }
    for (sum, product) in sums.iter_mut().zip(products) {
        *sum += product;
    }
}
