//! The whole state of a run between two steps: weights, moments and the loop's own numbers in
//! one file, so that they can never be of different steps.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use blendfuse_kernels::layout::Panels;
use serde::{Deserialize, Serialize};

use super::early_stopping::EarlyStopping;
use super::progress::PartOfEpoch;
use crate::artifact::checkpoint::{Checkpoint, file_error};
use crate::artifact::description::ChosenThresholds;
use crate::artifact::history::EpochRecord;
use crate::artifact::weights_file::{json, write};
use crate::autograd::Tensor;
use crate::error::Result;
use crate::files::atomic_file::Durability;
use crate::nn::adam::Moments;
use crate::nn::safetensors::OutgoingTensor;
use crate::nn::{Adam, Params, Plateau};

/// The loop's own numbers.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct LoopState {
    /// Number of epochs.
    pub epoch: usize,
    /// The progress of the next epoch; `None` if an epoch had just ended.
    #[serde(default)]
    pub begun: PartOfEpoch,
    /// Optimiser steps taken.
    pub steps: usize,
    /// Target rows drawn by the domain adversary.
    pub drawn: usize,
    /// Thresholds of the last epoch.
    pub thresholds: ChosenThresholds,
    /// Thresholds of the best epoch so far.
    pub best_thresholds: Option<ChosenThresholds>,
    /// Learning rate for the next epoch.
    pub lr: f64,
    /// The schedule.
    pub plateau: Plateau,
    /// The stopping rule.
    pub early_stopping: EarlyStopping,
    /// All epochs so far.
    pub history: Vec<EpochRecord>,
    /// Steps that each parameter's moments have seen, by name.
    pub adam_steps: BTreeMap<String, u64>,
}

/// Writes the state.
///
/// # Errors
/// [`Error::Write`](crate::Error::Write).
pub fn save(
    path: &Path,
    params: &Params<f32>,
    adam: &Adam<f32>,
    mut state: LoopState,
) -> Result<()> {
    let mut tensors = Vec::new();
    state.adam_steps.clear();
    for (id, param) in params.iter() {
        let outgoing = |tensor| OutgoingTensor::Param {
            tensor,
            shape: &param.shape,
        };
        tensors.push((format!("param.{}", param.name), outgoing(&param.tensor)));
        if let Some(moments) = adam.moments(id.index()) {
            state.adam_steps.insert(param.name.clone(), moments.steps);
            tensors.push((format!("m.{}", param.name), outgoing(&moments.m)));
            tensors.push((format!("v.{}", param.name), outgoing(&moments.v)));
        }
    }
    write(Durability::Lasting, path, tensors, json(path, &state)?)
}

/// Reads the state back into a model and an optimiser of the same shapes.
///
/// # Errors
/// [`Error::Read`](crate::Error::Read), or [`Error::File`](crate::Error::File) if the file is damaged
/// or belongs to another model.
pub fn load(path: &Path, params: &mut Params<f32>, adam: &mut Adam<f32>) -> Result<LoopState> {
    let file = Checkpoint::read(path)?;
    let state: LoopState =
        serde_json::from_str(file.metadata().unwrap_or_default()).map_err(|e| {
            file_error(
                path,
                None,
                format!("not a saved state of this program ({e})"),
            )
        })?;
    let params_list: Vec<_> = params
        .iter()
        .map(|(id, p)| (id, p.name.clone(), p.shape.clone(), p.tensor.clone()))
        .collect();
    for (id, name, shape, like) in params_list {
        if let Some(&steps) = state.adam_steps.get(&name) {
            let tensor = |kind: &str| -> Result<Tensor<f32>> {
                Ok(in_layout(
                    &like,
                    file.tensor(&format!("{kind}.{name}"), &shape)?,
                ))
            };
            adam.set_moments(
                id.index(),
                Moments {
                    steps,
                    m: tensor("m")?,
                    v: tensor("v")?,
                    v_max: None,
                },
            );
        }
        // Release the clone first, so that setting the value does not keep two.
        drop(like);
        params.set(id, file.tensor(&format!("param.{name}"), &shape)?);
    }
    Ok(state)
}

/// Row-major values in the layout of `like`.
fn in_layout(like: &Tensor<f32>, values: Vec<f32>) -> Tensor<f32> {
    let (rows, cols) = like.shape();
    match like {
        Tensor::PackedWeight(_) => {
            Tensor::PackedWeight(Arc::new(Panels::from_row_major(&values, rows, cols)))
        }
        _ => Tensor::dense(rows, cols, values),
    }
}
