//! TensorBoard event files: protocol buffer messages in TensorFlow's record format.
//!
//! A record is its length (u64, little-endian), the masked CRC-32C of these eight bytes, the data, and
//! their masked CRC-32C. The few messages that TensorBoard needs (`Event`, `Summary`,
//! `HistogramProto`, `SessionLog`) are encoded here: field number and wire type, then the value.

use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};

/// An open event file. Each record is written immediately, so that a viewer sees it; the first ones with the
/// first values.
#[derive(Debug)]
pub struct EventFile {
    path: PathBuf,
    file: File,
    /// Whether this continues a run that may have written some of the steps before.
    resumed: bool,
    begun: bool,
}

/// The value of one tag at one step.
#[derive(Clone, Debug, PartialEq)]
pub enum EventValue {
    /// A number.
    Scalar(f32),
    /// A distribution.
    Histogram(Histogram),
}

/// A binned distribution.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Histogram {
    /// Smallest value.
    pub min: f64,
    /// Largest value.
    pub max: f64,
    /// Number of values.
    pub count: f64,
    /// Sum of the values.
    pub sum: f64,
    /// Sum of the squared values.
    pub sum_squares: f64,
    /// Upper limit of each bin, ascending.
    pub limits: Vec<f64>,
    /// Number of values in each bin.
    pub counts: Vec<f64>,
}

impl Histogram {
    /// A histogram of the finite values, in `bins` bins of equal width between minimum and maximum.
    pub fn of(values: impl Iterator<Item = f64>, bins: usize) -> Self {
        let values: Vec<f64> = values.filter(|x| x.is_finite()).collect();
        let min = values.iter().copied().fold(f64::INFINITY, f64::min);
        let max = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        if values.is_empty() || bins == 0 {
            return Self::default();
        }
        let width = ((max - min) / bins as f64).max(f64::MIN_POSITIVE);
        let mut counts = vec![0.0; bins];
        for value in &values {
            counts[(((value - min) / width) as usize).min(bins - 1)] += 1.0;
        }
        let limit = |bin: usize| {
            if bin + 1 == bins {
                max
            } else {
                min + width * (bin + 1) as f64
            }
        };
        Self {
            min,
            max,
            count: values.len() as f64,
            sum: values.iter().sum(),
            sum_squares: values.iter().map(|x| x * x).sum(),
            limits: (0..bins).map(limit).collect(),
            counts,
        }
    }
}

impl EventFile {
    /// Creates the folder if needed, and a new file in it with the name that TensorBoard expects. With
    /// `resumed`, TensorBoard forgets what earlier files say of the first step of this one and of later steps.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn create(folder: &Path, resumed: bool) -> Result<Self> {
        let failed = |path: &Path| {
            let path = path.to_owned();
            move |source| Error::Write { path, source }
        };
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
        let seconds = now() as u64;
        let name = format!(
            "events.out.tfevents.{seconds:010}.blendfuse.{}",
            std::process::id()
        );
        let path = folder.join(name);
        // A second run of this process within the same second appends to the same file.
        let open = OpenOptions::new().append(true).create(true).open(&path);
        Ok(Self {
            file: open.map_err(failed(&path))?,
            path,
            resumed,
            begun: false,
        })
    }

    /// Writes what comes before the first values.
    fn begin(&mut self, step: usize) -> Result<()> {
        self.begun = true;
        let mut event = Message::default();
        event.double(1, now());
        event.bytes(3, b"brain.Event:2");
        self.record(&event.0)?;
        if !self.resumed {
            return Ok(());
        }
        // `SessionLog` with the status START.
        let mut session = Message::default();
        session.varint(1, 1);
        let mut event = Message::default();
        event.double(1, now());
        event.varint(2, step as u64);
        event.bytes(7, &session.0);
        self.record(&event.0)
    }

    /// Ends the file; one without any values is removed, unless another run wrote to it.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(self) -> Result<()> {
        let empty = !self.begun && self.file.metadata().is_ok_and(|file| file.len() == 0);
        if !empty {
            return Ok(());
        }
        let path = self.path;
        std::fs::remove_file(&path).map_err(|source| Error::Write { path, source })
    }

    /// Adds the values of one step.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&mut self, step: usize, values: &[(String, EventValue)]) -> Result<()> {
        if !self.begun {
            self.begin(step)?;
        }
        let mut summary = Message::default();
        for (tag, value) in values {
            let mut message = Message::default();
            message.bytes(1, tag.as_bytes());
            match value {
                EventValue::Scalar(x) => message.float(2, *x),
                EventValue::Histogram(histogram) => message.bytes(5, &encoded(histogram).0),
            }
            summary.bytes(1, &message.0);
        }
        let mut event = Message::default();
        event.double(1, now());
        event.varint(2, step as u64);
        event.bytes(5, &summary.0);
        self.record(&event.0)
    }

    fn record(&mut self, data: &[u8]) -> Result<()> {
        let length = (data.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(data.len() + 16);
        record.extend(length);
        record.extend(masked(&length).to_le_bytes());
        record.extend(data);
        record.extend(masked(data).to_le_bytes());
        self.file.write_all(&record).map_err(|source| Error::Write {
            path: self.path.clone(),
            source,
        })
    }
}

fn encoded(histogram: &Histogram) -> Message {
    let mut message = Message::default();
    message.double(1, histogram.min);
    message.double(2, histogram.max);
    message.double(3, histogram.count);
    message.double(4, histogram.sum);
    message.double(5, histogram.sum_squares);
    for (field, values) in [(6, &histogram.limits), (7, &histogram.counts)] {
        let packed: Vec<u8> = values.iter().flat_map(|x| x.to_le_bytes()).collect();
        message.bytes(field, &packed);
    }
    message
}

/// Seconds since 1970.
fn now() -> f64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0.0, |since| since.as_secs_f64())
}

/// TensorFlow's masked CRC, which is safe for data that itself contains CRCs.
fn masked(data: &[u8]) -> u32 {
    let crc = crc32c::crc32c(data);
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// A protocol buffer under construction.
#[derive(Default)]
struct Message(Vec<u8>);

impl Message {
    fn number(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }

    fn varint(&mut self, field: u64, value: u64) {
        self.number(field << 3);
        self.number(value);
    }

    fn double(&mut self, field: u64, value: f64) {
        self.number(field << 3 | 1);
        self.0.extend(value.to_le_bytes());
    }

    fn float(&mut self, field: u64, value: f32) {
        self.number(field << 3 | 5);
        self.0.extend(value.to_le_bytes());
    }

    fn bytes(&mut self, field: u64, value: &[u8]) {
        self.number(field << 3 | 2);
        self.number(value.len() as u64);
        self.0.extend(value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_format() {
        // CRC-32C of "123456789" is 0xe3069283.
        let expected = 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8);
        assert_eq!(masked(b"123456789"), expected);
    }

    #[test]
    fn records_are_framed_and_scalars_encoded() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(&folder.path().join("logs"), false).unwrap();
        events
            .write(300, &[("loss".into(), EventValue::Scalar(0.5))])
            .unwrap();
        let bytes = std::fs::read(&events.path).unwrap();
        let length = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        let first = length(0);
        assert!(bytes[12..12 + first].ends_with(b"\x1a\x0dbrain.Event:2"));
        let at = 16 + first;
        assert_eq!(bytes.len(), at + 16 + length(at));
        // Step 300, then the summary: tag "loss" and 0.5 as a float.
        let event = &bytes[at + 12 + 9..at + 12 + length(at)];
        let expected = b"\x10\xac\x02\x2a\x0d\x0a\x0b\x0a\x04loss\x15\x00\x00\x00\x3f";
        assert_eq!(event, expected);
    }

    #[test]
    fn a_resumed_file_begins_with_a_session_at_its_first_step() {
        let folder = tempfile::tempdir().unwrap();
        let mut events = EventFile::create(folder.path(), true).unwrap();
        let value = [("loss".into(), EventValue::Scalar(0.5))];
        events.write(26, &value).unwrap();
        events.write(27, &value).unwrap();
        let bytes = std::fs::read(&events.path).unwrap();
        // Step 26 and a session log with status 1, once.
        let session = b"\x10\x1a\x3a\x02\x08\x01";
        let found = bytes.windows(session.len());
        assert_eq!(found.filter(|window| window == session).count(), 1);
        events.finish().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_file_without_values_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let events = EventFile::create(folder.path(), true).unwrap();
        events.finish().unwrap();
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_histogram_counts_every_value_once() {
        let found = Histogram::of([0.0, 0.1, 0.9, 1.0, f64::NAN].into_iter(), 4);
        assert_eq!((found.count, found.min, found.max), (4.0, 0.0, 1.0));
        assert_eq!(found.counts, [2.0, 0.0, 0.0, 2.0]);
        assert_eq!(found.limits.last(), Some(&1.0));
        assert_eq!(Histogram::of([].into_iter(), 4), Histogram::default());
    }
}
