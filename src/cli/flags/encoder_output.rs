//! The flags and the output of the commands that write one encoder's feature file.

use std::path::{Path, PathBuf};

use clap::Args;

use super::common::{Overwrite, quoted};
use crate::cli::output::console;
use crate::cli::output::numbers::{count, counted};
use crate::data::near_names::NearNames;
use crate::ingest::aggregate::split::{SPLITS, SplitOfClip, split_path};
use crate::ingest::aggregate::{BadClip, sidecar};
use crate::ingest::encoder_file::{EncoderRows, WrittenFiles};
use crate::{Error, Result};

/// Number of bad clips that are listed.
const SHOWN: usize = 20;

/// Where features are written, and what happens to unusable clips.
#[derive(Args, Debug)]
pub struct EncoderOutput {
    /// Feature file to write (.npz); with --split-by, DIR/NAME.npz means DIR/train/NAME.npz and
    /// DIR/test/NAME.npz
    #[arg(long, value_name = "FILE.npz")]
    out: PathBuf,
    /// Write the training and test splits at once: a data folder with train_metadata.csv and
    /// test_metadata.csv, or a CSV with columns filename and split (train or test)
    #[arg(long, value_name = "METADATA")]
    split_by: Option<PathBuf>,
    /// Leave out unusable clips and list them in NAME.skipped.json beside the output
    #[arg(long)]
    skip_bad: bool,
}

impl EncoderOutput {
    /// The split of each clip, with `--split-by`; refuses outputs that could not be written later.
    ///
    /// # Errors
    /// [`Error::Data`] for such a path; those of [`SplitOfClip::read`].
    pub fn splits(&self, overwrite: &Overwrite) -> Result<Option<SplitOfClip>> {
        let Some(by) = &self.split_by else {
            self.check(&self.out, overwrite)?;
            return Ok(None);
        };
        for path in SPLITS.map(|part| split_path(&self.out, part)) {
            // The folder of a split is created.
            if path.parent().is_some_and(Path::is_dir) {
                self.check(&path, overwrite)?;
            }
        }
        SplitOfClip::read(by).map(Some)
    }

    fn check(&self, path: &Path, overwrite: &Overwrite) -> Result<()> {
        overwrite.check("--out", path, &["npz"])?;
        if self.skip_bad {
            overwrite.check("--skip-bad", &sidecar(path), &["json"])?;
        }
        Ok(())
    }

    /// Lists unusable clips on stderr, and writes the others.
    ///
    /// # Errors
    /// [`Error::Data`] if there are any and they are not to be skipped; those of
    /// [`EncoderRows::write`].
    pub fn write(
        &self,
        rows: &EncoderRows,
        bad: &[BadClip],
        splits: Option<&SplitOfClip>,
    ) -> Result<WrittenFiles> {
        for clip in bad.iter().take(SHOWN) {
            console::warning(&clip.reason);
        }
        if bad.len() > SHOWN {
            console::warning(&format!("… and {} more", count(bad.len() - SHOWN)));
        }
        if bad.is_empty() || self.skip_bad {
            return rows.write(&self.out, splits, self.skip_bad.then_some(bad));
        }
        let clips = counted(bad.len(), "clip");
        Err(Error::Data(format!(
            "{clips} cannot be used (listed above); fix them, or leave them out with --skip-bad"
        )))
    }
}

/// Clips left out that probably are those without features.
pub fn similar(near: &NearNames) -> String {
    format!(
        "names of {} in neither split are similar to names without features, such as {near}: write names alike",
        counted(near.count, "clip")
    )
}

/// Rows that stand for something that was not found, or for a mistake.
pub fn zero_rows(count: usize, first: &str) -> String {
    format!(
        "{} with only zeros as features, such as {first}: if they stand for a face or voice that was not found, leave such clips out, so that the encoder counts as missing for them",
        counted(count, "clip")
    )
}

/// The summary of what was written.
pub fn text(output: &WrittenFiles) -> String {
    let mut text = String::new();
    for file in &output.written {
        text += &format!(
            "wrote {}: {}, {}\n",
            quoted(&file.path),
            counted(file.clips, "clip"),
            counted(file.columns, "column")
        );
    }
    if output.absent > 0 {
        text += &format!(
            "{} in the metadata without a row: the encoder will count as missing for them\n",
            counted(output.absent, "clip")
        );
    }
    if output.unlisted > 0 {
        text += &format!(
            "{} in neither split, not written\n",
            counted(output.unlisted, "clip")
        );
    }
    if let Some(near) = &output.near {
        text += &format!("{}\n", similar(near));
    }
    if let Some((count, first)) = &output.zero {
        text += &format!("{}\n", zero_rows(*count, first));
    }
    text
}
