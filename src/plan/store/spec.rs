//! What a process needs to run a trial that another process planned: a file next to the trial's
//! result, which is removed once the result exists.

use serde::{Deserialize, Serialize};

use super::description::PlanDescription;
use super::trial_files::TrialFiles;
use crate::config::DataConfig;
use crate::error::{Error, Result};
use crate::kernels::micro::kernel_name;
use crate::plan::data_folder::DataFolder;
use crate::plan::planned::Planned;
use crate::plan::trial::Trial;
use crate::train::run::PROGRAM;

/// The specification of a trial.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrialSpec {
    /// The display name of the configuration.
    pub label: String,
    /// Whether the weights are kept after scoring.
    pub keep_weights: bool,
    /// The selection from the data folder.
    pub data: DataConfig,
    /// What is trained.
    pub trial: Trial,
}

impl TrialSpec {
    /// The specification of a planned trial.
    pub fn of(planned: &Planned) -> Self {
        Self {
            label: planned.label.clone(),
            keep_weights: planned.keep_weights,
            data: planned.data.selection.clone(),
            trial: planned.trial.clone(),
        }
    }

    /// Writes it, unless the file already exists.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn write(&self, files: &TrialFiles, id: &str) -> Result<()> {
        let path = files.spec(id);
        let failed = |source: std::io::Error| Error::Write {
            path: path.clone(),
            source,
        };
        let mut text = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        text.push(b'\n');
        if std::fs::read(&path).is_ok_and(|known| known == text) {
            return Ok(());
        }
        files.make_room(id)?;
        crate::files::atomic_file::write_unsynced(&path, &text)
    }

    /// Reads a specification; `None` if there is none.
    ///
    /// # Errors
    /// [`Error::Read`]; [`Error::File`] if the file is not a specification.
    pub fn read(files: &TrialFiles, id: &str) -> Result<Option<Self>> {
        let path = files.spec(id);
        match std::fs::read(&path) {
            Ok(text) => serde_json::from_slice(&text)
                .map(Some)
                .map_err(|error| Error::File {
                    path,
                    key: None,
                    reason: format!(
                        "not a trial file of this program ({error}); plan the trials again"
                    ),
                }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(Error::Read { path, source }),
        }
    }

    /// The trial with its data, ready to run.
    ///
    /// # Errors
    /// As [`DataFolder::open`]; [`Error::Data`] if program, kernel or data differ from those that it was
    /// planned with: its result would not be the trial's.
    pub fn planned(self, id: &str, plan: &PlanDescription, data: &DataFolder) -> Result<Planned> {
        let refuse = |reason: String| Err(Error::Data(format!("trial {id}: {reason}")));
        if plan.program != PROGRAM {
            return refuse(format!(
                "planned by {}, and this is {PROGRAM}; use the same version everywhere",
                plan.program
            ));
        }
        let kernel = kernel_name().map_err(|error| Error::Data(error.to_string()))?;
        if plan.kernel != kernel {
            return refuse(format!(
                "planned for the kernel {}, and this process uses {kernel}; set BLENDFUSE_KERNEL={}, or, if this processor lacks it, plan with BLENDFUSE_KERNEL={kernel}",
                plan.kernel, plan.kernel
            ));
        }
        let data = data.open(&self.data)?;
        if self.trial.id(&data.digest)? != id {
            return refuse(format!(
                "the data in {} differ from those of the plan; plan the trials again",
                plan.data_folder.display()
            ));
        }
        Ok(Planned {
            id: id.to_owned(),
            label: self.label,
            trial: self.trial,
            keep_weights: self.keep_weights,
            data,
        })
    }
}
