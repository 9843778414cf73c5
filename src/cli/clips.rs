//! New clips in place of a data folder: their features are made as those that a model was trained on.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::flags::common::quoted;
use super::output::console;
use super::python;
use crate::artifact::manifest::Manifest;
use crate::data::filename::MEDIA_EXTENSIONS;
use crate::data::provenance::Provenance;
use crate::{Error, Result};

/// Whether a path is a clip, or a folder of clips without features.
pub fn are_at(path: &Path) -> bool {
    if path.is_file() {
        return is_clip(path);
    }
    let entries = std::fs::read_dir(path).into_iter().flatten().flatten();
    !has_features(path) && entries.map(|entry| entry.path()).any(|path| is_clip(&path))
}

/// Whether a path is a data folder with features.
pub fn has_features(path: &Path) -> bool {
    path.join("features").exists()
}

fn is_clip(path: &Path) -> bool {
    let ending = path.extension().unwrap_or_default();
    let known = |known: &&str| ending.eq_ignore_ascii_case(known);
    path.is_file() && MEDIA_EXTENSIONS.iter().any(known)
}

/// Where features are that nobody asked to keep: beside an output, so that the same command goes on where an
/// interrupted one ended.
pub fn folder_beside(output: &Path) -> PathBuf {
    let name = output.file_name().unwrap_or_default().to_string_lossy();
    output.with_file_name(format!(".{name}.features"))
}

/// Clips of which a model's features are to be made.
#[derive(Debug)]
pub struct NewClips<'a> {
    /// The folder of the model's run, whose manifest says how its features were made.
    pub run: &'a Path,
    /// A folder of clips, or a clip.
    pub clips: &'a Path,
    /// The encoders to make.
    pub encoders: Vec<&'a str>,
    /// More flags of `blendfuse extract`.
    pub flags: &'a [OsString],
}

/// Features that were made.
#[derive(Debug)]
pub struct Made {
    /// The data folder, with the clips as its test split.
    pub data: PathBuf,
    /// Encoders that no clip has.
    pub absent: Vec<String>,
    kept: bool,
}

impl NewClips<'_> {
    /// Makes the features in `folder`, which stays if it is to be `kept`. Where the Python command fails, it
    /// has said why, and this process ends with its exit code.
    ///
    /// # Errors
    /// [`Error::Data`] if the run does not say how its features were made, if the Python package is missing, or
    /// if other processes are still making them; [`Error::Read`] if Python does not start.
    pub fn make(&self, folder: &Path, kept: bool) -> Result<Made> {
        self.check()?;
        let python = python::with_package("predicting clips")?;
        let mut command = Command::new(&python);
        command
            .args(["-m", "blendfuse.extract"])
            .arg(self.clips)
            .args(self.flags)
            .arg("--like")
            .arg(self.run)
            .args(["--encoders", &self.encoders.join(","), "--test", "--json"]);
        if console::is_quiet() {
            command.arg("--quiet");
        }
        command.arg("--out").arg(folder).stdout(Stdio::piped());
        let ran = command.spawn().and_then(|child| child.wait_with_output());
        let ran = ran.map_err(|source| Error::Read {
            path: python,
            source,
        })?;
        if !ran.status.success() {
            if folder.exists() {
                console::note(&format!(
                    "{} has what was made; the same command goes on from there",
                    quoted(folder)
                ));
            }
            std::process::exit(ran.status.code().unwrap_or(1));
        }
        self.check_report(&ran.stdout)?;
        let file = |name: &str| folder.join("features/test").join(format!("{name}.npz"));
        let names = self.encoders.iter();
        let absent = names.filter(|name| !file(name).is_file());
        let absent: Vec<String> = absent.map(|&name| name.to_owned()).collect();
        if !absent.is_empty() {
            console::note(&format!("no clip has features of {}", absent.join(", ")));
        }
        Ok(Made {
            data: folder.to_owned(),
            absent,
            kept,
        })
    }

    /// Whether the run says how the features of every encoder were made.
    fn check(&self) -> Result<()> {
        let known = Manifest::provenance_of(self.run)?;
        for &name in &self.encoders {
            let Some(command) = known.get(name).and_then(Provenance::command) else {
                continue;
            };
            return Err(Error::Data(format!(
                "{}: features of clips cannot be made for {name}, because `{command}` made those that it was \
                 trained on from the output of another program; make them yourself, and give their data \
                 folder in place of {}",
                self.run.display(),
                self.clips.display()
            )));
        }
        let unknown: Vec<&str> = self
            .encoders
            .iter()
            .copied()
            .filter(|&name| !known.contains_key(name))
            .collect();
        if unknown.is_empty() {
            return Ok(());
        }
        Err(Error::Data(format!(
            "{}: features of clips cannot be made for {}, because it does not say how those that it was trained \
             on were made (`blendfuse extract` says so); make them yourself, and give their data folder in \
             place of {}",
            self.run.display(),
            unknown.join(", "),
            self.clips.display()
        )))
    }

    /// Whether the features are complete, by the report of the Python command.
    fn check_report(&self, stdout: &[u8]) -> Result<()> {
        let told: serde_json::Value = serde_json::from_slice(stdout).map_err(|_| {
            Error::Data(
                "no features were made; leave out the flags after -- that only list or submit work"
                    .into(),
            )
        })?;
        match told["unfinished"].as_object() {
            Some(others) if !others.is_empty() => Err(Error::Data(format!(
                "{}: other processes are still making its features; repeat the command when they have ended",
                self.clips.display()
            ))),
            _ => Ok(()),
        }
    }
}

impl Made {
    /// Removes the features, unless they are to be kept.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(self) -> Result<()> {
        if self.kept {
            return Ok(());
        }
        std::fs::remove_dir_all(&self.data).map_err(|source| Error::Write {
            path: self.data,
            source,
        })
    }
}
