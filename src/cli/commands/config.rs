//! `blendfuse config`.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;

use crate::Result;
use crate::analysis::settings;
use crate::cli::output::console;
use crate::config::{Config as Settings, KEYS, Key};
use crate::report::configuration;

/// Show every configuration key, or what differs between runs
///
/// Prints a TOML file to start from: each key with its default, its meaning, the values that it takes
/// and what the paper says.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse config > my.toml && blendfuse train DATA --out RUN --config my.toml
  blendfuse config model.top_k decode
  blendfuse config --of runs/cv > same.toml
  blendfuse config --diff runs/a runs/b")]
pub struct Config {
    /// Only these keys, or tables such as `train` [default: all]
    #[arg(value_name = "KEY")]
    keys: Vec<String>,
    /// The settings of a run, or of a TOML file, in place of the defaults
    #[arg(long, value_name = "RUN", conflicts_with_all = ["diff", "markdown"])]
    of: Option<PathBuf>,
    /// The settings that differ between runs: folders of train, cv, sweep, tune, ablate, baseline or
    /// repro, or TOML files
    #[arg(long, value_name = "RUN", num_args = 2.., conflicts_with_all = ["keys", "markdown"])]
    diff: Vec<PathBuf>,
    /// Print Markdown: the page docs/configuration.md
    #[arg(long, conflicts_with_all = ["keys", "json"])]
    markdown: bool,
    /// Print the keys or the differences as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Config {
    /// Prints.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        if !self.diff.is_empty() {
            return self.differences();
        }
        if self.markdown {
            return console::print_raw(&configuration::page());
        }
        let keys = self.keys()?;
        let config = match &self.of {
            Some(run) => settings::of_run(run)?.0,
            None => Settings::default(),
        };
        if self.json {
            return console::print_json(&json!({ "keys": configuration::json(&keys, &config) }));
        }
        console::print_raw(&configuration::toml(&keys, &config))
    }

    /// The keys that are named, one by one or by their table.
    fn keys(&self) -> Result<Vec<&'static Key>> {
        let named = |key: &&Key, name: &str| key.name == name || key.parts().0 == name;
        for name in &self.keys {
            if !KEYS.iter().any(|key| named(&key, name)) {
                // Refused with the closest key, as wherever keys are set.
                Settings::load(None, &[format!("{name}=0")], None)?;
            }
        }
        let wanted = |key: &&Key| self.keys.iter().any(|name| named(key, name));
        let keys = KEYS
            .iter()
            .filter(|key| self.keys.is_empty() || wanted(key));
        Ok(keys.collect())
    }

    fn differences(&self) -> Result<()> {
        let runs = self.diff.iter().map(|run| Ok(settings::of_run(run)?.1));
        let runs = runs.collect::<Result<Vec<_>>>()?;
        let found = configuration::differences(&runs);
        let shown = |path: &PathBuf| Path::new(path).display().to_string();
        let names: Vec<String> = self.diff.iter().map(shown).collect();
        if self.json {
            let rows = found
                .iter()
                .map(|(setting, values)| json!({ "setting": setting, "values": values }));
            let rows: Vec<_> = rows.collect();
            return console::print_json(&json!({ "runs": names, "differences": rows }));
        }
        if found.is_empty() {
            return console::print("no setting differs\n");
        }
        let table = configuration::difference_table(&names, &found);
        console::print(&console::tables(&[&table]))
    }
}
