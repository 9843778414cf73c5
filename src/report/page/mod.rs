//! The report of a run: one self-contained HTML page. Its content security policy forbids every
//! request.

mod drawings;
mod headline;
mod settings;
mod stored;
mod study;
mod tables;

use std::path::Path;

use serde_json::Value;

use super::figure::Figure;
use super::figure::canvas::escaped;
use super::table::Reading;
use crate::analysis::run::{no_run, read_json, read_json_if_any};
use crate::artifact::history::read_json_lines;
use crate::config::Config;
use crate::error::Result;
use crate::experiments::trivial::{TRIVIAL, TrivialScores};
use crate::plan::store::list::listed;
use crate::plan::store::trial_files::TrialFiles;
use headline::Tile;
use stored::StoredStudy;
use study::StudyFigures;
use tables::{pairs, paragraph};

/// Tables of the analysis that are short enough for a page.
const ANALYSIS: [&str; 8] = [
    "encoders",
    "modalities",
    "fold_agreement",
    "kept",
    "calibration",
    "salience_error",
    "classes",
    "confusion",
];

/// What `analyze` adds to a page.
const ANALYZE_ADDS: &str = "which encoders the models weight and keep, how well folds agree, how similar encoders are, what leaving one out costs, calibration, confusion, and every clip with its prediction";

/// The page on what the paper leaves open.
const ASSUMPTIONS: &str = include_str!("../../../docs/assumptions.md");

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
            None => of_training(run, manifest.as_ref())?,
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

/// The learning curves of one training.
fn of_training(run: &Path, manifest: Option<&Value>) -> Result<StudyFigures> {
    let path = run.join("history.jsonl");
    if !path.is_file() {
        return Ok(StudyFigures::default());
    }
    let history = read_json_lines(&path)?;
    let kept = manifest.and_then(|manifest| manifest["best_epoch"].as_u64());
    let curves = super::figure::learning_curves(&[(&history, kept.unwrap_or(0) as usize)]);
    Ok(StudyFigures {
        figures: curves.into_iter().collect(),
        left_out: Vec::new(),
    })
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

/// A section: its anchor, title and content.
type Section = (&'static str, &'static str, String);

fn sections(stored: &Stored, run: &Path, analysis: &Path) -> Result<Vec<Section>> {
    let mut sections = vec![("summary", "Summary", summary(stored))];
    sections.push(("results", "Results", results(stored, run)?));
    if let Some(study) = &stored.study {
        sections.push(("searched", "What was searched", settings::searched(study)));
    }
    if let Some(found) = &stored.found {
        let mut figures = drawings::figures(found, analysis, &stored.drawn.figures)?;
        for note in texts(&found["left_out"]) {
            figures += &paragraph(&note);
        }
        sections.push(("figures", "The models", models(found) + &figures));
        sections.push((
            "tables",
            "Tables of the models",
            analysis_tables(found, analysis)?,
        ));
        sections.push(("clips", "Clips", clips(analysis)?));
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
    if let (Some(study), None) = (&stored.study, of_manifest) {
        sections.push(("data", "Data", settings::data(study)));
    }
    if let Some(manifest) = of_manifest {
        sections.push(("data", "Data", data(manifest)));
        let mut rows = vec![("program".to_owned(), plain(&manifest["program"]))];
        flatten("", &manifest["environment"], &mut rows);
        sections.push(("environment", "Environment", pairs("Environment", &rows)));
    }
    let assumptions = tables::folded("What the paper leaves open", &markdown(ASSUMPTIONS));
    sections.push(("assumptions", "Assumptions", assumptions));
    Ok(sections)
}

fn shell(title: &str, sections: &[Section]) -> String {
    let links = sections
        .iter()
        .map(|(id, title, _)| format!("<li><a href=\"#{id}\">{title}</a></li>"));
    let bodies = sections.iter().map(|(id, title, html)| {
        format!("<section id=\"{id}\" aria-labelledby=\"{id}-heading\"><h2 id=\"{id}-heading\">{title}</h2>\n{html}</section>\n")
    });
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n<link rel=\"icon\" href=\"data:,\">\n<title>{title}: blendfuse report</title>\n<style>\n{css}</style></head>\n<body><a class=\"skip\" href=\"#content\">Skip to the content</a>\n<header><h1>blendfuse report: {title}</h1><nav aria-label=\"Sections\"><ul>{links}</ul></nav></header>\n<main id=\"content\">\n{bodies}</main>\n<footer><p class=\"note\">Made by blendfuse {version}. The page needs no network.</p></footer>\n<script>\n{js}</script></body></html>\n",
        title = escaped(title),
        css = include_str!("page.css"),
        js = include_str!("page.js"),
        links = links.collect::<String>(),
        bodies = bodies.collect::<String>(),
        version = env!("CARGO_PKG_VERSION"),
    )
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

/// The texts of a list.
fn texts(list: &Value) -> Vec<String> {
    let texts = list.as_array().into_iter().flatten();
    texts.map(plain).collect()
}

fn summary(stored: &Stored) -> String {
    let mut html = match (&stored.study, &stored.manifest) {
        (Some(study), _) => headline::of_study(study),
        (None, Some(manifest)) => {
            let analysed = stored
                .found
                .as_ref()
                .map_or(&Value::Null, |found| &found["accuracy"]);
            headline::of_training(manifest, stored.trivial.as_ref(), analysed)
        }
        (None, None) => String::new(),
    };
    html += &headline::html(&about(stored), false);
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
        html += &what_analyze_adds(stored);
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

fn what_analyze_adds(stored: &Stored) -> String {
    let has_weights = stored.study.as_ref().is_none_or(|study| study.has_weights);
    match (has_weights, stored.study.as_ref()) {
        (true, _) => format!(
            "<p class=\"note\"><code>blendfuse analyze RUN DATA</code> adds {ANALYZE_ADDS}; then write the report again.</p>\n"
        ),
        (false, Some(study)) if study.found.is_some() => {
            let flag = match study.plan.command.as_str() {
                "cv" => "without --drop-weights",
                _ => "with --keep-weights",
            };
            format!(
                "<p class=\"note\"><code>blendfuse analyze</code> would add {ANALYZE_ADDS}. It needs the models' weights, which were not kept: run <code>{}</code> {flag} into another folder.</p>\n",
                escaped(&study.plan.command)
            )
        }
        _ => String::new(),
    }
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
        Some(study) => html += &study::tables(study, run)?,
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

/// Which models the figures and tables are of.
fn models(found: &Value) -> String {
    let count = found["models"].as_array().map_or(0, Vec::len);
    let clips = found["accuracy"]["clips"].as_u64().unwrap_or(0);
    let average = found["accuracy"]["average"].as_f64();
    let score = average.map_or(String::new(), |average| {
        format!(", average {:.2} %", 100.0 * average)
    });
    paragraph(&match count {
        0 | 1 => format!("Of one model, on {clips} clips{score}."),
        _ => format!(
            "Of {count} models: every one of {clips} clips by the model that did not train on it, all clips in one count, thresholds of each fold{score}."
        ),
    })
}

fn analysis_tables(found: &Value, analysis: &Path) -> Result<String> {
    let mut html = String::new();
    for table in found["tables"].as_array().into_iter().flatten() {
        let name = plain(&table["name"]);
        if !ANALYSIS.contains(&name.as_str()) {
            continue;
        }
        if let Some(csv) = tables::read(&analysis.join(format!("{name}.csv")))?
            && !csv.rows().is_empty()
        {
            html += &format!("<h3>{}</h3>\n", escaped(&plain(&table["title"])));
            html += &tables::html(&csv, &plain(&table["title"]), None);
            for note in texts(&table["notes"]) {
                html += &paragraph(&note);
            }
        }
    }
    Ok(html)
}

fn clips(analysis: &Path) -> Result<String> {
    let Some(table) = tables::read(&analysis.join("clips.csv"))? else {
        return Ok(String::new());
    };
    let mut kinds = table.texts("error");
    kinds.sort_unstable();
    kinds.dedup();
    let options = kinds.iter().map(|kind| {
        let kind = escaped(kind);
        format!("<option value=\"{kind}\">{kind}</option>")
    });
    Ok(format!(
        "<div class=\"search\" role=\"search\"><label for=\"clip-name\">File name contains<input id=\"clip-name\" type=\"search\" autocomplete=\"off\"></label><label for=\"clip-error\">Error<select id=\"clip-error\"><option value=\"\">all</option>{}</select></label></div>\n<p id=\"clip-count\" role=\"status\"></p>\n{}",
        options.collect::<String>(),
        tables::html(&table, "Clips", Some("error"))
    ))
}

fn data(manifest: &Value) -> String {
    let mut rows = Vec::new();
    flatten("clips", &manifest["clips"], &mut rows);
    flatten("classes", &manifest["classes"], &mut rows);
    for encoder in manifest["encoders"].as_array().into_iter().flatten() {
        let text = format!(
            "{}, {} columns",
            plain(&encoder["modality"]),
            plain(&encoder["width"])
        );
        rows.push((plain(&encoder["name"]), text));
    }
    let mut html = pairs("Data", &rows);
    let files = manifest["inputs"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|file| {
            ["path", "bytes", "sha256"]
                .map(|key| plain(&file[key]))
                .to_vec()
        });
    let files: Vec<Vec<String>> = files.collect();
    html += &tables::named_rows("Input files", &["File", "Bytes", "SHA-256"], &files);
    html
}

/// Every leaf of a JSON value with its dotted key; a list becomes one cell.
fn flatten(key: &str, value: &Value, rows: &mut Vec<(String, String)>) {
    match value {
        Value::Object(map) => {
            for (name, value) in map {
                let key = if key.is_empty() {
                    name.clone()
                } else {
                    format!("{key}.{name}")
                };
                flatten(&key, value, rows);
            }
        }
        Value::Array(values) => {
            rows.push((
                key.to_owned(),
                values.iter().map(plain).collect::<Vec<_>>().join(", "),
            ));
        }
        Value::Null => rows.push((key.to_owned(), "–".into())),
        leaf => rows.push((key.to_owned(), plain(leaf))),
    }
}

fn plain(value: &Value) -> String {
    value
        .as_str()
        .map_or_else(|| value.to_string(), str::to_owned)
}

/// Renders our own documentation; headings are moved one level below the section's.
fn markdown(text: &str) -> String {
    use pulldown_cmark::{Event, HeadingLevel, Options, Parser, Tag, TagEnd, html};
    let lower = |level: HeadingLevel| match level {
        HeadingLevel::H1 | HeadingLevel::H2 => HeadingLevel::H3,
        _ => HeadingLevel::H4,
    };
    let events = Parser::new_ext(text, Options::ENABLE_TABLES).filter_map(|event| match event {
        Event::Start(Tag::Heading { level, .. }) => Some(Event::Start(Tag::Heading {
            level: lower(level),
            id: None,
            classes: Vec::new(),
            attrs: Vec::new(),
        })),
        Event::End(TagEnd::Heading(level)) => Some(Event::End(TagEnd::Heading(lower(level)))),
        // Links to other files would be broken here.
        Event::Start(Tag::Link { .. }) | Event::End(TagEnd::Link) => None,
        other => Some(other),
    });
    let mut html = String::new();
    html::push_html(&mut html, events);
    let mut parts = html.split("<table>");
    let mut found = parts.next().unwrap_or_default().to_owned();
    // Each scrollable region needs a unique name.
    for (before, part) in parts.enumerate() {
        found += &format!(
            "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Assumptions, table {}\"><table>",
            before + 1
        );
        found += part;
    }
    found.replace("</table>", "</table></div>")
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
