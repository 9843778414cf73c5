//! Reading weights in safetensors, under the names of a PyTorch `state_dict`.

use std::collections::HashMap;
use std::fs::File;
use std::ops::{Deref, Range};
use std::path::Path;
use std::sync::Arc;

use safetensors::tensor::TensorInfo;
use safetensors::{Dtype, SafeTensors};
use serde::Deserialize;

use super::description::{Description, FORMAT_VERSION, METADATA_KEY};
use super::foreign;
use crate::error::{Artifact, Error, Result};
use crate::kernels::map::FileMap;
use crate::nn::Params;

/// A weights file, mapped or in memory, and checked for form. Tensors are decoded when they are asked for.
#[derive(Debug)]
pub struct Checkpoint {
    path: std::path::PathBuf,
    metadata: Option<String>,
    file: Contents,
    tensors: HashMap<String, Stored>,
}

/// The bytes of a weights file.
#[derive(Debug)]
enum Contents {
    Mapped(FileMap),
    Memory(Arc<Vec<u8>>),
}

impl Deref for Contents {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Contents::Mapped(map) => map,
            Contents::Memory(bytes) => bytes,
        }
    }
}

/// A tensor in the file.
#[derive(Clone, Debug)]
struct Stored {
    shape: Vec<usize>,
    decode: Decode,
    // Bytes of one value, and the position of the values in the file.
    size: usize,
    bytes: Range<usize>,
}

impl Stored {
    /// A tensor of a file whose values begin at byte `start`; why it cannot be read.
    fn of(info: &TensorInfo, start: usize) -> Result<Self, String> {
        let found = info.dtype;
        let (size, decode) = decoder(found)
            .ok_or_else(|| format!("found {found:?} values, expected F32, F64, F16 or BF16"))?;
        let (from, to) = info.data_offsets;
        Ok(Self {
            shape: info.shape.clone(),
            decode,
            size,
            bytes: start + from..start + to,
        })
    }
}

/// Turns bytes into values, as many as there are.
type Decode = fn(&[u8], &mut [f32]);

impl Checkpoint {
    /// Opens a safetensors file of f32, f64, f16 or bf16 tensors.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::File`] if the file is not a safetensors file or has other types.
    pub fn read(path: &Path) -> Result<Self> {
        let failed = |source| Error::Read {
            path: path.to_owned(),
            source,
        };
        let fault = |key: Option<&str>, reason: String| file_error(path, key, reason);
        let opened = File::open(path).map_err(failed)?;
        let metadata = opened.metadata().map_err(failed)?;
        if metadata.len() == 0 || !metadata.is_file() {
            let found = if metadata.is_file() {
                "is empty"
            } else {
                "is not a file"
            };
            return Err(fault(None, format!("{found}; expected a safetensors file")));
        }
        let file = FileMap::new(opened).map_err(failed)?;
        Self::of(path, Contents::Mapped(file))
    }

    /// The contents of a safetensors file; `label` is what messages call it.
    ///
    /// # Errors
    /// [`Error::File`] as [`Checkpoint::read`].
    pub fn of_bytes(label: &Path, bytes: Arc<Vec<u8>>) -> Result<Self> {
        Self::of(label, Contents::Memory(bytes))
    }

    fn of(path: &Path, file: Contents) -> Result<Self> {
        let fault = |key: Option<&str>, reason: String| file_error(path, key, reason);
        let damaged = |e| {
            let reason = match foreign::format(&file) {
                Some(other) => format!("expected a safetensors file, found {other}"),
                None => format!("not a safetensors file, or a damaged one ({e})"),
            };
            fault(None, reason)
        };
        let (header_bytes, header) = SafeTensors::read_metadata(&file).map_err(damaged)?;
        let metadata = header
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(METADATA_KEY).cloned());
        let mut tensors = HashMap::new();
        for (name, info) in header.tensors() {
            // A counter that PyTorch's batch norm keeps and nothing here needs.
            if name.ends_with(".num_batches_tracked") {
                continue;
            }
            // Behind the header and its own length.
            let stored =
                Stored::of(info, header_bytes + 8).map_err(|reason| fault(Some(&name), reason))?;
            tensors.insert(name, stored);
        }
        if tensors.values().any(|tensor| tensor.bytes.end > file.len()) {
            let reason = "not a safetensors file, or a damaged one (it is truncated)";
            return Err(fault(None, reason.into()));
        }
        Ok(Self {
            path: path.to_owned(),
            metadata,
            file,
            tensors,
        })
    }

    /// What the file says about itself.
    ///
    /// # Errors
    /// [`Error::File`] if it is not one of ours, or of a later version.
    pub fn description(&self) -> Result<Description> {
        let fault = |reason: String| file_error(&self.path, None, reason);
        let text = self.metadata.as_ref().ok_or_else(|| Error::Unrecognised {
            path: self.path.clone(),
            expected: Artifact::Weights,
            found: "no blendfuse metadata".into(),
        })?;
        #[derive(Deserialize)]
        struct Version {
            format_version: u32,
        }
        let unreadable = |e: serde_json::Error| fault(format!("unreadable metadata: {e}"));
        let version: Version = serde_json::from_str(text).map_err(unreadable)?;
        if version.format_version > FORMAT_VERSION {
            return Err(fault(format!(
                "format version {}, this program reads up to {FORMAT_VERSION}; use a newer blendfuse",
                version.format_version
            )));
        }
        let description: Description = serde_json::from_str(text).map_err(unreadable)?;
        description.check().map_err(fault)?;
        Ok(description)
    }

    /// Checks that the file has every parameter and running statistic of a model in its shape, and no
    /// others, before memory is taken for one.
    ///
    /// # Errors
    /// [`Error::File`] naming a tensor that is missing, has another shape, or that the model does not
    /// have (a domain classifier may be left over: without UDA it has no use).
    pub fn check_fits(&self, params: &Params<f32>) -> Result<()> {
        let fault = |name: &str, reason: String| file_error(&self.path, Some(name), reason);
        let names = self.tensors.keys().map(String::as_str);
        if let Some(reason) = foreign::prefix(names, |name| params.find(name).is_some()) {
            return Err(file_error(&self.path, None, reason));
        }
        for (name, _) in self.tensors_sorted() {
            let unused = name.starts_with("input.") || name.starts_with("domain.");
            if params.find(name).is_none() && !unused {
                let reason = "the model has no such parameter; check that encoders and model.* settings match the file";
                return Err(fault(name, reason.into()));
            }
        }
        for (_, param) in params.iter() {
            let (name, shape) = (&param.name, &param.shape);
            match self.tensors.get(name) {
                Some(stored) if stored.shape == *shape => {}
                Some(stored) => {
                    let found = &stored.shape;
                    let reason = format!("found shape {found:?}, the model needs {shape:?}");
                    return Err(fault(name, reason));
                }
                None => return Err(fault(name, "missing, but the model needs it".into())),
            }
        }
        Ok(())
    }

    /// Puts the file's values into every parameter and running statistic of a model.
    ///
    /// # Errors
    /// As [`Checkpoint::check_fits`], and [`Error::File`] naming a tensor that is not finite.
    pub fn load_into(&self, params: &mut Params<f32>) -> Result<()> {
        self.check_fits(params)?;
        let ids: Vec<_> = params
            .iter()
            .map(|(id, param)| (id, param.name.clone(), param.shape.clone()))
            .collect();
        for (id, name, shape) in ids {
            let stored = self.tensors.get(&name).ok_or_else(|| {
                file_error(
                    &self.path,
                    Some(&name),
                    "missing, but the model needs it".into(),
                )
            })?;
            let width = shape.last().copied().unwrap_or(0);
            params.fill(id, |row, out| {
                self.decode(stored, row * width, out);
                if out.iter().all(|x| x.is_finite()) {
                    return Ok(());
                }
                let reason = "contains a non-finite value";
                Err(file_error(&self.path, Some(&name), reason.into()))
            })?;
        }
        Ok(())
    }

    /// The stored standardisation of an encoder: means and standard deviations.
    ///
    /// # Errors
    /// [`Error::File`] if it is missing, has another width, or holds a mean that is not finite or a
    /// deviation that is not above 0.
    pub fn standardisation(&self, encoder: &str, width: usize) -> Result<(Vec<f32>, Vec<f32>)> {
        let part = |part: &str, sound: fn(f32) -> bool, expected: &str| {
            let name = format!("input.{encoder}.{part}");
            let values = self.tensor(&name, &[width])?;
            match values.iter().position(|&x| !(x.is_finite() && sound(x))) {
                None => Ok(values),
                Some(column) => Err(file_error(
                    &self.path,
                    Some(&name),
                    format!(
                        "column {column} (from 0) holds {}, expected {expected}: the file is damaged",
                        values[column]
                    ),
                )),
            }
        };
        Ok((
            part("mean", |_| true, "a finite number")?,
            part("std", |x| x > 0.0, "a number above 0")?,
        ))
    }

    /// The text of the file's own metadata entry.
    pub(crate) fn metadata(&self) -> Option<&str> {
        self.metadata.as_deref()
    }

    /// A tensor's values, checked for shape.
    pub(crate) fn tensor(&self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        match self.tensors.get(name) {
            Some(stored) if stored.shape == shape => Ok(self.values(stored)),
            Some(stored) => Err(file_error(
                &self.path,
                Some(name),
                format!("found shape {:?}, expected {shape:?}", stored.shape),
            )),
            None => Err(file_error(&self.path, Some(name), "missing".into())),
        }
    }

    fn values(&self, stored: &Stored) -> Vec<f32> {
        let mut values = vec![0.0; stored.shape.iter().product()];
        self.decode(stored, 0, &mut values);
        values
    }

    /// Values from number `first` on, as many as `out` takes.
    fn decode(&self, stored: &Stored, first: usize, out: &mut [f32]) {
        let bytes = &self.file[stored.bytes.clone()][first * stored.size..];
        (stored.decode)(&bytes[..out.len() * stored.size], out);
    }

    fn tensors_sorted(&self) -> Vec<(&str, &[usize])> {
        let mut names: Vec<_> = self
            .tensors
            .iter()
            .map(|(name, stored)| (name.as_str(), &stored.shape[..]))
            .collect();
        names.sort_unstable();
        names
    }
}

/// Bytes of a value, and how values are decoded; `None` for types that weights cannot have.
fn decoder(dtype: Dtype) -> Option<(usize, Decode)> {
    Some(match dtype {
        Dtype::F32 => (4, |bytes, out| decode(bytes, out, f32::from_le_bytes)),
        Dtype::F64 => (8, |bytes, out| {
            decode(bytes, out, |x| f64::from_le_bytes(x) as f32)
        }),
        Dtype::F16 => (2, |bytes, out| {
            decode(bytes, out, |x| half::f16::from_le_bytes(x).to_f32());
        }),
        Dtype::BF16 => (2, |bytes, out| {
            decode(bytes, out, |x| half::bf16::from_le_bytes(x).to_f32());
        }),
        _ => return None,
    })
}

fn decode<const N: usize>(bytes: &[u8], out: &mut [f32], value: impl Fn([u8; N]) -> f32) {
    for (out, bytes) in out.iter_mut().zip(bytes.as_chunks().0) {
        *out = value(*bytes);
    }
}

pub(crate) fn file_error(path: &Path, key: Option<&str>, reason: String) -> Error {
    Error::File {
        path: path.to_owned(),
        key: key.map(str::to_owned),
        reason,
    }
}
