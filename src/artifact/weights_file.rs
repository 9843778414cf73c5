//! Weights files: a model's tensors, its standardisation and its description.

use std::collections::HashMap;
use std::path::Path;

use serde::Serialize;

use super::description::{Description, METADATA_KEY};
use crate::error::{Error, Result};
use crate::files::atomic_file::{Durability, write_as};
use crate::nn::Params;
use crate::nn::safetensors::{OutgoingTensor, outgoing, write_tensors};

/// Named tensors on their way to a file.
pub(crate) type Tensors<'a> = Vec<(String, OutgoingTensor<'a>)>;

/// Writes named tensors and the text of one metadata entry atomically.
pub(crate) fn write(
    durability: Durability,
    path: &Path,
    tensors: Tensors<'_>,
    metadata: String,
) -> Result<()> {
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), metadata)]);
    write_as(durability, path, |out| {
        write_tensors(out, tensors, metadata)
    })
}

/// What [`save_tensors`] writes.
///
/// # Errors
/// [`Error::Write`].
pub(crate) fn bytes<'a>(
    tensors: Tensors<'a>,
    standardisation: &[(&'a [f32], &'a [f32])],
    description: &Description,
) -> Result<Vec<u8>> {
    let name = Path::new("weights");
    let tensors = with_standardisation(tensors, standardisation, description);
    let metadata = HashMap::from([(METADATA_KEY.to_owned(), json(name, description)?)]);
    let mut bytes = Vec::new();
    let written = write_tensors(&mut bytes, tensors, metadata);
    written.map(|()| bytes).map_err(|source| Error::Write {
        path: name.to_owned(),
        source,
    })
}

/// The tensors, and mean and std of each encoder's columns.
fn with_standardisation<'a>(
    mut tensors: Tensors<'a>,
    standardisation: &[(&'a [f32], &'a [f32])],
    description: &Description,
) -> Tensors<'a> {
    for (encoder, (mean, std)) in description.encoders.iter().zip(standardisation) {
        for (part, values) in [("mean", *mean), ("std", *std)] {
            let name = format!("input.{}.{part}", encoder.name);
            tensors.push((name, OutgoingTensor::Vector(values)));
        }
    }
    tensors
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
    tensors: Tensors<'a>,
    standardisation: &[(&'a [f32], &'a [f32])],
    description: &Description,
) -> Result<()> {
    let tensors = with_standardisation(tensors, standardisation, description);
    write(durability, path, tensors, json(path, description)?)
}

pub(crate) fn json(path: &Path, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Write {
        path: path.to_owned(),
        source: e.into(),
    })
}
