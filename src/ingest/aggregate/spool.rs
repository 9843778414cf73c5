//! Aggregated rows in a temporary file, until it is known which of them are needed.

use std::collections::{BTreeSet, HashMap};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use half::f16;
use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

use super::ZeroFrames;
use super::frames::{FrameReader, FrameSource, non_finite, trailing_zeros};
use crate::kernels::aggregate::{Aggregation, Scratch};
use crate::kernels::pack::RowValues;
use crate::{Error, Result};

/// Number of frames of zeros at the end of a clip from which they count as padding.
const PADDING: usize = 2;

/// Rows of clips. Their order in the file depends on the threads, but no output does.
pub(super) struct Spool<'a> {
    aggregation: &'a Aggregation,
    /// Whether values must fit into half precision.
    half: bool,
    folder: PathBuf,
    file: File,
    /// By the source's index of the clip.
    rows: HashMap<usize, Result<Row, String>>,
    bytes: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    offset: u64,
    frames: usize,
    /// Columns d of a frame.
    cols: usize,
    /// Number of frames of zeros at the end.
    zeros: usize,
}

/// A clip's `[T, d]`, and the number of frames of zeros at its end.
#[derive(Clone, Copy)]
struct Aggregated {
    frames: usize,
    cols: usize,
    zeros: usize,
}

/// State shared by the threads.
struct Shared {
    file: File,
    end: u64,
    rows: HashMap<usize, Result<Row, String>>,
    failed: Option<std::io::Error>,
}

impl<'a> Spool<'a> {
    /// An empty spool, in an unnamed file that disappears with the process.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub(super) fn new(folder: &Path, aggregation: &'a Aggregation, half: bool) -> Result<Self> {
        let file = tempfile::tempfile_in(folder).map_err(|source| Error::Write {
            path: folder.to_path_buf(),
            source,
        })?;
        Ok(Spool {
            aggregation,
            half,
            folder: folder.to_path_buf(),
            file,
            rows: HashMap::new(),
            bytes: Vec::new(),
        })
    }

    /// Reads and aggregates clips on all threads; `progress` is called for each.
    ///
    /// # Errors
    /// [`Error::Write`] if the disk is full.
    pub(super) fn fill(
        &mut self,
        source: &dyn FrameSource,
        clips: &[usize],
        progress: &(dyn Fn() + Sync),
    ) -> Result<()> {
        let failed = |source| Error::Write {
            path: self.folder.clone(),
            source,
        };
        let shared = Mutex::new(Shared {
            file: self.file.try_clone().map_err(failed)?,
            end: 0,
            rows: HashMap::with_capacity(clips.len()),
            failed: None,
        });
        let next = AtomicUsize::new(0);
        let threads = rayon::current_num_threads().min(clips.len());
        // One long task per thread, which takes one clip after another: buffers are reused, and
        // neighbouring clips of an archive are read without reopening it.
        (0..threads).into_par_iter().with_max_len(1).for_each(|_| {
            let mut worker = Worker {
                aggregation: self.aggregation,
                half: self.half,
                reader: source.reader(),
                scratch: Scratch::new(),
                row: Vec::new(),
                bytes: Vec::new(),
            };
            while let Some(&clip) = clips.get(next.fetch_add(1, Ordering::Relaxed)) {
                let aggregated = worker.aggregate(clip);
                let mut shared = shared.lock().unwrap_or_else(PoisonError::into_inner);
                if shared.failed.is_some() {
                    return;
                }
                shared.add(clip, aggregated, &worker.bytes);
                drop(shared);
                progress();
            }
        });
        let shared = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
        self.rows = shared.rows;
        shared.failed.map_or(Ok(()), |error| Err(failed(error)))
    }

    /// Refuses clips that all have as many frames but differ in columns: time is probably the second axis.
    ///
    /// # Errors
    /// [`Error::Data`].
    pub(super) fn refuse_transposed(&self) -> Result<()> {
        let good: Vec<&Row> = self.rows.values().flatten().collect();
        let widths: BTreeSet<usize> = good.iter().map(|row| row.cols).collect();
        let frames = good.first().map_or(0, |row| row.frames);
        let same = frames > 1 && good.iter().all(|row| row.frames == frames);
        match (widths.first(), widths.last()) {
            (Some(least), Some(most)) if same && widths.len() >= 3.min(good.len()).max(2) => {
                Err(Error::Data(format!(
                    "all {} clips have {frames} frames, but from {least} to {most} columns: the arrays are probably [features, time]; save each as [time, features], e.g. np.save(file, frames.T)",
                    good.len()
                )))
            }
            _ => Ok(()),
        }
    }

    /// Clips with only zeros, and clips that end in at least [`PADDING`] frames of zeros. A single column
    /// is no sign of either.
    pub(super) fn zeros(&self) -> ZeroFrames {
        let mut rows: Vec<(usize, Row)> = self
            .rows
            .iter()
            .filter_map(|(&clip, row)| {
                let row = row.as_ref().ok().filter(|row| row.cols > 1)?;
                Some((clip, *row))
            })
            .collect();
        rows.sort_unstable_by_key(|&(clip, _)| clip);
        let mut found = ZeroFrames::default();
        for (clip, row) in rows {
            if row.zeros == row.frames {
                found.empty.push(clip);
            } else if row.zeros >= PADDING {
                found.padded.push(clip);
                found.padding += row.zeros;
                found.padded_frames += row.frames;
            }
        }
        found
    }

    /// Rejects rows whose frames do not have `required` columns, or by default as many as most clips
    /// (ties go to the first clip).
    pub(super) fn require_frame_size(&mut self, required: Option<usize>, clips: usize) {
        // Number of clips and first clip of each size.
        let mut sizes: HashMap<usize, (usize, usize)> = HashMap::new();
        let mut good = 0;
        for clip in 0..clips {
            if let Some(Ok(row)) = self.rows.get(&clip) {
                let (count, _) = sizes.entry(row.cols).or_insert((0, clip));
                *count += 1;
                good += 1;
            }
        }
        let most = sizes
            .iter()
            .max_by_key(|(_, (count, first))| (*count, clips - first));
        let Some((expected, count)) = most.map(|(cols, (count, _))| (*cols, *count)) else {
            return;
        };
        let (expected, whose) = match required {
            Some(cols) => (cols, "as the file being appended to".to_owned()),
            None => (expected, format!("as {count} of {good} clips have")),
        };
        for row in self.rows.values_mut() {
            if let Ok(Row { cols, .. }) = row
                && *cols != expected
            {
                *row = Err(format!(
                    "its frames have {cols} columns; expected {expected}, {whose}"
                ));
            }
        }
    }

    /// Unusable clips with the reasons, ascending.
    pub(super) fn bad(&self) -> impl Iterator<Item = (usize, &str)> {
        let bad = |(clip, row): (&usize, &'_ Result<Row, String>)| match row {
            Ok(_) => None,
            Err(_) => Some(*clip),
        };
        let mut clips: Vec<usize> = self.rows.iter().filter_map(bad).collect();
        clips.sort_unstable();
        clips
            .into_iter()
            .filter_map(|clip| match &self.rows[&clip] {
                Err(reason) => Some((clip, reason.as_str())),
                Ok(_) => None,
            })
    }

    /// Number of frames of all usable clips.
    pub(super) fn frames(&self) -> u64 {
        let good = self.rows.values().flatten();
        good.map(|row| row.frames as u64).sum()
    }

    /// Columns of a clip's row; `None` for a clip that was not read or is unusable.
    pub(super) fn columns(&self, clip: usize) -> Option<usize> {
        let row = self.rows.get(&clip)?.as_ref().ok()?;
        Some(self.aggregation.output_len(row.cols))
    }

    /// Reads a row back.
    ///
    /// # Errors
    /// The system's error.
    pub(super) fn read(&mut self, clip: usize, out: &mut [f64]) -> std::io::Result<()> {
        let Some(Ok(row)) = self.rows.get(&clip) else {
            return Err(std::io::Error::other("a clip without a row"));
        };
        self.bytes.resize(4 * out.len(), 0);
        self.file.seek(SeekFrom::Start(row.offset))?;
        self.file.read_exact(&mut self.bytes)?;
        for (out, bytes) in out.iter_mut().zip(self.bytes.as_chunks().0) {
            *out = f64::from(f32::from_le_bytes(*bytes));
        }
        Ok(())
    }
}

impl Shared {
    fn add(&mut self, clip: usize, aggregated: Result<Aggregated, String>, bytes: &[u8]) {
        let row = aggregated.map(|of| Row {
            offset: self.end,
            frames: of.frames,
            cols: of.cols,
            zeros: of.zeros,
        });
        if row.is_ok() {
            match self.file.write_all(bytes) {
                Ok(()) => self.end += bytes.len() as u64,
                Err(error) => self.failed = Some(error),
            }
        }
        self.rows.insert(clip, row);
    }
}

/// The buffers of one thread.
struct Worker<'a> {
    aggregation: &'a Aggregation,
    half: bool,
    reader: Box<dyn FrameReader + 'a>,
    scratch: Scratch,
    row: Vec<f32>,
    bytes: Vec<u8>,
}

impl Worker<'_> {
    /// Writes a clip's row to `bytes`.
    fn aggregate(&mut self, clip: usize) -> Result<Aggregated, String> {
        let frames = self.reader.read(clip)?;
        self.row
            .resize(self.aggregation.output_len(frames.cols), 0.0);
        let run = self
            .aggregation
            .run(frames, &mut self.scratch, &mut self.row);
        run.map_err(|error| error.to_string())?;
        // Percentiles can miss an infinity; the mean cannot.
        let all = self.row.iter().all(|x| x.is_finite());
        let seen = self.aggregation.statistics().iter().any(|statistic| {
            use crate::kernels::aggregate::Statistic;
            matches!(statistic, Statistic::Mean | Statistic::Std)
        });
        if (!all || !seen)
            && let Some(reason) = non_finite(frames)
        {
            return Err(reason);
        }
        let fits = |x: &f32| !self.half || f16::from_f32(*x).is_finite();
        let beyond = self.row.iter().position(|x| !x.is_finite() || !fits(x));
        if let Some(at) = beyond {
            let (largest, advice) = if self.half && self.row[at].is_finite() {
                (
                    "65504, the largest half-precision number",
                    "write the features as f32",
                )
            } else {
                (
                    "3.4e38, the largest single-precision number",
                    "scale the frames",
                )
            };
            let column = at % frames.cols;
            return Err(format!(
                "column {column} (from 0) has a statistic beyond {largest}; {advice}"
            ));
        }
        self.bytes.resize(4 * self.row.len(), 0);
        for (bytes, x) in self.bytes.as_chunks_mut().0.iter_mut().zip(&self.row) {
            *bytes = x.to_le_bytes();
        }
        let values = match frames.values {
            RowValues::F16(values) => values.len(),
            RowValues::F32(values) => values.len(),
            RowValues::F64(values) => values.len(),
        };
        Ok(Aggregated {
            frames: values / frames.cols,
            cols: frames.cols,
            zeros: trailing_zeros(frames),
        })
    }
}
