//! Weights files: a model's tensors, its standardisation and its description.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use super::description::{Description, METADATA_KEY};
use crate::error::{Error, Result};
use crate::files::atomic_file::{Durability, write_as};
use crate::nn::Params;
use crate::nn::safetensors::{OutgoingTensor, outgoing, write_tensors};

/// Writes named tensors and the text of one metadata entry atomically.
pub(crate) fn write(
    durability: Durability,
    path: &Path,
    tensors: Vec<(String, OutgoingTensor<'_>)>,
    metadata: String,
) -> Result<()> {
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), metadata)]);
    write_as(durability, path, |out| {
        write_tensors(out, tensors, metadata)
    })
}

/// Writes the parameters, running statistics and standardisation (mean and std of each encoder's
/// columns, in the network's order) of a model.
///
/// # Errors
/// [`Error::Write`].
pub fn save_weights(
    path: &Path,
    params: &Params<f32>,
    standardisation: &[(&[f32], &[f32])],
    description: &Description,
) -> Result<()> {
    let tensors = outgoing(params);
    save_tensors(
        Durability::Lasting,
        path,
        tensors,
        standardisation,
        description,
    )
}

/// As [`save_weights`], of parameters and running statistics on their way to a file.
///
/// # Errors
/// [`Error::Write`].
pub(crate) fn save_tensors<'a>(
    durability: Durability,
    path: &Path,
    mut tensors: Vec<(String, OutgoingTensor<'a>)>,
    standardisation: &[(&'a [f32], &'a [f32])],
    description: &Description,
) -> Result<()> {
    for (encoder, (mean, std)) in description.encoders.iter().zip(standardisation) {
        for (part, values) in [("mean", *mean), ("std", *std)] {
            let name = format!("input.{}.{part}", encoder.name);
            tensors.push((name, OutgoingTensor::Vector(values)));
        }
    }
    write(durability, path, tensors, json(path, description)?)
}

pub(crate) fn json(path: &Path, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Write {
        path: path.to_owned(),
        source: e.into(),
    })
}
