//! `blendfuse aggregate`.

use std::path::{Path, PathBuf};
use std::time::Instant;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::cli::flags::clip_files::ClipFileArgs;
use crate::cli::flags::common::{Overwrite, Threads, quoted};
use crate::cli::flags::encoder_output::{similar, zero_rows};
use crate::cli::output::numbers::{count, counted, duration};
use crate::cli::output::{console, progress};
use crate::formats::npz::write::Precision;
use crate::ingest::aggregate::folder::{FrameFolder, FrameSelection};
use crate::ingest::aggregate::frames::FrameSource;
use crate::ingest::aggregate::split::{SPLITS, SplitOfClip, split_path};
use crate::ingest::aggregate::{
    AggregationOptions, AggregationOutcome, OutputFile, aggregate, sidecar, statistics,
};
use crate::kernels::aggregate::Aggregation;
use crate::{Error, Result};

/// Bad clips that are listed; `--json` has them all.
const MAX_LINES: usize = 1000;

/// Aggregate frame-level features into a feature file
///
/// Reads NumPy files with the frames [T, d] of each clip, and writes the feature file of one
/// encoder: X [clips, 7 d] and filenames. The default statistics are the paper's: mean, standard
/// deviation, and 10th, 25th, 50th, 75th and 90th percentile over time, one after another. Keeps one
/// clip per thread in memory.
#[derive(Args, Debug)]
#[command(after_help = "\
A clip is a file NAME.npy, the only array of NAME.npz, or each array of an .npz
with several. Any number type, byte order and memory layout is accepted;
[1, T, d] and [T, 1, d] are read as [T, d].
A clip without frames, with NaN or infinite values, with a d that differs from
the others, or in a damaged file is listed with the reason, and nothing is
written (exit code 2), unless --skip-bad.

Examples:
  blendfuse aggregate frames/wavlm --out data/features/train/wavlm_large.npz
  blendfuse aggregate frames/wavlm --out data/features/wavlm_large.npz \\
      --split-by data
  blendfuse aggregate frames --pattern '*_clip.npy' --recursive \\
      --out clip.npz --skip-bad
  blendfuse aggregate frames/wavlm --out wavlm_large.npz --append")]
pub struct Aggregate {
    /// Folder of .npy or .npz files, or one .npz with one array per clip
    frames: PathBuf,
    /// Feature file to write (.npz); with --split-by, DIR/NAME.npz means DIR/train/NAME.npz and
    /// DIR/test/NAME.npz
    #[arg(long, value_name = "FILE.npz")]
    out: PathBuf,
    /// Statistics, in column order: mean, std, min, max, median, or p and a percentile
    #[arg(long, value_name = "LIST", default_value = "mean,std,p10,p25,p50,p75,p90", value_parser = statistics::parse)]
    stats: Aggregation,
    /// Data type of X [default: f32, or with --append that of the file]
    #[arg(long, value_enum)]
    dtype: Option<DtypeArg>,
    #[command(flatten)]
    files: ClipFileArgs,
    /// Names of clips in subfolders: the file name only, or the path relative to FRAMES
    #[arg(long, value_enum, default_value = "file")]
    names: NamesArg,
    /// Read this array of each .npz; clips are then named after the files
    #[arg(long, value_name = "NAME")]
    array: Option<String>,
    /// Write the training and test splits at once: a data folder with train_metadata.csv and
    /// test_metadata.csv, or a CSV with columns filename and split (train or test)
    #[arg(long, value_name = "METADATA")]
    split_by: Option<PathBuf>,
    /// Keep the rows of an existing output and add the clips that it lacks; only these are read
    #[arg(long, conflicts_with = "force")]
    append: bool,
    /// Leave out unusable clips and list them in NAME.skipped.json beside the output
    #[arg(long)]
    skip_bad: bool,
    #[command(flatten)]
    overwrite: Overwrite,
    #[command(flatten)]
    threads: Threads,
    /// Print what was written, and all bad clips, as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum DtypeArg {
    /// Half precision
    F16,
    /// Single precision
    F32,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum NamesArg {
    /// `clip` for FRAMES/actor/clip.npy
    File,
    /// `actor/clip`
    Path,
}

impl Aggregate {
    /// Aggregates.
    ///
    /// # Errors
    /// [`Error::Data`] if clips cannot be used and are not to be skipped; those of the library.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        let began = Instant::now();
        let named = |file: &str| self.files.clip(file);
        let folder = FrameFolder::open(
            &self.frames,
            &FrameSelection {
                recursive: self.files.recursive,
                folders_in_names: matches!(self.names, NamesArg::Path),
                clip: &named,
                array: self.array.as_deref(),
                except: &self.outputs(),
            },
        )?;
        let targets = self.targets(&folder)?;
        for target in &targets {
            self.check_output(target)?;
        }
        let options = AggregationOptions {
            aggregation: self.stats.clone(),
            precision: self.dtype.map(|dtype| match dtype {
                DtypeArg::F16 => Precision::F16,
                DtypeArg::F32 => Precision::F32,
            }),
            append: self.append,
            skip_bad: self.skip_bad,
        };
        let clips = targets.iter().map(|target| target.clips.len() as u64).sum();
        let bar = progress::clips(clips);
        let outcome = aggregate(&folder, &targets, &options, &|| bar.inc(1));
        bar.finish_and_clear();
        let outcome = outcome?;
        self.warn(&folder, &outcome);
        self.report(&outcome, began.elapsed().as_secs_f64())
    }

    /// All paths that may be written.
    fn outputs(&self) -> Vec<PathBuf> {
        let mut paths = vec![self.out.clone()];
        if self.split_by.is_some() {
            paths.extend(SPLITS.map(|part| split_path(&self.out, part)));
        }
        paths
    }

    /// The files to write; reports clips that are only in the metadata or only in the frames.
    fn targets(&self, folder: &FrameFolder) -> Result<Vec<OutputFile>> {
        let Some(metadata) = &self.split_by else {
            return Ok(vec![OutputFile {
                path: self.out.clone(),
                clips: (0..folder.clips().len()).collect(),
            }]);
        };
        let divided = SplitOfClip::read(metadata)?.divide(folder.clips(), &self.out);
        if divided.targets.is_empty() {
            return Err(Error::Data(format!(
                "{}: lists none of the {} in {}, such as {:?}",
                metadata.display(),
                counted(folder.clips().len(), "clip"),
                self.frames.display(),
                folder.clips()[0]
            )));
        }
        if divided.unlisted > 0 {
            console::note(&format!(
                "left out {} with frames that {} does not list",
                counted(divided.unlisted, "clip"),
                metadata.display()
            ));
        }
        if divided.absent > 0 {
            console::warning(&format!(
                "{} of {} without frames: the encoder will count as missing for them",
                counted(divided.absent, "clip"),
                metadata.display()
            ));
        }
        if let Some(near) = &divided.near {
            console::warning(&similar(near));
        }
        Ok(divided.targets)
    }

    fn check_output(&self, target: &OutputFile) -> Result<()> {
        let path = &target.path;
        let folder = path.parent().filter(|folder| *folder != Path::new(""));
        // The folder of a split is created; the folder given by the user is not.
        let is_made = self.split_by.is_some() && folder.is_some_and(|folder| !folder.exists());
        let overwrite = Overwrite {
            force: self.overwrite.force || self.append,
        };
        if is_made {
            // Checks extension and folder; a file with this exact name is not touched.
            return Overwrite { force: true }.check("--out", &self.out, &["npz"]);
        }
        overwrite.check("--out", path, &["npz"])?;
        if self.skip_bad {
            overwrite.check("--skip-bad", &sidecar(path), &["json"])?;
        }
        Ok(())
    }

    /// What to know of frames that were read without a fault.
    fn warn(&self, folder: &FrameFolder, outcome: &AggregationOutcome) {
        let zeros = &outcome.zeros;
        let name = |clips: &[usize]| folder.clips()[clips[0]].clone();
        if !zeros.empty.is_empty() {
            console::warning(&zero_rows(zeros.empty.len(), &name(&zeros.empty)));
        }
        if !zeros.padded.is_empty() {
            console::warning(&format!(
                "{} in frames of zeros, {} of their {} frames, such as {}: padding changes every statistic; cut it off",
                match zeros.padded.len() {
                    1 => "1 clip ends".to_owned(),
                    more => format!("{} clips end", count(more)),
                },
                count(zeros.padding),
                count(zeros.padded_frames),
                name(&zeros.padded)
            ));
        }
        let like = folder.like_opensmile();
        if like > 1 && like == outcome.clips {
            console::warning(
                "every array is [1, F, T] with as many rows as openSMILE has low-level descriptors: if its call made them, time is the last axis; save each as x[0].T",
            );
        }
    }

    fn report(&self, outcome: &AggregationOutcome, seconds: f64) -> Result<()> {
        if self.json {
            console::print_json(&json!({
                "written": outcome.written,
                "clips": outcome.clips,
                "frames": outcome.frames,
                "statistics": statistics::names(&self.stats),
                "bad": outcome.bad,
                "zero_clips": outcome.zeros.empty.len(),
                "padded_clips": outcome.zeros.padded.len(),
                "seconds": seconds,
                "clips_per_second": outcome.clips as f64 / seconds,
            }))?;
        }
        for clip in outcome.bad.iter().take(MAX_LINES) {
            console::line(&format!("  {}: {}", clip.file, clip.reason));
        }
        if outcome.bad.len() > MAX_LINES {
            let more = outcome.bad.len() - MAX_LINES;
            console::line(&format!("  and {} more (--json lists all)", count(more)));
        }
        if outcome.written.is_empty() {
            return Err(Error::Data(format!(
                "{} of {} cannot be used (listed above); nothing was written: fix them, or leave \
                 them out with --skip-bad",
                count(outcome.bad.len()),
                counted(outcome.clips, "clip")
            )));
        }
        if !outcome.bad.is_empty() {
            console::warning(&format!(
                "{} of {} left out",
                count(outcome.bad.len()),
                counted(outcome.clips, "clip")
            ));
        }
        if self.json {
            return Ok(());
        }
        let mut text = String::new();
        for file in &outcome.written {
            let path = quoted(&file.path);
            let rows = counted(file.clips, "clip");
            let columns = count(file.columns);
            text += &match (file.new_clips, self.append) {
                (0, _) => format!("{path}: {rows}, nothing new\n"),
                (new, true) if new < file.clips => {
                    format!("{path}: {rows}, {} new, {columns} columns\n", count(new))
                }
                _ => format!("wrote {path}: {rows}, {columns} columns\n"),
            };
        }
        if outcome.clips == 0 {
            return console::print(&text);
        }
        text += &format!(
            "{} frames of {} in {}, {} clips/s\n",
            count(outcome.frames as usize),
            counted(outcome.clips, "clip"),
            duration(seconds),
            count((outcome.clips as f64 / seconds) as usize),
        );
        console::print(&text)
    }
}
