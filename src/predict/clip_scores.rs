//! The scores of clips, stored with a result so that every table can be made again without the model.

use ndarray::Array2;
use serde::{Deserialize, Serialize};

use crate::data::label::{Blend, Classes};
use crate::error::Result;
use crate::eval::align::{Alignment, align};
use crate::eval::decoder::Decoder;

/// The scores of clips, in full precision.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClipScores {
    /// Names, in the order of the metadata.
    pub clips: Vec<String>,
    /// One row per clip.
    pub rows: ScoreRows,
}

/// Scores `(clips, classes)`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScoreRows {
    /// Of a model with a presence and a salience output (paper eq. 8).
    Heads {
        /// p, each in [0, 1].
        #[serde(with = "rows")]
        presence: Array2<f64>,
        /// s, rows summing to 1.
        #[serde(with = "rows")]
        salience: Array2<f64>,
    },
    /// Of a model with one distribution per clip.
    Distribution(#[serde(with = "rows")] Array2<f64>),
}

impl ScoreRows {
    /// The scores to decode: the heads aligned (paper eq. 14), or the distribution itself.
    ///
    /// # Errors
    /// As [`align`].
    pub fn aligned(&self, alignment: Alignment) -> Result<Array2<f64>> {
        match self {
            ScoreRows::Heads { presence, salience } => {
                align(presence.view(), salience.view(), alignment)
            }
            ScoreRows::Distribution(rows) => Ok(rows.clone()),
        }
    }

    /// The emotions of each clip.
    ///
    /// # Errors
    /// As [`align`] and [`Decoder::decode`].
    pub fn decoded(&self, decoder: &Decoder, classes: &Classes) -> Result<Vec<Blend>> {
        decoder.decode(self.aligned(decoder.alignment)?.view(), classes)
    }
}

/// A matrix as a list of rows.
mod rows {
    use ndarray::Array2;
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub fn serialize<S: Serializer>(rows: &Array2<f64>, to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(rows.rows().into_iter().map(|row| row.to_vec()))
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Array2<f64>, D::Error> {
        let rows = Vec::<Vec<f64>>::deserialize(from)?;
        let cols = rows.first().map_or(0, Vec::len);
        let count = rows.len();
        if rows.iter().any(|row| row.len() != cols) {
            return Err(D::Error::custom("rows of different lengths"));
        }
        let values = rows.into_iter().flatten().collect();
        Array2::from_shape_vec((count, cols), values).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn scores_survive_the_file_bit_for_bit() {
        let rows = array![[0.1 + 0.2, 1e-300], [f64::MIN_POSITIVE / 3.0, 1.0 / 3.0]];
        let scores = ClipScores {
            clips: vec!["a".into(), "b".into()],
            rows: ScoreRows::Heads {
                presence: rows.clone(),
                salience: &rows * 0.7,
            },
        };
        let text = serde_json::to_string(&scores).unwrap();
        assert_eq!(serde_json::from_str::<ClipScores>(&text).unwrap(), scores);
        let one = ScoreRows::Distribution(rows.clone());
        let text = serde_json::to_string(&one).unwrap();
        assert_eq!(serde_json::from_str::<ScoreRows>(&text).unwrap(), one);
        assert_eq!(one.aligned(2.0.into()).unwrap(), rows);
        let ragged = r#"{"distribution": [[1.0], [1.0, 2.0]]}"#;
        assert!(serde_json::from_str::<ScoreRows>(ragged).is_err());
    }
}
