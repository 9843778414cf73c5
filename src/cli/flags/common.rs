//! Flags that several commands share, and the checks of paths that are going to be written.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::Args;

use super::keys::Keyed;
use crate::config::Config;
pub use crate::files::folder_lock::holds_anything;
use crate::suggest::nearest_path;
use crate::{Error, Result};

/// A count of at least one, as an argument gives it.
///
/// # Errors
/// What was expected.
pub fn at_least_one(text: &str) -> std::result::Result<NonZeroUsize, String> {
    let expected = |_| "expected a whole number, 1 or more".to_owned();
    text.parse().map_err(expected)
}

/// A number counted from 0, as an argument gives it.
///
/// # Errors
/// What was expected.
pub fn whole_number(text: &str) -> std::result::Result<usize, String> {
    let expected = |_| "expected a whole number, 0 or more".to_owned();
    text.parse().map_err(expected)
}

/// How many threads work.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct Threads {
    /// Threads to work with, 1 or more [default: all cores]; they change no bit of any result
    #[arg(long, value_name = "N", value_parser = at_least_one)]
    threads: Option<NonZeroUsize>,
}

impl Threads {
    /// Builds the one thread pool of the process. The first thing that a command does: whatever
    /// works in parallel before would build another.
    ///
    /// # Errors
    /// [`Error::Data`] if the system refuses so many.
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

/// Where the configuration comes from: defaults, then a file, then assignments, then the seed.
#[derive(Args, Debug, Default)]
pub struct ConfigArgs {
    /// Configuration in TOML; what it leaves out keeps the paper's value (see docs/assumptions.md)
    #[arg(long, value_name = "FILE.toml")]
    config: Option<PathBuf>,
    /// Set one key, over the file: model.top_k=16, train.monitor=kl,
    /// 'data.encoders=["clip","hicmae"]'; repeatable
    #[arg(long, value_name = "KEY=VALUE", value_parser = Keyed::<String>::new(), hide_possible_values = true)]
    set: Vec<String>,
    /// Seed of everything random: initial weights, order of clips, dropout [default: 0]; the same
    /// seed and data give the same weights, bit for bit
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
}

impl ConfigArgs {
    /// The configuration.
    ///
    /// # Errors
    /// As [`Config::load`].
    pub fn load(&self) -> Result<Config> {
        Config::load(self.config.as_deref(), &self.set, self.seed)
    }
}

/// Whether output files may replace others.
#[derive(Args, Debug)]
pub struct Overwrite {
    /// Replace output files that exist already; without it they are refused
    #[arg(long)]
    pub force: bool,
}

impl Overwrite {
    /// Refuses, before any work, a file that could not be written at its end: another ending than
    /// those allowed, a folder that does not exist, or a file that stands there already.
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
                "expected a file that ends in .{}",
                endings.join(" or .")
            ));
        }
        match path.parent() {
            Some(folder) if folder != Path::new("") && !folder.is_dir() => {
                return refuse(format!(
                    "there is no folder {}; make it first{}",
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
            return refuse("is a folder; expected the name of a file".into());
        }
        if path.exists() && !self.force {
            return refuse("exists already; choose another name, or --force to replace it".into());
        }
        Ok(())
    }
}

/// Refuses a folder for results that holds anything, or a path that is a file. `otherwise` ends the
/// advice.
///
/// # Errors
/// [`Error::Data`] naming the path.
pub fn check_new_folder(path: &Path, otherwise: &str) -> Result<()> {
    // What stands on the way must be folders, or the run would fail only at its first file.
    if let Some(file) = path.ancestors().find(|on_the_way| on_the_way.is_file()) {
        return Err(Error::Data(format!(
            "--out {}: {} is a file; expected a new or an empty folder",
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

/// The same fault in the words of the command line: options of a command that are called `prefix…`
/// are its flags.
pub fn as_flag(prefix: &str, error: Error) -> Error {
    match error {
        Error::Config { field, reason } if field.starts_with(prefix) => {
            let name = field.strip_prefix("synth.").unwrap_or(&field);
            let flags = name.split(", ").map(|name| {
                let name = name.replace(['.', '_'], "-");
                format!("--{name}")
            });
            Error::Config {
                field: flags.collect::<Vec<_>>().join(", "),
                reason,
            }
        }
        other => other,
    }
}

/// An argument as a shell takes it, for the commands that a user is told to run next.
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
