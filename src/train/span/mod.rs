//! Training in the span of the training rows (`train.inputs = "span"`).
//!
//! A projection sees its inputs only through W x̃, and every training row lies in the span of the
//! training rows, which has fewer dimensions than an encoder has columns wherever there are fewer clips
//! than columns. So the network is trained on coordinates z = s Q x̃ in an orthonormal basis Q of that
//! span (Hastie, Tibshirani and Friedman, *The Elements of Statistical Learning*, 18.3.5), and its
//! weights become W = s W′ Q at the end: files, predictions and explanations are those of a network
//! that was trained on columns. The part of a row outside the span is dropped, as a network does that
//! has learnt nothing about it.
//!
//! Q is never formed: Q = M L⁻¹ X̃ₚ for rows X̃ₚ that a pivoted Cholesky factorisation of the Gram matrix
//! X̃ X̃ᵀ chooses, so that memory grows with the square of the clips and not with the columns.

mod basis;
mod cholesky;
mod clips;
mod folder;
mod joined;
mod rotation;
mod rows;

use std::path::Path;

use rayon::prelude::*;

use basis::{Basis, TOLERANCE};
pub(super) use clips::{Role, Roles, SpanClips};
use folder::{EncoderFiles, Record};
pub(crate) use joined::{Joined, JoinedRows};
pub(crate) use rows::EncoderRow;
use rows::EncoderRows;

use super::stop::Stop;
use crate::config::{Config, ProjectionInputs};
use crate::data::dataset::Split;
use crate::data::features::Features;
use crate::data::fingerprint::InputFile;
use crate::encoders::Encoder;
use crate::error::{Error, Result};
use crate::files::folder_lock::FolderLock;
use crate::kernels::pack::{RowSource, RowValues};
use crate::nn::Params;

/// Encoders whose spans are computed side by side: what one does on a single thread leaves the others
/// free for the products of the next, and each needs memory for several squares of the clips.
const AT_ONCE: usize = 2;

/// Projections of given weights onto the span, each of what the ones before it missed.
const PROJECTIONS: usize = 5;

/// The coordinates of a run's clips, on disk, and the way back to columns.
#[derive(Debug)]
pub(super) struct Span {
    // One per encoder.
    files: Vec<EncoderFiles>,
    records: Vec<Record>,
    /// One per encoder, its coordinates in place of its columns.
    pub(super) encoders: Vec<Encoder>,
    /// The training split with coordinates.
    pub(super) train: Split<'static>,
    /// The test split with coordinates, where it is the domain adversary's target or scored.
    pub(super) test: Option<Split<'static>>,
}

/// Where spans are, and what tells them apart beside their clips.
#[derive(Clone, Copy, Debug)]
pub(super) struct SpanPlace<'a> {
    /// A folder that runs may share.
    pub(super) folder: &'a Path,
    /// Name and version of the program.
    pub(super) program: &'a str,
    /// The data's files.
    pub(super) inputs: &'a [InputFile],
}

impl Span {
    /// The span of a run's clips: what lies at its place for the same clips, the rest made anew.
    /// Waits while another process makes it. `progress` is called with the number of encoders done.
    ///
    /// # Errors
    /// [`Error::Write`], [`Error::Read`], [`Error::Npz`]; [`Error::Interrupted`] once `stop` is asked.
    pub(super) fn open(
        clips: &SpanClips<'_>,
        place: SpanPlace<'_>,
        stop: &Stop,
        progress: &mut dyn FnMut(usize),
    ) -> Result<Self> {
        let columns = &clips.dataset().encoders;
        let (mut files, mut records) = (Vec::new(), Vec::new());
        let all: Vec<usize> = (0..columns.len()).collect();
        for some in all.chunks(AT_ONCE) {
            let of_some = some.iter().map(|&encoder| {
                let key = clips.key(encoder, place.program, place.inputs);
                EncoderFiles::new(place.folder, key)
            });
            let of_some: Vec<EncoderFiles> = of_some.collect();
            records.extend(find_or_make(clips, &of_some, some[0], stop)?);
            files.extend(of_some);
            progress(records.len());
        }
        let encoders = columns.iter().zip(&records);
        let encoders: Vec<Encoder> = encoders
            .map(|(encoder, record)| Encoder {
                width: record.width(encoder.width),
                ..encoder.clone()
            })
            .collect();
        let with = |split: &Split, part: &str| {
            let paths = files.iter().map(|files| files.coordinates(part));
            let widths = encoders.iter().map(|encoder| encoder.width);
            let with = split.with_features(&paths.zip(widths).collect::<Vec<_>>())?;
            clips.check_complete(&with, part == folder::TEST)?;
            Ok::<Split<'static>, Error>(with)
        };
        let of_test = clips.groups().iter().any(|group| group.of_test);
        let test = clips.dataset().test.as_ref().filter(|_| of_test);
        Ok(Self {
            train: with(&clips.dataset().train, folder::TRAIN)?,
            test: test.map(|test| with(test, folder::TEST)).transpose()?,
            files,
            records,
            encoders,
        })
    }

    /// Draws the projections' initial weights as wide as those of columns: variance 1/(3 D) in an
    /// orthonormal basis.
    pub(super) fn rescale_initial(&self, columns: &[Encoder], params: &mut Params<f32>) {
        for (columns, encoder) in columns.iter().zip(&self.encoders) {
            let names = [weight_name(encoder), bias_name(encoder)];
            rescale_layer(params, &names, [columns.width, encoder.width]);
        }
    }

    /// Puts a network over columns into one over coordinates; the parts of its weights outside the span
    /// are lost.
    ///
    /// # Errors
    /// As [`Span::open`].
    pub(super) fn take_from(
        &self,
        clips: &SpanClips<'_>,
        from: &Params<f32>,
        to: &mut Params<f32>,
    ) -> Result<()> {
        let dataset = clips.dataset();
        let place = |name: &str| {
            let names = dataset.encoders.iter().map(weight_name);
            names.into_iter().position(|weight| weight == name)
        };
        for (_, param) in from.iter() {
            let Some(id) = to.find(&param.name) else {
                continue;
            };
            let values = param.tensor.to_row_major();
            let values = match place(&param.name) {
                Some(encoder) => self.to_span(clips, encoder, &values)?,
                None => values,
            };
            to.set(id, values);
        }
        Ok(())
    }

    /// An encoder's weights over coordinates, of its weights `(P, D)` over columns.
    fn to_span(&self, clips: &SpanClips<'_>, encoder: usize, weights: &[f32]) -> Result<Vec<f32>> {
        let width = clips.dataset().encoders[encoder].width;
        match self.records[encoder] {
            Record::Columns => Ok(weights.to_vec()),
            Record::Nothing => Ok(vec![0.0; weights.len() / width]),
            Record::Basis { rank } => {
                let basis = self.files[encoder].basis(rank, width)?;
                let spanning = clips.spanning(encoder);
                let project = |weights: &[f32]| {
                    let values = RowValues::F32(weights);
                    let source = RowSource {
                        values,
                        cols: width,
                    };
                    let row = |row: usize| EncoderRow {
                        source: source.into(),
                        row,
                        standardise: None,
                    };
                    let rows = (0..weights.len() / width).map(row).collect();
                    basis.to_span(&EncoderRows::new(rows, width), &spanning)
                };
                // The basis is orthonormal as far as the Gram matrix in f32 tells, in its weakest directions to
                // a tenth or so: one projection misses that part, and the next ones find it.
                let mut found = vec![0.0_f64; weights.len() / width * rank];
                let mut missed = weights.to_vec();
                for _ in 0..PROJECTIONS {
                    let correction = project(&missed);
                    let all = found.iter_mut().zip(correction);
                    all.for_each(|(found, correction)| *found += correction);
                    let rounded: Vec<f32> = found.iter().map(|x| *x as f32).collect();
                    let formed = basis.to_columns(&rounded, &spanning);
                    let pairs = weights.iter().zip(formed);
                    missed = pairs.map(|(weight, formed)| weight - formed).collect();
                }
                Ok(found.into_iter().map(|x| x as f32).collect())
            }
        }
    }

    /// An encoder's weights `(P, D)` over columns, of its weights over coordinates.
    ///
    /// # Errors
    /// [`Error::Read`] or [`Error::Npz`] if the basis cannot be read.
    pub(super) fn to_columns(
        &self,
        clips: &SpanClips<'_>,
        encoder: usize,
        weights: Vec<f32>,
    ) -> Result<Vec<f32>> {
        let width = clips.dataset().encoders[encoder].width;
        match self.records[encoder] {
            Record::Columns => Ok(weights),
            Record::Nothing => Ok(vec![0.0; weights.len() * width]),
            Record::Basis { rank } => {
                let basis = self.files[encoder].basis(rank, width)?;
                Ok(basis.to_columns(&weights, &clips.spanning(encoder)))
            }
        }
    }

    /// The encoder whose projection weight has this name.
    pub(super) fn encoder_of(&self, name: &str) -> Option<usize> {
        let mut encoders = self.encoders.iter();
        encoders.position(|encoder| weight_name(encoder) == name)
    }
}

/// Draws a layer over `r` coordinates as wide as it would be over `D` columns, given the names of its weight and
/// its bias: variance 1/(3 D) in an orthonormal basis.
pub(crate) fn rescale_layer(
    params: &mut Params<f32>,
    [weight, bias]: &[String; 2],
    [columns, rank]: [usize; 2],
) {
    if columns == rank {
        return;
    }
    let ratio = (rank as f64 / columns as f64).sqrt();
    // Drawn in ±1/√r; in coordinates that are s times as long, 1/(s √D) = √(r/D) · √(r/D) / √r.
    scale(params, weight, ratio * ratio);
    scale(params, bias, ratio);
}

/// The most coordinates that the encoders of a run can have.
pub(super) fn most_coordinates(config: &Config, encoders: &[Encoder], rows: usize) -> Vec<Encoder> {
    let spans = config.train.inputs == ProjectionInputs::Span;
    let width = |width: usize| if spans { width.min(rows.max(1)) } else { width };
    let encoders = encoders.iter().map(|encoder| Encoder {
        width: width(encoder.width),
        ..encoder.clone()
    });
    encoders.collect()
}

fn weight_name(encoder: &Encoder) -> String {
    format!("encoders.{}.linear.weight", encoder.name)
}

fn bias_name(encoder: &Encoder) -> String {
    format!("encoders.{}.linear.bias", encoder.name)
}

fn scale(params: &mut Params<f32>, name: &str, factor: f64) {
    let Some(id) = params.find(name) else { return };
    let mut values = params.get(id).tensor.to_row_major();
    values
        .iter_mut()
        .for_each(|x| *x = (f64::from(*x) * factor) as f32);
    params.set(id, values);
}

/// The records of some encoders from `first` on, of files that are there already or are written now.
fn find_or_make(
    clips: &SpanClips<'_>,
    files: &[EncoderFiles],
    first: usize,
    stop: &Stop,
) -> Result<Vec<Record>> {
    // All locks before any work, in the order of the encoders: no thread waits for another process in the
    // middle of work that this one waits for.
    let locks = files.iter().map(|files| files.lock(stop));
    let _locks = locks.collect::<Result<Vec<FolderLock>>>()?;
    let made = files.par_iter().enumerate().map(|(n, files)| {
        let encoder = first + n;
        let found = files.record();
        if let Some(record) = found.filter(|record| is_whole(files, *record)) {
            return Ok(record);
        }
        if stop.is_asked() {
            let text = "while the span of the training rows was computed; what is done is kept";
            return Err(Error::Interrupted(text.into()));
        }
        files.clear()?;
        let record = make(clips, files, encoder)?;
        files.finish(record)?;
        Ok(record)
    });
    // The error of the first, not that of the fastest.
    made.collect::<Vec<Result<Record>>>().into_iter().collect()
}

/// Whether an encoder's files can be read; damaged ones are made anew.
fn is_whole(files: &EncoderFiles, record: Record) -> bool {
    let basis = match record {
        Record::Basis { rank } => files.stored_basis(rank).is_ok(),
        Record::Columns | Record::Nothing => true,
    };
    let readable = |part: &str| {
        let path = files.coordinates(part);
        !path.exists() || Features::open(&path).is_ok()
    };
    basis && readable(folder::TRAIN) && readable(folder::TEST)
}

fn make(clips: &SpanClips<'_>, files: &EncoderFiles, encoder: usize) -> Result<Record> {
    let spanning = clips.spanning(encoder);
    let width = clips.dataset().encoders[encoder].width;
    let keeps = width <= spanning.len();
    let (basis, coordinates) = match keeps {
        true => (None, [Vec::new(), Vec::new()]),
        false => {
            let (basis, coordinates) =
                Basis::of::<f32>(&spanning, &clips.others(encoder), TOLERANCE);
            (Some(basis), coordinates)
        }
    };
    let record = match &basis {
        None => Record::Columns,
        Some(basis) if basis.rank() == 0 => Record::Nothing,
        Some(basis) => Record::Basis { rank: basis.rank() },
    };
    let cols = record.width(width);
    let [mut of_spanning, mut of_others] = coordinates.each_ref().map(|all| all.chunks(cols));
    for part in [folder::TRAIN, folder::TEST] {
        let (mut names, mut values) = (Vec::new(), Vec::new());
        let of_part = clips.groups().iter();
        for group in of_part.filter(|group| group.of_test == (part == folder::TEST)) {
            let rows = clips.rows(encoder, group);
            names.extend(group.names(encoder));
            match record {
                Record::Columns => {
                    let mut block = Vec::new();
                    rows.block::<f64>(0..width, &mut block);
                    values.extend(block);
                }
                Record::Nothing => values.extend(vec![0.0; rows.len()]),
                Record::Basis { .. } => {
                    let known = match group.spans() {
                        true => &mut of_spanning,
                        false => &mut of_others,
                    };
                    let known = known.take(rows.len());
                    known.for_each(|row| values.extend(row));
                }
            }
        }
        files.write_coordinates(part, cols, &names, &values)?;
    }
    if let Some(basis) = basis.filter(|basis| basis.rank() > 0) {
        files.write_basis(&basis)?;
    }
    Ok(record)
}

#[cfg(test)]
mod tests;
