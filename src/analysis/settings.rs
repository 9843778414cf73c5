//! The settings that a run was made with.

use std::path::Path;

use serde_json::{Value, json};

use super::run::no_run;
use crate::artifact::manifest::Manifest;
use crate::config::Config;
use crate::data::fingerprint::digest;
use crate::error::Result;
use crate::plan::store::description::{DESCRIPTION, PlanDescription};

/// The configuration of a run, or the base configuration of a study, and all of its settings by name: the
/// configuration's keys, what the study tries, data, seeds, program and kernel. A TOML file has keys only.
///
/// # Errors
/// [`Error::Missing`](crate::Error::Missing) for a folder that is no run; as [`Config::load`] for a file.
pub fn of_run(run: &Path) -> Result<(Config, Vec<(String, Value)>)> {
    if run.join(DESCRIPTION).is_file() {
        let plan = PlanDescription::read(run)?;
        let mut settings = plan.settings.config.entries();
        settings.push(("command".into(), json!(plan.command)));
        leaves("study", &plan.settings.study, &mut settings);
        settings.extend([
            ("seeds".into(), json!(plan.settings.seeds)),
            ("data".into(), json!(short(&plan.settings.data))),
            ("program".into(), json!(plan.program)),
            ("kernel".into(), json!(plan.kernel)),
        ]);
        return Ok((plan.settings.config, settings));
    }
    let manifest = run.join("manifest.json");
    if manifest.is_file() {
        let manifest = Manifest::read(&manifest)?;
        let mut settings = manifest.config.entries();
        settings.extend([
            ("command".into(), json!("train")),
            ("fold".into(), json!(manifest.fold)),
            ("no_shuffle".into(), json!(manifest.no_shuffle)),
            ("init".into(), json!(manifest.init)),
            ("data".into(), json!(short(&digest(&manifest.inputs)))),
            ("program".into(), json!(manifest.program)),
            ("kernel".into(), json!(manifest.environment.kernel)),
        ]);
        return Ok((manifest.config, settings));
    }
    let is_toml = run
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("toml"));
    if !is_toml {
        return Err(no_run(run));
    }
    let config = Config::load(Some(run), &[], None)?;
    let settings = config.entries();
    Ok((config, settings))
}

/// Enough of a digest to tell two apart.
fn short(digest: &str) -> &str {
    digest.get(..16).unwrap_or(digest)
}

/// Every leaf of the options of a study; lists are leaves.
fn leaves(name: &str, value: &Value, to: &mut Vec<(String, Value)>) {
    match value {
        Value::Object(map) => {
            for (key, value) in map {
                leaves(&format!("{name}.{key}"), value, to);
            }
        }
        leaf => to.push((name.to_owned(), leaf.clone())),
    }
}
