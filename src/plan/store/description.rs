//! The description of a plan: `plan.json` in its folder.

use std::io::Write;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;

use crate::config::Config;
use crate::error::{Artifact, Error, Result};
use crate::files::atomic_file;
use crate::plan::data_folder::DataFolder;

/// The file that describes a plan.
pub const DESCRIPTION: &str = "plan.json";

/// The contents of `plan.json`. `S` is the type of the study that the plan belongs to, or any JSON
/// value where the study does not matter.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(bound(serialize = "S: Serialize", deserialize = "S: DeserializeOwned"))]
pub struct PlanDescription<S = Value> {
    /// Version of the file's format.
    pub format_version: u32,
    /// Name and version of the program.
    pub program: String,
    /// The command that the folder belongs to: the study's name.
    pub command: String,
    /// Micro-kernel of the trials; part of their names.
    #[serde(default)]
    pub kernel: String,
    /// The data folder, so that other processes find it.
    #[serde(default)]
    pub data_folder: PathBuf,
    /// What determines the trials.
    #[serde(serialize_with = "with_sorted_keys")]
    pub settings: Settings<S>,
    /// Tables and other results of the whole plan, as paths inside the folder.
    pub written: Vec<PathBuf>,
}

/// What determines the trials of a study.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings<S> {
    /// The study with its options.
    #[serde(rename = "asked")]
    pub study: S,
    /// The configuration, or the base configuration of a study that varies it.
    pub config: Config,
    /// Digest of the input files.
    pub data: String,
    /// Number of seeds that everything is trained with.
    pub seeds: NonZeroUsize,
}

impl PlanDescription {
    /// Describes the plan in a folder.
    ///
    /// # Errors
    /// [`Error::Unrecognised`] if the folder contains no plan of this program; [`Error::Read`].
    pub fn read(folder: &Path) -> Result<Self> {
        let known = Self::read_if_any(folder)?;
        known.ok_or_else(|| {
            let found = match folder.is_dir() {
                true => format!("contains no {DESCRIPTION}"),
                false => "no such folder".to_owned(),
            };
            Error::Unrecognised {
                path: folder.to_owned(),
                expected: Artifact::Plan,
                found,
            }
        })
    }

    /// The same, or `None` if there is no plan.
    pub(super) fn read_if_any(folder: &Path) -> Result<Option<Self>> {
        let path = folder.join(DESCRIPTION);
        if !path.exists() {
            return Ok(None);
        }
        let text = std::fs::read_to_string(&path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        serde_json::from_str(&text)
            .map(Some)
            .map_err(|error| Error::Unrecognised {
                path,
                expected: Artifact::Plan,
                found: format!("not a plan of this program ({error})"),
            })
    }
}

impl<S: Serialize + DeserializeOwned> PlanDescription<S> {
    /// Describes the plan in a folder, with the study of the command `command`.
    ///
    /// # Errors
    /// As [`PlanDescription::read`]; [`Error::Missing`] if the plan belongs to another command;
    /// [`Error::Data`] if another version of this program wrote it.
    pub fn read_study(folder: &Path, command: &str) -> Result<Self> {
        let plan = PlanDescription::read(folder)?;
        let refuse = |reason: String| Error::Data(format!("{}: {reason}", folder.display()));
        if plan.command != command {
            return Err(Error::Missing {
                path: folder.to_owned(),
                expected: format!("a plan of `{command}`"),
                found: format!("it contains one of `{}`", plan.command),
            });
        }
        let study = serde_json::from_value(plan.settings.study.clone()).map_err(|error| {
            refuse(format!(
                "the plan is of another version of this program ({error})"
            ))
        })?;
        let settings = plan.settings.with_study(study);
        Ok(Self {
            format_version: plan.format_version,
            program: plan.program,
            command: plan.command,
            kernel: plan.kernel,
            data_folder: plan.data_folder,
            settings,
            written: plan.written,
        })
    }
}

impl<S: Serialize + DeserializeOwned> PlanDescription<S> {
    /// Writes the file atomically.
    pub(super) fn write(&self, folder: &Path) -> Result<()> {
        atomic_file::write(&folder.join(DESCRIPTION), |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n")
        })
    }
}

impl<S> PlanDescription<S> {
    /// The data folder of the plan, or `elsewhere` if given, such as another machine's path to it.
    pub fn data(&self, elsewhere: Option<&Path>) -> DataFolder {
        DataFolder::new(elsewhere.unwrap_or(&self.data_folder))
    }
}

impl<S> Settings<S> {
    fn with_study<T>(&self, study: T) -> Settings<T> {
        Settings {
            study,
            config: self.config.clone(),
            data: self.data.clone(),
            seeds: self.seeds,
        }
    }
}

impl<S: Serialize + DeserializeOwned> Settings<S> {
    /// The same with the study as JSON.
    ///
    /// # Errors
    /// [`Error::Data`] for a study that cannot be represented as JSON.
    pub(super) fn untyped(&self) -> Result<Settings<Value>> {
        let study = serde_json::to_value(&self.study)
            .map_err(|error| Error::Data(format!("the study as JSON: {error}")))?;
        Ok(self.with_study(study))
    }

    /// Whether the settings of a plan are these, once options that it leaves to their defaults are
    /// filled in.
    pub(super) fn are_of(&self, known: &Settings<Value>) -> bool {
        let study = serde_json::from_value::<S>(known.study.clone()).ok();
        let known = study.and_then(|study| known.with_study(study).untyped().ok());
        known.is_some() && known == self.untyped().ok()
    }
}

/// Keys in alphabetical order, whatever the order of the fields.
fn with_sorted_keys<S: Serialize, T: Serializer>(
    settings: &Settings<S>,
    to: T,
) -> Result<T::Ok, T::Error> {
    let value = serde_json::to_value(settings).map_err(serde::ser::Error::custom)?;
    value.serialize(to)
}
