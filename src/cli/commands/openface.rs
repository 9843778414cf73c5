//! `blendfuse openface`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::cli::flags::clip_files::ClipFileArgs;
use crate::cli::flags::common::{Overwrite, Threads, quoted};
use crate::cli::flags::encoder_output;
use crate::cli::flags::encoder_output::EncoderOutput;
use crate::cli::flags::keys::Parsed;
use crate::cli::output::numbers::{count, counted, cut};
use crate::cli::output::{console, progress};
use crate::ingest::clip_files::ClipFiles;
use crate::ingest::openface::{
    ClipOutcome, ColumnSelection, FaceFeatures, FaceOptions, Group, aggregate_folder,
};
use crate::kernels::aggregate::Aggregation;
use crate::{Error, Result};

/// Turn OpenFace 2, OpenFace 3 or py-feat output into a feature file
///
/// Reads one CSV per clip, keeps the frames with a detected face, and writes for each clip mean,
/// standard deviation and the 10th, 25th, 50th, 75th and 90th percentile of every column. A clip
/// without any good frame gets no row: the encoder counts as missing for it.
#[derive(Args, Debug)]
#[command(after_help = "\
Groups: landmarks, au, gaze, pose, landmarks3d, eyes, shape, emotion, affect,
identity, mesh, blendshapes; or paper (those of landmarks, au, gaze and pose
that the files have); or challenge (the 31 columns of the challenge's own
features: action unit intensities, pose, gaze).

Of several people (face_id, Identity) the one with the most good frames is read;
clips where another has at least half as many are listed. Without such a column,
the face with the highest confidence counts in each frame.

Examples:
  blendfuse openface processed --out DATA/features/openface2.npz \\
      --split-by DATA
  blendfuse openface processed --recursive --out openface2.npz \\
      --groups challenge --interpolate
  blendfuse openface processed --pattern '*_face.csv' --out openface2.npz \\
      --groups au,gaze --min-confidence 0.8")]
pub struct OpenFace {
    /// Folder with one .csv per clip, named after it
    folder: PathBuf,
    #[command(flatten)]
    files: ClipFileArgs,
    #[command(flatten)]
    output: EncoderOutput,
    /// Columns to use: group names separated by commas, paper, or challenge
    #[arg(long, value_name = "GROUPS", default_value = "paper", value_parser = Parsed::<ColumnSelection>::new())]
    groups: ColumnSelection,
    /// Drop frames whose face has a lower confidence, 0 to 1
    #[arg(long, value_name = "X")]
    min_confidence: Option<f64>,
    /// The challenge's rule: if at least 85 % of the frames are good, but not all, interpolate the
    /// others; else use all frames unchanged. A frame is good from a confidence of 0.85, or
    /// --min-confidence
    #[arg(long)]
    interpolate: bool,
    #[command(flatten)]
    overwrite: Overwrite,
    #[command(flatten)]
    threads: Threads,
    /// Print the outcome for every clip as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl OpenFace {
    /// Aggregates.
    ///
    /// # Errors
    /// Any error of the library; [`Error::Data`] if files are unusable and `--skip-bad` is not given.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        let options = FaceOptions {
            selection: self.groups.clone(),
            min_confidence: self.min_confidence,
            interpolate: self.interpolate,
        };
        if let Some(least) = self.min_confidence
            && !(0.0..=1.0).contains(&least)
        {
            return Err(Error::Data(format!(
                "--min-confidence {least}: expected a number from 0 to 1"
            )));
        }
        let splits = self.output.splits(&self.overwrite)?;
        let bar = progress::clips(0);
        let seven = Aggregation::default();
        let clip = |file: &str| self.files.clip(file);
        let files = ClipFiles {
            recursive: self.files.recursive,
            clip: Some(&clip),
        };
        let found = aggregate_folder(&self.folder, &files, &options, &seven, &|total| {
            bar.set_length(total as u64);
            bar.inc(1);
        });
        bar.finish_and_clear();
        let found = found?;
        let output = self
            .output
            .write(&found.rows, &found.bad(), splits.as_ref())?;
        if self.json {
            return console::print_json(&json!({
                "written": output.written,
                "unlisted": output.unlisted,
                "absent": output.absent,
                "frame_columns": found.columns,
                "clips": found.clips,
            }));
        }
        console::print(&(text(&found) + &self.absent(&found) + &encoder_output::text(&output)))
    }
}

impl OpenFace {
    /// One line with the default groups that the files do not have.
    fn absent(&self, found: &FaceFeatures) -> String {
        let absent = self.groups.absent(&found.columns);
        let names: Vec<String> = absent.iter().map(Group::to_string).collect();
        match found.columns.is_empty() || names.is_empty() {
            true => String::new(),
            false => format!("not in the files: {}\n", names.join(", ")),
        }
    }
}

fn text(found: &FaceFeatures) -> String {
    let counts = found.clips.iter().filter_map(|clip| clip.frames);
    let sum = counts.fold([0; 6], |sum, counts| {
        let of = [
            counts.frames,
            counts.kept,
            counts.no_face,
            counts.low_confidence,
            counts.interpolated,
            counts.other_faces,
        ];
        std::array::from_fn(|at| sum[at] + of[at])
    });
    let [frames, kept, no_face, unsure, interpolated, others] = sum;
    let mut text = format!(
        "{} of {} kept: {} without a face, {} with low confidence",
        count(kept),
        counted(frames, "frame"),
        count(no_face),
        count(unsure)
    );
    if interpolated > 0 {
        text += &format!("; {} of those kept were interpolated", count(interpolated));
    }
    if others > 0 {
        text += &format!(
            "; {} in the same frames ignored",
            counted(others, "additional face")
        );
    }
    text += "\n";
    let unclear: Vec<String> = found
        .clips
        .iter()
        .filter(|clip| clip.frames.is_some_and(|counts| counts.rival_face > 0))
        .map(|clip| quoted(clip.clip.as_ref()))
        .collect();
    if !unclear.is_empty() {
        text += &format!(
            "several people, of whom the one with the most good frames was chosen: {} ({})\n",
            counted(unclear.len(), "clip"),
            cut(&unclear.join(", "), 60)
        );
    }
    let empty = found.clips.iter().map(|clip| &clip.empty_columns);
    let empty: Vec<&Vec<String>> = empty.filter(|columns| !columns.is_empty()).collect();
    if let Some([first, rest @ ..]) = empty.first().map(|columns| columns.as_slice()) {
        let last = rest
            .last()
            .map_or(String::new(), |last| format!(" to {last}"));
        text += &format!(
            "empty in every frame with a face, so left out: {first}{last} ({})\n",
            counted(empty.len(), "clip")
        );
    }
    let missing: Vec<String> = found
        .clips
        .iter()
        .filter(|clip| clip.outcome == ClipOutcome::Missing)
        .map(|clip| quoted(clip.clip.as_ref()))
        .collect();
    if !missing.is_empty() {
        text += &format!(
            "no good frame, so no row: {} ({})\n",
            counted(missing.len(), "clip"),
            cut(&missing.join(", "), 60)
        );
    }
    text
}
