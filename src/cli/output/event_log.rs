//! Logs a training run to a TensorBoard event file, in addition to the progress on stderr.

use std::path::Path;

use ndarray::Array2;

use super::progress::TrainingProgress;
use crate::Result;
use crate::artifact::history::EpochRecord;
use crate::report::event_file::{EventFile, EventValue, Histogram};
use crate::train::Observer;
use crate::train::step::StepLosses;

/// Bins of a histogram.
const BINS: usize = 40;

/// Progress, and the event file if requested.
pub struct EventLog<'a> {
    progress: &'a mut TrainingProgress,
    file: Option<EventFile>,
    encoders: Vec<String>,
    failed: Result<()>,
}

impl<'a> EventLog<'a> {
    /// Reports to `progress`, and logs to `folder` if there is one; `resumed` says whether the training
    /// continues one that may have logged there.
    ///
    /// # Errors
    /// [`Error::Write`](crate::Error::Write).
    pub fn new(
        progress: &'a mut TrainingProgress,
        folder: Option<&Path>,
        resumed: bool,
        encoders: Vec<String>,
    ) -> Result<Self> {
        Ok(Self {
            progress,
            file: folder
                .map(|folder| EventFile::create(folder, resumed))
                .transpose()?,
            encoders,
            failed: Ok(()),
        })
    }

    /// Whether everything was written.
    ///
    /// # Errors
    /// [`Error::Write`](crate::Error::Write), the first that came.
    pub fn finish(self) -> Result<()> {
        self.failed?;
        self.file.map_or(Ok(()), EventFile::finish)
    }

    fn write(&mut self, step: usize, values: &[(String, EventValue)]) {
        if let Some(file) = self.file.as_mut().filter(|_| self.failed.is_ok()) {
            // Training continues; the error is reported at its end.
            self.failed = file.write(step, values);
        }
    }
}

impl Observer for EventLog<'_> {
    fn warning(&mut self, text: &str) {
        self.progress.warning(text);
    }

    fn span(&mut self, done: usize, encoders: usize) {
        self.progress.span(done, encoders);
    }

    fn epoch_begins(&mut self, epoch: usize, steps: usize) {
        self.progress.epoch_begins(epoch, steps);
    }

    fn step(&mut self, losses: &StepLosses) {
        self.progress.step(losses);
    }

    fn epoch(&mut self, record: &EpochRecord) {
        self.progress.epoch(record);
        let values = [
            ("loss/train", Some(record.train_loss)),
            ("loss/train_presence", Some(record.train_presence_loss)),
            ("loss/train_salience", Some(record.train_salience_loss)),
            ("loss/train_domain", record.train_domain_loss),
            ("loss/validation", record.val_loss),
            ("loss/validation_presence", record.val_presence_loss),
            ("loss/validation_salience", record.val_salience_loss),
            ("accuracy/presence", record.acc_presence),
            ("accuracy/salience", record.acc_salience),
            ("accuracy/average", record.average),
            ("kl", record.kl),
            ("lr", Some(record.lr)),
            ("temperature", record.temperature),
        ];
        let scalar = |(tag, value): (&str, Option<f64>)| {
            Some((tag.to_owned(), EventValue::Scalar(value? as f32)))
        };
        let values: Vec<_> = values.into_iter().filter_map(scalar).collect();
        self.write(record.epoch, &values);
    }

    fn gate_weights(&mut self, epoch: usize, weights: &Array2<f64>) {
        let of_encoder = |(name, column): (&String, ndarray::ArrayView1<'_, f64>)| {
            let histogram = Histogram::of(column.iter().copied(), BINS);
            (format!("gate/{name}"), EventValue::Histogram(histogram))
        };
        let values: Vec<_> = self
            .encoders
            .iter()
            .zip(weights.columns())
            .map(of_encoder)
            .collect();
        self.write(epoch, &values);
    }
}
