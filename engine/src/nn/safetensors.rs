//! The parameters and running statistics of any model as a safetensors file, which PyTorch reads too.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use ::safetensors::tensor::{Metadata, TensorInfo};
use ::safetensors::{Dtype, SafeTensors};
use blendfuse_kernels::layout::PANEL;

use super::{ParamId, Params};
use crate::autograd::Tensor;
use crate::error::{Error, Result};

/// Writes every parameter and running statistic under its name, in row-major `f32`, and the given
/// metadata. The file appears whole: an interrupted call leaves an older one as it was.
///
/// # Errors
/// [`Error::Write`].
pub fn save(path: &Path, params: &Params<f32>, metadata: HashMap<String, String>) -> Result<()> {
    let mut partial = path.as_os_str().to_owned();
    partial.push(".partial");
    let partial = PathBuf::from(partial);
    let write = || -> io::Result<()> {
        let mut out = BufWriter::new(fs::File::create(&partial)?);
        write_tensors(&mut out, outgoing(params), metadata)?;
        out.into_inner()?.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|source| {
        // It may not be there at all.
        let _ = fs::remove_file(&partial);
        Error::Write {
            path: path.to_owned(),
            source,
        }
    })
}

/// Puts the values of a file into a model of the same names and shapes; gives the file's metadata.
/// Nothing changes unless all of it fits.
///
/// # Errors
/// [`Error::Read`]; [`Error::File`] naming a tensor that is missing, has another shape or type, or
/// that the model does not have.
pub fn load(path: &Path, params: &mut Params<f32>) -> Result<HashMap<String, String>> {
    let bytes = fs::read(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let fault = |key: Option<&str>, reason: String| Error::File {
        path: path.to_owned(),
        key: key.map(str::to_owned),
        reason,
    };
    let unreadable = |e| fault(None, format!("not a safetensors file: {e}"));
    let (_, header) = SafeTensors::read_metadata(&bytes).map_err(unreadable)?;
    let file = SafeTensors::deserialize(&bytes).map_err(unreadable)?;
    let mut names = file.names();
    names.sort_unstable();
    for name in names {
        if params.find(name).is_none() {
            return Err(fault(Some(name), "the model has no such parameter".into()));
        }
    }
    let mut values: Vec<(ParamId, usize, &[u8])> = Vec::with_capacity(params.len());
    for (id, param) in params.iter() {
        let name = param.name.as_str();
        let Ok(tensor) = file.tensor(name) else {
            return Err(fault(Some(name), "missing; the model needs it".into()));
        };
        let (found, dtype) = (tensor.shape(), tensor.dtype());
        if found != param.shape || dtype != Dtype::F32 {
            let needed = &param.shape;
            let reason = format!("found {dtype:?} {found:?}, the model needs F32 {needed:?}");
            return Err(fault(Some(name), reason));
        }
        let width = param.shape.last().copied().unwrap_or(0);
        values.push((id, width, tensor.data()));
    }
    for (id, width, bytes) in values {
        let Ok(()) = params.fill::<Infallible>(id, |row, out| {
            let bytes = bytes[4 * row * width..].as_chunks().0;
            for (out, bytes) in out.iter_mut().zip(bytes) {
                *out = f32::from_le_bytes(*bytes);
            }
            Ok(())
        });
    }
    Ok(header.metadata().clone().unwrap_or_default())
}

/// A tensor on its way to a file: turned into row-major bytes a piece at a time, so that no copy of a
/// model is made.
#[derive(Clone, Copy)]
pub enum OutgoingTensor<'a> {
    /// A parameter, or what has its layout, with its shape in files.
    Param {
        /// The values.
        tensor: &'a Tensor<f32>,
        /// As [`Param::shape`](super::params::Param::shape).
        shape: &'a [usize],
    },
    /// A vector that is not a parameter.
    Vector(&'a [f32]),
    /// A matrix whose row-major values are formed when its turn comes, so that no two are in memory.
    Formed {
        /// Rows and columns.
        shape: [usize; 2],
        /// Gives as many values as the shape takes, or why there are none.
        values: &'a dyn Fn() -> io::Result<Vec<f32>>,
    },
}

/// Every parameter and running statistic with its name.
pub fn outgoing(params: &Params<f32>) -> Vec<(String, OutgoingTensor<'_>)> {
    let tensors = params.iter().map(|(_, param)| {
        let (tensor, shape) = (&param.tensor, &param.shape[..]);
        (param.name.clone(), OutgoingTensor::Param { tensor, shape })
    });
    tensors.collect()
}

/// Writes named tensors and metadata in the safetensors format, the tensors in the order of their
/// names, as the format's own writer puts them.
///
/// # Errors
/// What `out` gives; one of kind `Other` for names that cannot be written.
pub fn write_tensors(
    out: &mut impl Write,
    mut tensors: Vec<(String, OutgoingTensor<'_>)>,
    metadata: HashMap<String, String>,
) -> io::Result<()> {
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
    let metadata = (!metadata.is_empty()).then_some(metadata);
    let header = Metadata::new(metadata, entries).map_err(io::Error::other)?;
    let mut header = serde_json::to_vec(&header)?;
    // Blanks up to a multiple of 8, so that the values are aligned.
    header.resize(header.len().next_multiple_of(8), b' ');
    out.write_all(&(header.len() as u64).to_le_bytes())?;
    out.write_all(&header)?;
    tensors.iter().try_for_each(|(_, tensor)| tensor.write(out))
}

impl OutgoingTensor<'_> {
    fn shape(&self) -> Vec<usize> {
        match self {
            OutgoingTensor::Param { shape, .. } => shape.to_vec(),
            OutgoingTensor::Vector(values) => vec![values.len()],
            OutgoingTensor::Formed { shape, .. } => shape.to_vec(),
        }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        let tensor = match self {
            OutgoingTensor::Param { tensor, .. } => tensor,
            OutgoingTensor::Vector(values) => return write_values(out, values, &mut Vec::new()),
            OutgoingTensor::Formed { shape, values } => {
                let values = values()?;
                if values.len() != shape[0] * shape[1] {
                    let text = format!("formed {} values of {shape:?}", values.len());
                    return Err(io::Error::other(text));
                }
                return write_values(out, &values, &mut Vec::new());
            }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::params::WeightLayout;
    use crate::nn::{BatchNorm, Init, Linear};

    fn model(layout: WeightLayout, outputs: usize, init: Init) -> Params<f32> {
        let mut params = Params::with_layout(layout);
        Linear::new(&mut params, "fc", 3, outputs, init);
        BatchNorm::new(&mut params, "norm", outputs);
        params
    }

    fn values(params: &Params<f32>) -> Vec<Vec<f32>> {
        let values = params.iter().map(|(_, param)| param.tensor.to_row_major());
        values.collect()
    }

    /// A path of its own for each test.
    fn path(test: &str) -> PathBuf {
        let name = format!("blendfuse-engine-{}-{test}.safetensors", std::process::id());
        std::env::temp_dir().join(name)
    }

    #[test]
    fn what_is_saved_is_loaded_into_either_layout_with_its_metadata() {
        let path = path("round-trip");
        // More than one panel, the last one not full.
        let saved = model(WeightLayout::Packed, 35, Init::Random { seed: 4 });
        let metadata = HashMap::from([("epoch".to_owned(), "7".to_owned())]);
        save(&path, &saved, metadata.clone()).unwrap();
        for layout in [WeightLayout::Packed, WeightLayout::RowMajor] {
            let mut loaded = model(layout, 35, Init::Zeros);
            assert_ne!(values(&loaded), values(&saved));
            assert_eq!(load(&path, &mut loaded).unwrap(), metadata);
            assert_eq!(values(&loaded), values(&saved));
        }
        fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_of_another_model_is_refused_and_changes_nothing() {
        let path = path("another");
        let init = Init::Random { seed: 4 };
        save(&path, &model(WeightLayout::Packed, 5, init), HashMap::new()).unwrap();
        let refused = |params: &mut Params<f32>, expected: &str| {
            let before = values(params);
            let message = load(&path, params).unwrap_err().to_string();
            assert!(message.ends_with(expected), "{message}");
            assert_eq!(values(params), before);
        };
        let mut wider = model(WeightLayout::Packed, 6, Init::Random { seed: 5 });
        refused(
            &mut wider,
            "key fc.weight: found F32 [5, 3], the model needs F32 [6, 3]",
        );
        let mut larger = model(WeightLayout::Packed, 5, Init::Random { seed: 5 });
        Linear::new(&mut larger, "more", 1, 1, init);
        refused(&mut larger, "key more.weight: missing; the model needs it");
        let mut smaller = Params::new();
        Linear::new(&mut smaller, "fc", 3, 5, init);
        refused(&mut smaller, ": the model has no such parameter");
        fs::write(&path, "no tensors here").unwrap();
        let message = load(&path, &mut smaller).unwrap_err().to_string();
        assert!(message.contains("not a safetensors file"), "{message}");
        fs::remove_file(&path).unwrap();
        assert!(matches!(load(&path, &mut smaller), Err(Error::Read { .. })));
    }

    #[test]
    fn a_failed_save_leaves_no_file_behind() {
        let folder = path("folder");
        fs::create_dir(&folder).unwrap();
        let params = model(WeightLayout::Packed, 5, Init::Zeros);
        // A folder cannot be replaced by a file.
        let error = save(&folder, &params, HashMap::new()).unwrap_err();
        assert!(matches!(error, Error::Write { .. }), "{error}");
        let mut partial = folder.clone().into_os_string();
        partial.push(".partial");
        assert!(!Path::new(&partial).exists());
        fs::remove_dir(folder).unwrap();
    }
}
