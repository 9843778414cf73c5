//! Synthetic data with the shape of BlEmoRE and a known ground truth.
//!
//! Clips show one emotion or a blend of two. Encoders belong to families that see the same aspects of
//! a clip (module `signal`); some see nothing at all, and some are useful only for some
//! clips. Everything is drawn from streams keyed by clip, actor and encoder, so the same seed gives
//! the same bytes for any number of threads. Rows are generated as they are written: no file is ever
//! in memory as a whole.

mod clips;
mod frames;
mod scenario;
mod signal;
mod truth;

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::registry::{REGISTRY, find};
use crate::formats::npz::write;
use crate::formats::npz::write::Precision;
use crate::{Error, Result};

pub use scenario::Scenario;

use clips::{Cast, SynthClip};
use signal::{SynthEncoder, World};

/// The first encoders of a reduced set, which cover every family. The others follow in the registry's
/// order.
const FIRST: [&str; 12] = [
    "clip",
    "wavlm_large",
    "openface2",
    "emotion2vec_plus_large",
    "internvl35_8b",
    "hicmae",
    "videomaev2",
    "whisper_v3",
    "siglip2_large",
    "clap",
    "imagebind",
    "hubert_large",
];

/// Preset sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Preset {
    /// 6 narrow encoders, 470 training and 110 test clips.
    Tiny,
    /// 12 encoders at a sixteenth of their width, 2,456 training and 594 test clips.
    Small,
    /// The paper's 36 encoders at their usual widths, 2,456 training and 594 test clips.
    Paper,
}

/// Options of a synthetic data set.
#[derive(Clone, Debug, PartialEq)]
pub struct SynthOptions {
    /// Random seed.
    pub seed: u64,
    /// Number of clips of the 47 training actors.
    pub train_clips: usize,
    /// Number of clips of the 11 test actors.
    pub test_clips: usize,
    /// Number of the paper's encoders, 1 to 36.
    pub encoders: usize,
    /// Frame sizes are divided by this (but not below 2), at least 1.
    pub width_divisor: usize,
    /// Precision of the feature files.
    pub precision: Precision,
    /// Share of clips missing from each encoder, in [0, 1); every clip keeps at least one encoder.
    pub missing: f64,
    /// Whether the test metadata contain the labels, which the challenge hides.
    pub test_labels: bool,
    /// Write frames, on average this many per clip, instead of aggregated features.
    pub frames: Option<usize>,
    /// How well encoders see the clips.
    pub scenario: Scenario,
}

impl SynthOptions {
    /// The options of a preset.
    pub fn preset(preset: Preset) -> Self {
        let (train_clips, test_clips, encoders, width_divisor, precision) = match preset {
            Preset::Tiny => (470, 110, 6, 64, Precision::F32),
            Preset::Small => (2456, 594, 12, 16, Precision::F32),
            Preset::Paper => (2456, 594, 36, 1, Precision::F16),
        };
        Self {
            seed: 0,
            train_clips,
            test_clips,
            encoders,
            width_divisor,
            precision,
            missing: 0.0,
            test_labels: false,
            frames: None,
            scenario: Scenario::default(),
        }
    }

    fn check(&self) -> Result<()> {
        let fault = |field: &str, found: &dyn std::fmt::Display, expected: &str| {
            Err(Error::Config {
                field: format!("synth.{field}"),
                reason: format!("found {found}, {expected}"),
            })
        };
        if !(1..=REGISTRY.len()).contains(&self.encoders) {
            return fault("encoders", &self.encoders, "expected 1 to 36");
        }
        self.scenario.check(self.encoders)?;
        if self.width_divisor == 0 {
            return fault("width_divisor", &self.width_divisor, "expected at least 1");
        }
        if !(0.0..1.0).contains(&self.missing) {
            return fault(
                "missing",
                &self.missing,
                "expected a share from 0 to below 1",
            );
        }
        if self.train_clips < 2 * clips::TRAIN_ACTORS {
            return fault(
                "train_clips",
                &self.train_clips,
                "expected at least 94, two for each of 47 actors",
            );
        }
        if self.test_clips < clips::TEST_ACTORS {
            return fault(
                "test_clips",
                &self.test_clips,
                "expected at least 11, one for each actor",
            );
        }
        if let Some(frames) = self.frames
            && !(1..=100_000).contains(&frames)
        {
            return fault("frames", &frames, "expected 1 to 100,000");
        }
        let most = 1_000_000;
        if self.train_clips > most || self.test_clips > most {
            return fault(
                "train_clips, test_clips",
                &self.train_clips.max(self.test_clips),
                "expected at most 1,000,000 each",
            );
        }
        Ok(())
    }
}

/// The summary of what was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SynthSummary {
    /// Number of training clips.
    pub train_clips: usize,
    /// Number of test clips.
    pub test_clips: usize,
    /// Encoders, in registry order, with the columns of each after aggregation.
    pub encoders: Vec<(&'static str, usize)>,
    /// Bytes of all feature values.
    pub bytes: u64,
    /// Metadata of the test split with its labels, for scoring.
    pub test_truth: PathBuf,
}

/// Bytes of feature values that [`write()`] will write, for progress bars.
///
/// # Errors
/// [`Error::Config`] for options out of range.
pub fn planned_bytes(options: &SynthOptions) -> Result<u64> {
    options.check()?;
    let cast = Cast::draw(options);
    let bytes = |clips: &[SynthClip], test| -> u64 {
        let values = |(place, index)| -> u64 {
            let rows = rows(options, clips, test, place);
            let Some(mean) = options.frames else {
                return (rows.len() * width(options, index)) as u64;
            };
            let frames = rows
                .iter()
                .map(|&row| frames::count(options.seed, mean, index, &clips[row]));
            (frames.sum::<usize>() * frame_size(options, index)) as u64
        };
        let encoders = chosen(options).into_iter().enumerate();
        encoders.map(values).sum::<u64>() * options.precision.size() as u64
    };
    Ok(bytes(&cast.train, false) + bytes(&cast.test, true))
}

/// Writes a data folder: feature files, metadata, `ground_truth.json`, `ground_truth_clips.csv`
/// and `ground_truth_test.csv` (the test metadata with labels). `progress` is called with the bytes of
/// each row as it is written, from any thread. The training metadata are written last, so that a folder
/// that can be opened is complete.
///
/// With [`SynthOptions::frames`] it writes `frames/ENCODER/CLIP.npy`, each `(T, d)`, for both splits,
/// instead of feature files.
///
/// # Errors
/// [`Error::Config`] for options out of range; [`Error::Data`] if `path` is a file or a folder that
/// is not empty; [`Error::Write`] if a file cannot be written.
pub fn write(
    path: &Path,
    options: &SynthOptions,
    progress: &(dyn Fn(u64) + Sync),
) -> Result<SynthSummary> {
    options.check()?;
    empty_folder(path)?;
    let failed = |path: &Path| {
        let path = path.to_path_buf();
        move |source| Error::Write { path, source }
    };
    let cast = Cast::draw(options);
    let world = World::draw(options);
    let encoders = encoders(options);
    let features = path.join("features");
    let made: &[PathBuf] = match options.frames {
        None => &["train", "test"].map(|part| features.join(part)),
        // Empty, for the output of `aggregate`.
        Some(_) => &[features],
    };
    for folder in made {
        std::fs::create_dir_all(folder).map_err(failed(folder))?;
    }
    // Widest first, so that the largest file is not the last one.
    let mut jobs: Vec<(usize, bool)> = (0..encoders.len())
        .flat_map(|place| [(place, false), (place, true)])
        .collect();
    jobs.sort_by_key(|&(place, test)| (std::cmp::Reverse(encoders[place].cols()), test));
    let writer = Writer {
        path,
        options,
        cast: &cast,
        world: &world,
        encoders: &encoders,
        progress,
    };
    let written: Vec<Result<u64>> = jobs
        .into_par_iter()
        .with_max_len(1)
        .map(|(place, test)| writer.write(place, test))
        .collect();
    let bytes = written.into_iter().sum::<Result<u64>>()?;
    let test_truth = truth::write(path, options, &cast, &world, &encoders)?;
    Ok(SynthSummary {
        train_clips: cast.train.len(),
        test_clips: cast.test.len(),
        encoders: encoders
            .iter()
            .map(|encoder| (encoder.name(), encoder.cols()))
            .collect(),
        bytes,
        test_truth,
    })
}

/// Writes the features or frames of one encoder and split after another.
struct Writer<'a> {
    path: &'a Path,
    options: &'a SynthOptions,
    cast: &'a Cast,
    world: &'a World,
    encoders: &'a [SynthEncoder],
    progress: &'a (dyn Fn(u64) + Sync),
}

impl Writer<'_> {
    /// Gives the bytes of the values.
    fn write(&self, place: usize, test: bool) -> Result<u64> {
        let (options, progress) = (self.options, self.progress);
        let (part, clips) = if test {
            ("test", &self.cast.test)
        } else {
            ("train", &self.cast.train)
        };
        let encoder = &self.encoders[place];
        let rows = rows(options, clips, test, place);
        if let Some(mean) = options.frames {
            let folder = self.path.join("frames").join(encoder.name());
            let clips: Vec<&SynthClip> = rows.iter().map(|&row| &clips[row]).collect();
            let of_encoder = (self.world, encoder);
            return frames::write(&folder, options, mean, of_encoder, &clips, progress);
        }
        let folder = self.path.join("features").join(part);
        let file = folder.join(format!("{}.npz", encoder.name()));
        let row_bytes = (encoder.cols() * options.precision.size()) as u64;
        write::write(&file, |npz| {
            let shape = [rows.len(), encoder.cols()];
            npz.rows("X", options.precision, shape, |row, out| {
                encoder.fill(self.world, &clips[rows[row]], out);
                progress(row_bytes);
            })?;
            let names: Vec<&str> = rows.iter().map(|&clip| clips[clip].name.as_str()).collect();
            npz.names("filenames", &names)
        })?;
        Ok(rows.len() as u64 * row_bytes)
    }
}

/// Registry indices of the encoders to write, ascending.
fn chosen(options: &SynthOptions) -> Vec<usize> {
    let mut order: Vec<usize> = FIRST.iter().filter_map(|name| find(name)).collect();
    order.extend((0..REGISTRY.len()).filter(|index| !FIRST.contains(&REGISTRY[*index].name)));
    order.truncate(options.encoders);
    order.sort_unstable();
    order
}

fn encoders(options: &SynthOptions) -> Vec<SynthEncoder> {
    let chosen = chosen(options);
    let blind = signal::blind(options, chosen.len());
    let encoders = chosen.into_iter().enumerate();
    encoders
        .map(|(place, index)| {
            SynthEncoder::draw(
                options.seed,
                index,
                frame_size(options, index),
                blind[place],
            )
        })
        .collect()
}

fn frame_size(options: &SynthOptions, index: usize) -> usize {
    (REGISTRY[index].frame_size / options.width_divisor).max(2)
}

fn width(options: &SynthOptions, index: usize) -> usize {
    7 * frame_size(options, index)
}

/// The clips that an encoder has, in the shuffled order of its file.
fn rows(options: &SynthOptions, clips: &[SynthClip], test: bool, place: usize) -> Vec<usize> {
    let mut stream = clips::stream(
        options.seed,
        clips::Draw::Rows,
        2 * place + usize::from(test),
    );
    let kept = |clip: &usize| {
        let lost = stream.uniform() < options.missing;
        // Each clip is kept by at least one encoder.
        !lost || clip % options.encoders == place
    };
    let mut rows: Vec<usize> = (0..clips.len()).filter(kept).collect();
    stream.shuffle(&mut rows);
    rows
}

fn empty_folder(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let refuse = |found: &str| {
        Err(Error::Data(format!(
            "{}: expected a new or empty folder to write to; it {found}",
            path.display()
        )))
    };
    if !path.is_dir() {
        return refuse("is a file");
    }
    let mut entries = std::fs::read_dir(path).map_err(|source| Error::Read {
        path: path.to_path_buf(),
        source,
    })?;
    if entries.next().is_some() {
        return refuse("is not empty");
    }
    Ok(())
}

#[cfg(test)]
mod tests;
