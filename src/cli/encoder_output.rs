//! The flags and the output of the commands that write one encoder's feature file.

use std::path::PathBuf;

use clap::Args;

use super::args::{Overwrite, quoted};
use super::console;
use super::numbers::{count, counted};
use crate::data::encoder_file::{FilePlan, WrittenFile};
use crate::{Error, Result};

/// Bad clips that are named one by one.
const SHOWN: usize = 20;

/// Where features go, and what happens to clips that give none.
#[derive(Args, Debug)]
pub struct EncoderOutput {
    /// Feature file to write: X, one row a clip, and filenames
    #[arg(long, value_name = "FILE.npz")]
    out: PathBuf,
    /// Write DIR/train/NAME.npz and DIR/test/NAME.npz in place of DIR/NAME.npz: a CSV with the
    /// columns filename and split (train or test), or a data folder, by its two metadata files
    #[arg(long, value_name = "CSV|DATA")]
    split_by: Option<PathBuf>,
    /// Leave out clips that cannot be used, and say which; without it they end the run
    #[arg(long)]
    skip_bad: bool,
}

impl EncoderOutput {
    /// Which clips go where; refuses outputs that could not be written at the end.
    ///
    /// # Errors
    /// [`Error::Data`] for such a path; those of [`FilePlan::split`].
    pub fn plan(&self, overwrite: &Overwrite) -> Result<FilePlan> {
        let Some(by) = &self.split_by else {
            overwrite.check("--out", &self.out, &["npz"])?;
            return Ok(FilePlan::whole(&self.out));
        };
        let plan = FilePlan::split(&self.out, by)?;
        for path in plan.paths() {
            // Its folder is made; the others' rules hold.
            if path.parent().is_some_and(std::path::Path::is_dir) || path.exists() {
                overwrite.check("--out", path, &["npz"])?;
            }
        }
        Ok(plan)
    }

    /// Names clips that cannot be used, on stderr.
    ///
    /// # Errors
    /// [`Error::Data`] if there are any and they are not to be skipped.
    pub fn check_bad(&self, reasons: &[&str]) -> Result<()> {
        if reasons.is_empty() {
            return Ok(());
        }
        for reason in reasons.iter().take(SHOWN) {
            console::warning(reason);
        }
        if reasons.len() > SHOWN {
            console::warning(&format!("… and {} more", count(reasons.len() - SHOWN)));
        }
        if self.skip_bad {
            return Ok(());
        }
        let clips = counted(reasons.len(), "clip");
        Err(Error::Data(format!(
            "{clips} cannot be used, listed above; repair them, or leave them out with --skip-bad"
        )))
    }

    /// What was written, for a reader.
    pub fn text(&self, written: &[WrittenFile], unlisted: usize) -> String {
        let mut text = String::new();
        for file in written {
            text += &format!(
                "wrote {}: {}, {}",
                quoted(&file.file),
                counted(file.rows, "clip"),
                counted(file.columns, "column")
            );
            if file.missing > 0 {
                text += &format!(
                    "; {} of its part without a row",
                    counted(file.missing, "clip")
                );
            }
            text += "\n";
        }
        if unlisted > 0 {
            text += &format!(
                "{} in neither part, not written\n",
                counted(unlisted, "clip")
            );
        }
        text
    }
}
