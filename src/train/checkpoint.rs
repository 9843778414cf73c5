//! Weights in safetensors, under the names of a PyTorch `state_dict`, and the state that lets a run
//! go on where it stopped.

use std::borrow::Cow;
use std::collections::HashMap;
use std::path::Path;

use safetensors::{Dtype, SafeTensors, View};
use serde::{Deserialize, Serialize};

use crate::autograd::Tensor;
use crate::error::{Error, Result};
use crate::model::Config;
use crate::nn::Params;

/// Version of the weights file; a reader refuses a later one.
pub const FORMAT_VERSION: u32 = 1;

/// The one metadata entry. One, because the format keeps entries in no order, and the same run must
/// give the same bytes.
const METADATA_KEY: &str = "blendfuse";

/// An encoder as the weights file lists it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EncoderEntry {
    /// Its name, as in the tensors' names and the feature file's.
    pub name: String,
    /// Its modality (video, audio, multimodal).
    pub modality: String,
    /// Columns of its feature file.
    pub width: usize,
}

/// How scores became emotions on the validation fold.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ChosenThresholds {
    /// t_p.
    pub presence: f64,
    /// t_s.
    pub salience: f64,
    /// α of the alignment (eq. 14) that the thresholds were chosen with.
    #[serde(default = "usual_alpha")]
    pub alpha: f64,
    /// Whether they were searched on the validation fold; otherwise they were configured, or are
    /// the defaults that stand in without a validation fold.
    pub searched: bool,
}

/// What files from before α was part of the choice were decoded with.
fn usual_alpha() -> f64 {
    crate::eval::align::USUAL_ALPHA
}

/// What a weights file says about itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// Of this format.
    pub format_version: u32,
    /// The program that wrote it.
    pub program: String,
    /// In the order of the network's inputs.
    pub encoders: Vec<EncoderEntry>,
    /// In the order of every probability vector.
    pub classes: Vec<String>,
    /// The neutral class, if there is one.
    pub neutral: Option<String>,
    /// The fold that was held out, if one was.
    pub fold: Option<usize>,
    /// The epoch that the weights are from, counted from 1.
    pub epoch: usize,
    /// Decoding thresholds for this model.
    pub thresholds: ChosenThresholds,
    /// The full configuration.
    pub config: Config,
}

/// A tensor on its way to a file: converted to row-major bytes only when its turn comes.
pub(super) enum Outgoing<'a> {
    Param {
        tensor: &'a Tensor<f32>,
        shape: &'a [usize],
    },
    Vector {
        values: &'a [f32],
        shape: [usize; 1],
    },
}

impl View for Outgoing<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F32
    }

    fn shape(&self) -> &[usize] {
        match self {
            Outgoing::Param { shape, .. } => shape,
            Outgoing::Vector { shape, .. } => shape,
        }
    }

    fn data(&self) -> Cow<'_, [u8]> {
        let values = match self {
            Outgoing::Param { tensor, .. } => Cow::Owned(tensor.to_row_major()),
            Outgoing::Vector { values, .. } => Cow::Borrowed(*values),
        };
        Cow::Owned(values.iter().flat_map(|x| x.to_le_bytes()).collect())
    }

    fn data_len(&self) -> usize {
        4 * self.shape().iter().product::<usize>()
    }
}

/// Named tensors and the text of one metadata entry, written whole or not at all.
pub(super) fn write(
    path: &Path,
    tensors: Vec<(String, Outgoing<'_>)>,
    metadata: String,
) -> Result<()> {
    let info = HashMap::from([(METADATA_KEY.to_owned(), metadata)]);
    crate::atomic::write_path(path, |temporary| {
        safetensors::serialize_to_file(tensors, Some(info), temporary)
            .map_err(std::io::Error::other)
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
            let tensor = Outgoing::Vector {
                values,
                shape: [values.len()],
            };
            tensors.push((format!("input.{}.{part}", encoder.name), tensor));
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

/// A weights file, read and checked for form.
#[derive(Debug)]
pub struct Checkpoint {
    path: std::path::PathBuf,
    metadata: Option<String>,
    tensors: HashMap<String, (Vec<usize>, Vec<f32>)>,
}

impl Checkpoint {
    /// Reads a safetensors file of f32, f64, f16 or bf16 tensors.
    ///
    /// # Errors
    /// [`Error::Read`], or [`Error::File`] if the file is no safetensors file or holds other types.
    pub fn read(path: &Path) -> Result<Self> {
        let bytes = std::fs::read(path).map_err(|source| Error::Read {
            path: path.to_owned(),
            source,
        })?;
        let fault = |key: Option<&str>, reason: String| file_error(path, key, reason);
        let (_, header) = SafeTensors::read_metadata(&bytes).map_err(|e| {
            fault(
                None,
                format!("not a safetensors file, or a damaged one ({e})"),
            )
        })?;
        let metadata = header
            .metadata()
            .as_ref()
            .and_then(|entries| entries.get(METADATA_KEY).cloned());
        let file = SafeTensors::deserialize(&bytes).map_err(|e| {
            fault(
                None,
                format!("not a safetensors file, or a damaged one ({e})"),
            )
        })?;
        let mut tensors = HashMap::new();
        for (name, view) in file.iter() {
            // A counter that PyTorch's batch norm keeps and nothing here needs.
            if name.ends_with(".num_batches_tracked") {
                continue;
            }
            let values = floats(view.dtype(), view.data()).ok_or_else(|| {
                fault(
                    Some(name),
                    format!(
                        "found {:?} values, expected F32, F64, F16 or BF16",
                        view.dtype()
                    ),
                )
            })?;
            tensors.insert(name.to_owned(), (view.shape().to_vec(), values));
        }
        Ok(Self {
            path: path.to_owned(),
            metadata,
            tensors,
        })
    }

    /// What the file says about itself.
    ///
    /// # Errors
    /// [`Error::File`] if it is not one of ours, or of a later version.
    pub fn description(&self) -> Result<Description> {
        let fault = |reason: String| file_error(&self.path, None, reason);
        let text = self.metadata.as_ref().ok_or_else(|| {
            fault("no blendfuse metadata; a file that this program trained is needed (PyTorch weights: train --init)".into())
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
        serde_json::from_str(text).map_err(unreadable)
    }

    /// Puts the file's values into every parameter and running statistic of a model.
    ///
    /// # Errors
    /// [`Error::File`] naming a tensor that is missing, has another shape, is not finite, or that the
    /// model does not have (a domain classifier may be left over: without UDA it has no use).
    pub fn load_into(&self, params: &mut Params<f32>) -> Result<()> {
        for (name, _) in self.tensors_sorted() {
            let unused = name.starts_with("input.") || name.starts_with("domain.");
            if params.find(name).is_none() && !unused {
                let reason = "the model has no such parameter; are the encoders and the model.* settings those of the file?";
                return Err(file_error(&self.path, Some(name), reason.into()));
            }
        }
        let ids: Vec<_> = params
            .iter()
            .map(|(id, param)| (id, param.name.clone(), param.shape.clone()))
            .collect();
        for (id, name, shape) in ids {
            let (found, values) = self.tensors.get(&name).ok_or_else(|| {
                file_error(
                    &self.path,
                    Some(&name),
                    "missing; the model needs it".into(),
                )
            })?;
            if *found != shape {
                let reason = format!("found shape {found:?}, the model needs {shape:?}");
                return Err(file_error(&self.path, Some(&name), reason));
            }
            if !values.iter().all(|x| x.is_finite()) {
                return Err(file_error(
                    &self.path,
                    Some(&name),
                    "holds a value that is not finite".into(),
                ));
            }
            params.set(id, values.clone());
        }
        Ok(())
    }

    /// The stored standardisation of an encoder: means and standard deviations.
    ///
    /// # Errors
    /// [`Error::File`] if it is missing or has another width.
    pub fn standardisation(&self, encoder: &str, width: usize) -> Result<(Vec<f32>, Vec<f32>)> {
        let part = |part: &str| {
            let name = format!("input.{encoder}.{part}");
            match self.tensors.get(&name) {
                Some((shape, values)) if *shape == [width] => Ok(values.clone()),
                Some((shape, _)) => Err(file_error(
                    &self.path,
                    Some(&name),
                    format!("found shape {shape:?}, expected [{width}]"),
                )),
                None => Err(file_error(&self.path, Some(&name), "missing".into())),
            }
        };
        Ok((part("mean")?, part("std")?))
    }

    /// The text of the file's own metadata entry.
    pub(super) fn metadata(&self) -> Option<&str> {
        self.metadata.as_deref()
    }

    /// Takes a tensor out, checked for shape.
    pub(super) fn take(&mut self, name: &str, shape: &[usize]) -> Result<Vec<f32>> {
        match self.tensors.remove(name) {
            Some((found, values)) if found == shape => Ok(values),
            Some((found, _)) => Err(file_error(
                &self.path,
                Some(name),
                format!("found shape {found:?}, expected {shape:?}"),
            )),
            None => Err(file_error(&self.path, Some(name), "missing".into())),
        }
    }

    fn tensors_sorted(&self) -> Vec<(&str, &[usize])> {
        let mut names: Vec<_> = self
            .tensors
            .iter()
            .map(|(name, (shape, _))| (name.as_str(), &shape[..]))
            .collect();
        names.sort_unstable();
        names
    }
}

fn floats(dtype: Dtype, bytes: &[u8]) -> Option<Vec<f32>> {
    Some(match dtype {
        Dtype::F32 => bytes
            .chunks_exact(4)
            .map(|b| f32::from_le_bytes([b[0], b[1], b[2], b[3]]))
            .collect(),
        Dtype::F64 => bytes
            .chunks_exact(8)
            .map(|b| f64::from_le_bytes([b[0], b[1], b[2], b[3], b[4], b[5], b[6], b[7]]) as f32)
            .collect(),
        Dtype::F16 => bytes
            .chunks_exact(2)
            .map(|b| half::f16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect(),
        Dtype::BF16 => bytes
            .chunks_exact(2)
            .map(|b| half::bf16::from_le_bytes([b[0], b[1]]).to_f32())
            .collect(),
        _ => return None,
    })
}

pub(super) fn file_error(path: &Path, key: Option<&str>, reason: String) -> Error {
    Error::File {
        path: path.to_owned(),
        key: key.map(str::to_owned),
        reason,
    }
}
