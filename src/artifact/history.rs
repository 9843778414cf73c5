//! What each epoch gave, as CSV and as JSON lines. No times of day and no durations: two runs with
//! the same seed write the same bytes.

use std::io::Write;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::files::atomic_file::{Durability, write_as};

/// One epoch. Measures that do not exist (no validation fold, no adversary, no blends) are `None`:
/// empty in CSV, null in JSON. Losses are means over clips, in nats.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EpochRecord {
    /// Counted from 1.
    pub epoch: usize,
    /// Optimiser steps taken since the run began.
    pub steps: usize,
    /// Learning rate of this epoch's steps.
    pub lr: f64,
    /// τ after the epoch.
    pub temperature: Option<f64>,
    /// L over the epoch's batches.
    pub train_loss: f64,
    /// L_p over the epoch's batches.
    pub train_presence_loss: f64,
    /// L_s over the epoch's batches.
    pub train_salience_loss: f64,
    /// L_dom over the epoch's batches.
    pub train_domain_loss: Option<f64>,
    /// L_task on the validation fold.
    pub val_loss: Option<f64>,
    /// L_p on the validation fold.
    pub val_presence_loss: Option<f64>,
    /// L_s on the validation fold.
    pub val_salience_loss: Option<f64>,
    /// ACC_presence at the thresholds below.
    pub acc_presence: Option<f64>,
    /// ACC_salience; none where the fold has no blends.
    pub acc_salience: Option<f64>,
    /// ½ ACC_presence + ½ ACC_salience, an undefined one counted 0.
    pub average: Option<f64>,
    /// Kullback-Leibler divergence of the aligned scores from the truth.
    pub kl: Option<f64>,
    /// Mean overlap of labels and decoded shares; absent from the files of runs that do not follow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overlap: Option<f64>,
    /// t_p of this epoch.
    pub presence_threshold: Option<f64>,
    /// t_s of this epoch.
    pub salience_threshold: Option<f64>,
    /// α of this epoch.
    #[serde(default)]
    pub alpha: Option<f64>,
    /// β of this epoch, likewise absent where it is the paper's 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beta: Option<f64>,
    /// Whether this epoch was the best so far.
    pub best: bool,
}

/// Writes all epochs as CSV.
///
/// # Errors
/// [`Error::Write`].
pub(crate) fn write_csv(
    durability: Durability,
    path: &Path,
    records: &[EpochRecord],
) -> Result<()> {
    write_as(durability, path, |out| {
        let mut csv = csv::Writer::from_writer(out);
        for record in records {
            csv.serialize(record).map_err(std::io::Error::other)?;
        }
        csv.flush()
    })
}

/// Writes all epochs as JSON lines.
///
/// # Errors
/// [`Error::Write`].
pub(crate) fn write_json_lines(
    durability: Durability,
    path: &Path,
    records: &[EpochRecord],
) -> Result<()> {
    write_as(durability, path, |out| {
        for record in records {
            serde_json::to_writer(&mut *out, record)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    })
}

/// Reads what `write_json_lines` wrote.
///
/// # Errors
/// [`Error::Read`], or [`Error::File`] naming the line.
pub fn read_json_lines(path: &Path) -> Result<Vec<EpochRecord>> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Read {
        path: path.to_owned(),
        source,
    })?;
    let records = text.lines().enumerate().map(|(i, line)| {
        serde_json::from_str(line).map_err(|e| Error::File {
            path: path.to_owned(),
            key: Some(format!("line {}", i + 1)),
            reason: e.to_string(),
        })
    });
    records.collect()
}
