//! The report of a run: one self-contained HTML page. Its content security policy forbids every
//! request.

mod analysis;
mod assumptions;
mod comparison;
mod data;
mod drawings;
mod headline;
mod leaves;
mod partial;
mod settings;
mod shell;
mod stored;
mod study;
mod tables;
mod tiles;
mod training;

use std::path::Path;

use serde_json::Value;

use super::figure::Figure;
use super::table::Reading;
use crate::analysis::run::{no_run, read_json, read_json_if_any};
use crate::config::Config;
use crate::error::Result;
use crate::experiments::trivial::{TRIVIAL, TrivialScores};
use crate::plan::store::list::listed;
use crate::plan::store::trial_files::TrialFiles;
pub use comparison::of_comparison;
use leaves::{flatten, plain, texts};
use shell::{Section, shell};
use stored::StoredStudy;
use study::StudyFigures;
use tables::{pairs, paragraph};
use tiles::Tile;

/// What is known of a run from its folder.
struct Stored {
    study: Option<StoredStudy>,
    /// Of the run, or of the first model of a plan whose weights were kept.
    manifest: Option<Value>,
    trivial: Option<TrivialScores>,
    /// The output of `analyze`.
    found: Option<Value>,
    drawn: StudyFigures,
}

impl Stored {
    fn read(run: &Path, analysis: &Path) -> Result<Self> {
        let own = read_json_if_any(&run.join("manifest.json"))?;
        let is_plan = run.join("plan.json").is_file();
        if !is_plan && own.is_none() {
            return Err(no_run(run));
        }
        let study = is_plan.then(|| StoredStudy::read(run)).transpose()?;
        let manifest = match own {
            Some(own) => Some(own),
            None => first_manifest(run)?,
        };
        let trivial = run.join(TRIVIAL);
        let trivial = trivial.is_file().then(|| read_json(&trivial)).transpose()?;
        let drawn = match &study {
            Some(study) => study::figures(study),
            None => training::figures(run, manifest.as_ref())?,
        };
        Ok(Self {
            study,
            manifest,
            trivial,
            found: read_json_if_any(&analysis.join("analysis.json"))?,
            drawn,
        })
    }
}

/// The figures that a run's stored results give, without `analyze`.
///
/// # Errors
/// As [`page`].
pub fn figures(run: &Path) -> Result<Vec<Figure>> {
    let stored = Stored::read(run, &run.join("analysis"))?;
    Ok(stored.drawn.figures)
}

/// The page of a run folder, with the output of `analyze` in the folder `analysis`. Everything else is made
/// from what the run itself stored.
///
/// # Errors
/// [`Data`] if there is no run; [`Read`], [`File`] and [`Csv`] for damaged files.
///
/// [`Data`]: crate::error::Error::Data
/// [`Read`]: crate::error::Error::Read
/// [`File`]: crate::error::Error::File
/// [`Csv`]: crate::error::Error::Csv
pub fn page(run: &Path, analysis: &Path) -> Result<String> {
    let stored = Stored::read(run, analysis)?;
    let folder = run.canonicalize().unwrap_or_else(|_| run.to_owned());
    let name = folder.file_name().unwrap_or(folder.as_os_str());
    let mut sections = sections(&stored, run, analysis)?;
    sections.retain(|(_, _, html)| !html.is_empty());
    Ok(shell(&name.to_string_lossy(), &sections))
}

fn sections(stored: &Stored, run: &Path, analysis: &Path) -> Result<Vec<Section>> {
    let mut sections = vec![("summary", "Summary", summary(stored))];
    sections.push(("results", "Results", results(stored, run)?));
    if let Some(study) = &stored.study {
        sections.push(("searched", "What was searched", settings::searched(study)));
    }
    if let Some(found) = &stored.found {
        let of_models = analysis::sections(found, analysis, &stored.drawn.figures)?;
        sections.extend(of_models);
    }
    let of_manifest = stored.manifest.as_ref();
    let config: Option<Config> = match (&stored.study, of_manifest) {
        (Some(study), _) => Some(study.config().clone()),
        (None, Some(manifest)) => serde_json::from_value(manifest["config"].clone()).ok(),
        _ => None,
    };
    if let Some(config) = config {
        let html = settings::configuration(&config, stored.study.as_ref());
        sections.push(("configuration", "Configuration", html));
    }
    let found = match (&stored.study, of_manifest) {
        (Some(study), manifest) => data::of_study(study, manifest),
        (None, Some(manifest)) => data::of_training(manifest),
        (None, None) => String::new(),
    };
    sections.push(("data", "Data", found));
    if let Some(manifest) = of_manifest {
        let mut rows = vec![("program".to_owned(), plain(&manifest["program"]))];
        flatten("", &manifest["environment"], &mut rows);
        sections.push(("environment", "Environment", pairs("Environment", &rows)));
    }
    sections.push(("assumptions", "Assumptions", assumptions::folded()));
    Ok(sections)
}

/// The manifest of the first model of a plan whose run folder exists.
fn first_manifest(run: &Path) -> Result<Option<Value>> {
    let files = TrialFiles::of(run);
    for trial in listed(run)? {
        let manifest = files.run(&trial.id).join("manifest.json");
        if let Some(manifest) = read_json_if_any(&manifest)? {
            return Ok(Some(manifest));
        }
    }
    Ok(None)
}

fn summary(stored: &Stored) -> String {
    let mut html = match (&stored.study, &stored.manifest) {
        (Some(study), _) => headline::of_study(study),
        (None, Some(manifest)) => {
            let analysed = stored
                .found
                .as_ref()
                .map_or(&Value::Null, |found| &found["accuracy"]);
            training::headline(manifest, stored.trivial.as_ref(), analysed)
        }
        (None, None) => String::new(),
    };
    html += &tiles::html(&about(stored), false);
    let notes = stored
        .found
        .as_ref()
        .map_or(Vec::new(), |found| texts(&found["notes"]));
    let warnings = match (&stored.study, &stored.manifest) {
        (None, Some(manifest)) => texts(&manifest["warnings"]),
        _ => Vec::new(),
    };
    for note in notes.iter().chain(&warnings) {
        html += &paragraph(note);
    }
    if stored.found.is_none() {
        html += &analysis::what_it_adds(stored.study.as_ref());
    }
    html
}

/// What kind of run it is, and how large.
fn about(stored: &Stored) -> Vec<Tile> {
    let mut tiles = Vec::new();
    let command = stored
        .study
        .as_ref()
        .map_or("train", |study| study.plan.command.as_str());
    tiles.push(Tile::new("Command", command, ""));
    if let Some(study) = &stored.study {
        let [done, all] = study.done;
        if study.found.is_some() {
            tiles.push(Tile::new("Trials", grouped(&all.max(done).to_string()), ""));
        }
    }
    if let Some(manifest) = &stored.manifest {
        let count = manifest["encoders"].as_array().map_or(0, Vec::len);
        tiles.push(Tile::new("Encoders", count.to_string(), ""));
        let one = stored
            .study
            .as_ref()
            .is_none_or(|study| study.plan.command == "cv");
        if let Some(kept) = manifest["config"]["model"]["top_k"]
            .as_u64()
            .filter(|_| one)
        {
            let kept = kept.min(count as u64);
            tiles.push(Tile::new("Encoders kept, k", kept.to_string(), ""));
        }
        if one {
            let parameters = grouped(&plain(&manifest["parameters"]));
            tiles.push(Tile::new("Parameters", parameters, ""));
        }
    }
    tiles
}

/// A number with digits in groups of three.
fn grouped(digits: &str) -> String {
    let mut shown = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            shown.push(',');
        }
        shown.push(digit);
    }
    shown
}

fn results(stored: &Stored, run: &Path) -> Result<String> {
    let mut html = drawings::embedded(&stored.drawn.figures);
    for reason in &stored.drawn.left_out {
        html += &paragraph(reason);
    }
    match &stored.study {
        Some(study) if study.found.is_none() => html += &partial::results(study, run)?,
        Some(study) => html += &study::tables::of_study(study, run)?,
        None => {
            if let Some(table) = tables::read(&run.join("history.csv"))? {
                let reading = Reading {
                    order: None,
                    hidden: Vec::new(),
                };
                html += &tables::for_people(table, "Every epoch", reading);
            }
        }
    }
    Ok(html)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_without_an_analysis_still_has_a_page_with_its_text_escaped() {
        let folder = tempfile::tempdir().unwrap();
        let run = folder.path().join("a<b>&");
        std::fs::create_dir(&run).unwrap();
        let message = page(&run, &run.join("analysis")).unwrap_err().to_string();
        assert!(message.contains("neither manifest.json"), "{message}");
        let manifest = r#"{"program":"p<script>","config":{"model":{"top_k":3}},"encoders":[],"warnings":["<i>"],"environment":{"data":"</code>"}}"#;
        std::fs::write(run.join("manifest.json"), manifest).unwrap();
        let html = page(&run, &run.join("analysis")).unwrap();
        assert!(html.contains("a&lt;b&gt;&amp;") && html.contains("p&lt;script&gt;"));
        assert!(html.contains("&lt;i&gt;") && html.contains("&lt;/code&gt;"));
        assert_eq!(html.matches("<script").count(), 1);
        assert!(html.contains("model.top_k"));
    }
}
