//! Estimates of the memory that a trial takes, and the memory available.

use crate::baseline::{BaselineModel, BaselineSpec, TREES};
use crate::config::{Config, ProjectionInputs};
use crate::plan::data_folder::Opened;
use crate::plan::trial::{BaselineKind, TrialKind};
use crate::predict::score::BATCH;

/// Bytes per parameter during training: the value, two moments, and a copy while a file is written.
const BYTES_PER_PARAMETER: u64 = 16;

/// Matrices of one number per pair of clips that the spans of two encoders' rows, computed side by side,
/// take at their peak.
const SQUARES_OF_CLIPS: u64 = 12;

/// Additional memory of every trial.
const BASE: u64 = 32 << 20;

/// The share of the free memory that trials may use.
const SHARE: f64 = 0.8;

/// The resources that a trial needs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Demand {
    /// Memory at its peak, in bytes.
    pub bytes: u64,
    /// Relative upper bound of its duration, without a unit; comparable between the trials of a plan.
    pub cost: f64,
    /// Approximate number of parameters.
    pub parameters: f64,
}

/// The resources that a trial needs.
pub(crate) fn demand(kind: &TrialKind, data: &Opened) -> Demand {
    match kind {
        TrialKind::Fusion(config) => fusion(config, data),
        TrialKind::Baseline(kind) => baseline(kind, data),
    }
}

/// Epochs that a classifier is taken to need whose recipe is chosen inside the training clips.
const UNKNOWN_EPOCHS: usize = 150;

fn baseline(kind: &BaselineKind, data: &Opened) -> Demand {
    let dataset = &data.dataset;
    let BaselineSpec::Encoders { model, encoders } = &kind.spec else {
        return Demand {
            bytes: BASE,
            cost: 1.0,
            parameters: 0.0,
        };
    };
    let known = dataset.encoders.iter();
    let columns: u64 = known
        .filter(|encoder| encoders.contains(&encoder.name))
        .map(|encoder| encoder.width as u64)
        .sum();
    let classes = dataset.classes.len() as u64;
    let clips = dataset.train.len() as u64;
    let spans = kind.inputs == ProjectionInputs::Span && columns > clips;
    let inputs = if spans { clips } else { columns };
    let parameters = match model {
        BaselineModel::Linear | BaselineModel::Logistic => inputs * classes,
        // A tree has at most as many splits as clips.
        BaselineModel::Forest => (TREES * dataset.train.len()) as u64,
        BaselineModel::Mlp { width } => (inputs + classes) * *width as u64,
    };
    // The held-out clips, or at the end those of the test split, stay gathered; the best epoch's
    // classifier is a copy.
    let test = dataset.test.as_ref().map_or(0, |test| test.len());
    let rows = dataset.train.len().max(test) as u64;
    let clips = dataset.train.len() as f64;
    // Without a recipe learning rates are tried first, or a logistic regression is fitted: in double
    // precision, with inner products of all pairs of clips.
    let epochs = kind.recipe.map_or(UNKNOWN_EPOCHS, |recipe| recipe.epochs);
    let products = match model {
        BaselineModel::Logistic => 2 * rows * columns.min(rows) * 8 + rows * rows * 16,
        // The columns one after the other, and the labels of the leaves.
        BaselineModel::Forest => rows * columns * 4 + parameters * (32 + 8 * classes),
        BaselineModel::Linear | BaselineModel::Mlp { .. } if spans => {
            SQUARES_OF_CLIPS / 2 * 8 * rows * rows
        }
        BaselineModel::Linear | BaselineModel::Mlp { .. } => 0,
    };
    Demand {
        bytes: BASE + parameters * (BYTES_PER_PARAMETER + 4) + rows * inputs * 4 + products,
        cost: (1e4 + parameters as f64) * clips * epochs as f64,
        parameters: parameters as f64,
    }
}

fn fusion(config: &Config, data: &Opened) -> Demand {
    let dataset = &data.dataset;
    let columns: u64 = dataset.encoders.iter().map(|e| e.width as u64).sum();
    let spans = config.train.inputs == ProjectionInputs::Span;
    let test = dataset.test.as_ref().map_or(0, |test| test.len());
    let rows = (dataset.train.len() + if config.uda.enabled { test } else { 0 }) as u64;
    let trained: u64 = match spans {
        true => dataset
            .encoders
            .iter()
            .map(|e| rows.min(e.width as u64))
            .sum(),
        false => columns,
    };
    let parameters = parameters(config, dataset.encoders.len() as u64, trained);
    let batch_rows = config.train.batch_size as u64 * if config.uda.enabled { 2 } else { 1 };
    let batch = batch_rows.max(BATCH as u64) * columns * 4;
    let statistics = 3 * columns * 4;
    let passes = if config.uda.enabled { 2.0 } else { 1.0 };
    let clips = dataset.train.len() as f64 * passes;
    let training = parameters * BYTES_PER_PARAMETER;
    let held = match spans {
        // One encoder's Gram matrix, its factors and coordinates; the network; then it over columns.
        true => {
            let setup = SQUARES_OF_CLIPS * 8 * rows * rows;
            let scoring = 4 * columns * config.model.projection_dim as u64;
            training.max(setup).max(scoring)
        }
        false => training,
    };
    Demand {
        bytes: BASE + held + batch + statistics,
        cost: (1e4 + parameters as f64) * clips * config.train.max_epochs as f64,
        parameters: parameters as f64,
    }
}

/// Approximate number of parameters of a network with this many inputs.
fn parameters(config: &Config, encoders: u64, inputs: u64) -> u64 {
    let model = &config.model;
    let (projection, shared) = (model.projection_dim as u64, model.shared_dim as u64);
    // Gate and fusion depend on the concatenation of all projections; everything else is small.
    inputs * projection + encoders * projection * (model.gate_hidden as u64 + shared)
}

/// Memory that trials may use; `None` if the system does not report it.
pub(crate) fn budget() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    available(&text).map(|bytes| (bytes as f64 * SHARE) as u64)
}

fn available(meminfo: &str) -> Option<u64> {
    field(meminfo, "MemAvailable:")
}

/// Current and peak memory of this process in bytes; `None` if the system does not report it.
pub(crate) fn held() -> Option<Held> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    Some(Held {
        now: field(&text, "VmRSS:")?,
        most: field(&text, "VmHWM:")?,
    })
}

/// Memory of a process in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) now: u64,
    pub(crate) most: u64,
}

/// A line of the kernel's tables: `NAME   123 kB`.
fn field(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib << 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_the_kernel_writes() {
        let text = "MemTotal:       100 kB\nMemAvailable:   24630776 kB\nBuffers: 1 kB\n";
        assert_eq!(available(text), Some(24_630_776 << 10));
        assert_eq!(available("MemTotal: 100 kB\n"), None);
        assert_eq!(available("MemAvailable: lots\n"), None);
    }
}
