//! `blendfuse synth`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use serde_json::json;

use crate::Result;
use crate::cli::flags::common::{Threads, as_flag, check_new_folder, quoted};
use crate::cli::output::numbers::{bytes, count, counted};
use crate::cli::output::{console, progress};
use crate::data::synth::{self, Preset, Scenario, SynthOptions};
use crate::formats::npz::write::Precision;

/// Generate a synthetic data set with the shape of BlEmoRE
///
/// 47 training actors in 5 folds and 11 new ones for test, 6 emotions, 10 blends with 3 saliences,
/// encoders in families, some of them useful only for some clips, some of them noise. The ground
/// truth is written beside the data.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse synth --out data --preset tiny
  blendfuse synth --out data --preset small --missing 0.1 --seed 7
  blendfuse synth --out data --preset paper --encoders 12
  blendfuse synth --out data --preset paper --encoders 1 --frames 300")]
pub struct Synth {
    /// Folder for the data set; created if needed, must be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Size of the data set; other flags override parts of it
    #[arg(long, value_enum, default_value = "small")]
    preset: PresetArg,
    /// Random seed; the same seed gives the same bytes
    #[arg(long, value_name = "N", default_value_t = 0)]
    seed: u64,
    /// Clips of the 47 training actors, 94 or more
    #[arg(long, value_name = "N")]
    train_clips: Option<usize>,
    /// Clips of the 11 test actors, 11 or more
    #[arg(long, value_name = "N")]
    test_clips: Option<usize>,
    /// Number of encoders: the first of the paper's, 1 to 36
    #[arg(long, value_name = "N")]
    encoders: Option<usize>,
    /// Divide the widths of the encoders by this, 1 or more
    #[arg(long, value_name = "N")]
    width_divisor: Option<usize>,
    /// Data type of the feature files [default: that of the preset]
    #[arg(long, alias = "precision", value_enum)]
    dtype: Option<DtypeArg>,
    /// Share of clips missing from each encoder, from 0 to below 1 [default: 0]
    #[arg(long, value_name = "SHARE")]
    missing: Option<f64>,
    /// Number of encoders that carry no information about the emotion [default: one in six]
    #[arg(long, value_name = "N")]
    blind: Option<usize>,
    /// Share of clips whose face is hidden, and of clips whose voice is masked, up to 0.5
    /// [default: 0.2]
    #[arg(long, value_name = "SHARE")]
    hidden: Option<f64>,
    /// Share of clips on which an encoder sees nothing, drawn for each encoder [default: 0]
    #[arg(long, value_name = "SHARE")]
    lost: Option<f64>,
    /// How strongly encoders that see or hear nothing show another emotion instead [default: 0]
    #[arg(long, value_name = "STRENGTH")]
    distraction: Option<f64>,
    /// Shift of the whole test split in the factors that encoders see [default: 0.4]
    #[arg(long, value_name = "LENGTH")]
    domain_shift: Option<f64>,
    /// Also write the test labels, which the challenge hides, into test_metadata.csv
    #[arg(long)]
    test_labels: bool,
    /// Frames per clip (N/2 to 3N/2): write frames/ENCODER/CLIP.npy instead of feature files
    #[arg(long, value_name = "N")]
    frames: Option<usize>,
    #[command(flatten)]
    threads: Threads,
    /// Print what was written as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// A size.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum PresetArg {
    /// 6 narrow encoders, 470 training and 110 test clips: under a second
    Tiny,
    /// 12 encoders at a sixteenth of their width, 2,456 and 594 clips: seconds
    Small,
    /// The paper's 36 encoders at their usual widths, 2,456 and 594 clips: 2 GiB
    Paper,
}

/// A data type.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum DtypeArg {
    /// Half precision
    F16,
    /// Single precision
    F32,
    /// Double precision
    F64,
}

impl Synth {
    /// Writes the data set.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        let options = self.options();
        let total = synth::planned_bytes(&options).map_err(|error| as_flag("synth.", error))?;
        check_new_folder(&self.out, "")?;
        let bar = progress::bytes(total);
        let written = synth::write(&self.out, &options, &|bytes| bar.inc(bytes));
        bar.finish_and_clear();
        let written = written?;
        if self.json {
            return console::print_json(&json!({
                "out": self.out,
                "seed": options.seed,
                "train_clips": written.train_clips,
                "test_clips": written.test_clips,
                "encoders": written.encoders.iter().map(|(name, columns)| json!({"name": name, "columns": columns})).collect::<Vec<_>>(),
                "bytes": written.bytes,
                "test_truth": written.test_truth,
            }));
        }
        let columns: usize = written.encoders.iter().map(|(_, columns)| columns).sum();
        let out = quoted(&self.out);
        let next = if self.frames.is_some() {
            "for each ENCODER: blendfuse aggregate OUT/frames/ENCODER --out OUT/features/ENCODER.npz --split-by OUT".replace("OUT", &out)
        } else {
            format!("blendfuse inspect {out}\n  blendfuse train {out} --out run --fold 0")
        };
        console::print(&format!(
            "wrote {out}/: {} training and {} test clips, {} with {} columns in total, {}\n\
             labels of the test split: {}\n\
             next:\n  {next}\n",
            count(written.train_clips),
            count(written.test_clips),
            counted(written.encoders.len(), "encoder"),
            count(columns),
            bytes(written.bytes),
            quoted(&written.test_truth),
        ))
    }

    fn options(&self) -> SynthOptions {
        let preset = SynthOptions::preset(match self.preset {
            PresetArg::Tiny => Preset::Tiny,
            PresetArg::Small => Preset::Small,
            PresetArg::Paper => Preset::Paper,
        });
        SynthOptions {
            seed: self.seed,
            train_clips: self.train_clips.unwrap_or(preset.train_clips),
            test_clips: self.test_clips.unwrap_or(preset.test_clips),
            encoders: self.encoders.unwrap_or(preset.encoders),
            width_divisor: self.width_divisor.unwrap_or(preset.width_divisor),
            precision: self.dtype.map_or(preset.precision, |dtype| match dtype {
                DtypeArg::F16 => Precision::F16,
                DtypeArg::F32 => Precision::F32,
                DtypeArg::F64 => Precision::F64,
            }),
            missing: self.missing.unwrap_or(preset.missing),
            test_labels: self.test_labels || preset.test_labels,
            frames: self.frames.or(preset.frames),
            scenario: Scenario {
                blind: self.blind.or(preset.scenario.blind),
                hidden: self.hidden.unwrap_or(preset.scenario.hidden),
                lost: self.lost.unwrap_or(preset.scenario.lost),
                distraction: self.distraction.unwrap_or(preset.scenario.distraction),
                domain_shift: self.domain_shift.unwrap_or(preset.scenario.domain_shift),
            },
        }
    }
}
