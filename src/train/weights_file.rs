//! Writing safetensors tensor by tensor, so that no copy of a model is made.

use std::collections::HashMap;
use std::io::{self, Write};
use std::path::Path;

use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};
use serde::Serialize;

use super::checkpoint::{Description, METADATA_KEY};
use crate::autograd::Tensor;
use crate::error::{Error, Result};
use crate::kernels::layout::PANEL;
use crate::nn::Params;

/// A tensor on its way to a file: turned into row-major bytes a piece at a time.
pub(super) enum Outgoing<'a> {
    Param {
        tensor: &'a Tensor<f32>,
        shape: &'a [usize],
    },
    Vector(&'a [f32]),
}

impl Outgoing<'_> {
    fn shape(&self) -> Vec<usize> {
        match self {
            Outgoing::Param { shape, .. } => shape.to_vec(),
            Outgoing::Vector(values) => vec![values.len()],
        }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let tensor = match self {
            Outgoing::Param { tensor, .. } => tensor,
            Outgoing::Vector(values) => return write_values(out, values, &mut Vec::new()),
        };
        let Tensor::PackedWeight(panels) = tensor else {
            return write_values(out, &tensor.to_row_major(), &mut Vec::new());
        };
        let (rows, cols) = (panels.rows(), panels.cols());
        let (mut values, mut bytes) = (Vec::new(), Vec::new());
        for (n, first) in (0..rows).step_by(PANEL).enumerate() {
            values.resize(PANEL.min(rows - first) * cols, 0.0);
            panels.panel_rows(n, &mut values);
            write_values(out, &values, &mut bytes)?;
        }
        Ok(())
    }
}

fn write_values(out: &mut impl Write, values: &[f32], bytes: &mut Vec<u8>) -> io::Result<()> {
    bytes.resize(4 * values.len(), 0);
    for (bytes, value) in bytes.as_chunks_mut().0.iter_mut().zip(values) {
        *bytes = value.to_le_bytes();
    }
    out.write_all(bytes)
}

/// Named tensors and the text of one metadata entry, written whole or not at all. Tensors stand in
/// the order of their names, as the format's own writer puts them.
pub(super) fn write(
    path: &Path,
    mut tensors: Vec<(String, Outgoing<'_>)>,
    metadata: String,
) -> Result<()> {
    tensors.sort_by(|a, b| a.0.cmp(&b.0));
    let mut end = 0;
    let entries = tensors.iter().map(|(name, tensor)| {
        let (shape, start) = (tensor.shape(), end);
        end += 4 * shape.iter().product::<usize>();
        let info = TensorInfo {
            dtype: Dtype::F32,
            shape,
            data_offsets: (start, end),
        };
        (name.clone(), info)
    });
    let entries: Vec<_> = entries.collect();
    let info = HashMap::from([(METADATA_KEY.to_owned(), metadata)]);
    crate::atomic::write(path, |out| {
        let header = Metadata::new(Some(info), entries).map_err(io::Error::other)?;
        let mut header = serde_json::to_vec(&header)?;
        // Blanks up to a multiple of 8, so that the values are aligned.
        header.resize(header.len().next_multiple_of(8), b' ');
        out.write_all(&(header.len() as u64).to_le_bytes())?;
        out.write_all(&header)?;
        tensors.iter().try_for_each(|(_, tensor)| tensor.write(out))
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
    let mut tensors = outgoing(params, "");
    for (encoder, (mean, std)) in description.encoders.iter().zip(standardisation) {
        for (part, values) in [("mean", mean), ("std", std)] {
            let name = format!("input.{}.{part}", encoder.name);
            tensors.push((name, Outgoing::Vector(values)));
        }
    }
    write(path, tensors, json(path, description)?)
}

fn outgoing<'a>(params: &'a Params<f32>, prefix: &str) -> Vec<(String, Outgoing<'a>)> {
    let tensors = params.iter().map(|(_, param)| {
        let tensor = Outgoing::Param {
            tensor: &param.tensor,
            shape: &param.shape,
        };
        (format!("{prefix}{}", param.name), tensor)
    });
    tensors.collect()
}

pub(super) fn json(path: &Path, value: &impl Serialize) -> Result<String> {
    serde_json::to_string(value).map_err(|e| Error::Write {
        path: path.to_owned(),
        source: e.into(),
    })
}
