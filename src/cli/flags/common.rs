//! Flags that several commands share, and checks of output paths.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::data::DataArgs;
use super::keys::Parsed;
use crate::config::{Config, Profile};
pub use crate::files::folder_lock::holds_anything;
use crate::suggest::nearest_path;
use crate::{Error, Result};

/// Parses a count of at least one.
///
/// # Errors
/// What was expected.
pub fn at_least_one(text: &str) -> std::result::Result<NonZeroUsize, String> {
    let expected = |_| "expected a whole number, 1 or more".to_owned();
    text.parse().map_err(expected)
}

/// Parses a number counted from 0.
///
/// # Errors
/// What was expected.
pub fn whole_number(text: &str) -> std::result::Result<usize, String> {
    let expected = |_| "expected a whole number, 0 or more".to_owned();
    text.parse().map_err(expected)
}

/// The number of threads.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Threads {
    /// Number of threads [default: all cores]; does not affect results
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    threads: Option<NonZeroUsize>,
}

impl Threads {
    /// Builds the thread pool of the process. A command calls this first: anything parallel before
    /// would build a default pool.
    ///
    /// # Errors
    /// [`Error::Data`] if the system does not allow that many threads.
    pub fn build(&self) -> Result<()> {
        let Some(threads) = self.threads else {
            return Ok(());
        };
        rayon::ThreadPoolBuilder::new()
            .num_threads(threads.get())
            .build_global()
            .map_err(|error| Error::Data(format!("--threads {threads}: {error}")))
    }
}

/// The sources of the configuration: defaults, then a file, then assignments, then the seed.
#[derive(Args, Debug, Default)]
pub struct ConfigArgs {
    /// Settings to start from: new-people, for people whom training has not seen (docs/new-people.md);
    /// --config and --set count over them
    #[arg(long, value_name = "NAME")]
    profile: Option<Profile>,
    /// Configuration file; keys not in it keep the paper's values (see docs/assumptions.md)
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Set one key, overriding the file: model.top_k=16, train.monitor=kl,
    /// 'data.encoders=["clip","hicmae"]'; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = Parsed::<String>::with_key(), hide_possible_values = true)]
    set: Vec<String>,
    /// Random seed: initial weights, order of clips, dropout [default: 0]; the same seed and data
    /// give bit-identical weights
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    #[command(flatten)]
    data: DataArgs,
}

impl ConfigArgs {
    /// The configuration.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(&self) -> Result<Config> {
        let set = [&self.set[..], &self.data.assignments()].concat();
        Config::load_over(self.profile, self.config.as_deref(), &set, self.seed)
    }
}

impl ValueEnum for Profile {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

/// Whether output files may replace existing ones.
#[derive(Args, Debug)]
pub struct Overwrite {
    /// Replace existing output files; otherwise they are an error
    #[arg(long)]
    pub force: bool,
}

impl Overwrite {
    /// Checks before any work that an output file can be written: its extension is one of `endings`,
    /// its folder exists, and it does not exist yet.
    ///
    /// # Errors
    /// [`Error::Data`] naming the flag and the path.
    pub fn check(&self, flag: &str, path: &Path, endings: &[&str]) -> Result<()> {
        let refuse = |reason: String| {
            let path = path.display();
            Err(Error::Data(format!("{flag} {path}: {reason}")))
        };
        let ending = path.extension().and_then(|ending| ending.to_str());
        let ending = ending.map(str::to_lowercase).unwrap_or_default();
        if !endings.contains(&ending.as_str()) {
            return refuse(format!(
                "expected a file name ending in .{}",
                endings.join(" or .")
            ));
        }
        match path.parent() {
            Some(folder) if folder != Path::new("") && !folder.is_dir() => {
                return refuse(format!(
                    "no such folder: {}; create it first{}",
                    folder.display(),
                    nearest_path(folder).map_or_else(String::new, |meant| {
                        format!(
                            ", or did you mean {}?",
                            meant.join(path.file_name().unwrap_or_default()).display()
                        )
                    })
                ));
            }
            _ => {}
        }
        if path.is_dir() {
            return refuse("is a folder; expected a file name".into());
        }
        if path.exists() && !self.force {
            return refuse(
                "already exists; choose another name, or use --force to replace it".into(),
            );
        }
        Ok(())
    }
}

/// Refuses an output folder that is not empty, or a path that is a file. `otherwise` is appended to
/// the advice.
///
/// # Errors
/// [`Error::Data`] naming the path.
pub fn check_new_folder(path: &Path, otherwise: &str) -> Result<()> {
    // A file among the parents would make the run fail only when it writes its first file.
    if let Some(file) = path.ancestors().find(|ancestor| ancestor.is_file()) {
        return Err(Error::Data(format!(
            "--out {}: {} is a file; expected a new or empty folder",
            path.display(),
            file.display()
        )));
    }
    if holds_anything(path) {
        return Err(Error::Data(format!(
            "--out {}: is not empty; choose another folder{otherwise}",
            path.display()
        )));
    }
    Ok(())
}

/// The same error in terms of the command line: options of a command that are called `prefix…`
/// are its flags.
pub fn as_flag(prefix: &str, error: Error) -> Error {
    match error {
        Error::Config { field, reason } if field.starts_with(prefix) => {
            let name = field.strip_prefix("synth.").unwrap_or(&field);
            let flags = name.split(", ").map(|name| {
                let name = name.replace(['.', '_'], "-");
                format!("--{name}")
            });
            let flags = flags.collect::<Vec<_>>().join(", ");
            Error::Data(format!("{flags}: {reason}"))
        }
        other => other,
    }
}

/// A shell-quoted argument, for commands that are suggested to the user.
pub fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |c: char| c.is_alphanumeric() || "/._-+=:@,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        text
    } else {
        format!("'{}'", text.replace('\'', r"'\''"))
    }
}

/// Files as a user finds them: inside the folder by their names alone.
pub fn names(files: &[PathBuf], folder: &Path) -> String {
    let name = |file: &PathBuf| {
        let inside = file.strip_prefix(folder).unwrap_or(file);
        inside.display().to_string()
    };
    files.iter().map(name).collect::<Vec<_>>().join(", ")
}
