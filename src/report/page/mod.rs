//! The report of a run: one self-contained HTML page. Its content security policy forbids every
//! request.

mod drawings;
mod tables;

use std::path::Path;

use serde_json::Value;

use super::figure::canvas::escaped;
use crate::analysis::run::no_run;
use crate::analysis::run::read_json_if_any;
use crate::error::Result;
use crate::plan::store::list::listed;
use crate::plan::store::trial_files::TrialFiles;
use drawings::figures;
use tables::{HtmlTable, pairs};

/// The tables that the commands write, with their captions.
const RESULTS: [(&str, &str); 6] = [
    ("summary.csv", "Cross-validation, summary"),
    ("folds.csv", "Cross-validation, every fold"),
    ("ablation.csv", "Ablations"),
    ("table_1.csv", "Table I: validation and test"),
    ("table_2.csv", "Table II: ablations"),
    ("table_5.csv", "Table V: encoders kept"),
];

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

/// The page on what the paper leaves open.
const ASSUMPTIONS: &str = include_str!("../../../docs/assumptions.md");

/// The page of a run folder, with the output of `analyze` in the folder `analysis`.
///
/// # Errors
/// [`Data`] if there is no run; [`Read`], [`File`] and [`Csv`] for damaged files.
///
/// [`Data`]: crate::error::Error::Data
/// [`Read`]: crate::error::Error::Read
/// [`File`]: crate::error::Error::File
/// [`Csv`]: crate::error::Error::Csv
pub fn page(run: &Path, analysis: &Path) -> Result<String> {
    let plan = read_json_if_any(&run.join("plan.json"))?;
    let own = read_json_if_any(&run.join("manifest.json"))?;
    if plan.is_none() && own.is_none() {
        return Err(no_run(run));
    }
    let manifest = match own {
        Some(own) => Some(own),
        None => first_manifest(run)?,
    };
    let found = read_json_if_any(&analysis.join("analysis.json"))?;
    let folder = run.canonicalize().unwrap_or_else(|_| run.to_owned());
    let name = folder.file_name().unwrap_or(folder.as_os_str());
    let name = name.to_string_lossy();
    let mut sections = vec![(
        "summary",
        "Summary",
        summary(plan.as_ref(), manifest.as_ref(), found.as_ref()),
    )];
    sections.push(("results", "Results", results(run)?));
    if let Some(found) = &found {
        sections.push(("figures", "Figures", figures(found, analysis)?));
        sections.push((
            "tables",
            "Analysis tables",
            analysis_tables(found, analysis)?,
        ));
        sections.push(("clips", "Clips", clips(analysis)?));
    }
    if let Some(manifest) = &manifest {
        let mut rows = Vec::new();
        flatten("", &manifest["config"], &mut rows);
        sections.push((
            "configuration",
            "Configuration",
            pairs("Configuration", &rows),
        ));
        sections.push(("data", "Data", data(manifest)));
        let mut rows = vec![("program".to_owned(), plain(&manifest["program"]))];
        flatten("", &manifest["environment"], &mut rows);
        sections.push(("environment", "Environment", pairs("Environment", &rows)));
    }
    sections.push(("assumptions", "Assumptions", markdown(ASSUMPTIONS)));
    sections.retain(|(_, _, html)| !html.is_empty());
    let links = sections
        .iter()
        .map(|(id, title, _)| format!("<li><a href=\"#{id}\">{title}</a></li>"));
    let bodies = sections.iter().map(|(id, title, html)| {
        format!("<section id=\"{id}\" aria-labelledby=\"{id}-heading\"><h2 id=\"{id}-heading\">{title}</h2>\n{html}</section>\n")
    });
    Ok(format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n<link rel=\"icon\" href=\"data:,\">\n<title>{title}: blendfuse report</title>\n<style>\n{css}</style></head>\n<body><a class=\"skip\" href=\"#content\">Skip to the content</a>\n<header><h1>blendfuse report: {title}</h1><nav aria-label=\"Sections\"><ul>{links}</ul></nav></header>\n<main id=\"content\">\n{bodies}</main>\n<footer><p class=\"note\">Made by blendfuse {version}. The page needs no network.</p></footer>\n<script>\n{js}</script></body></html>\n",
        title = escaped(&name),
        css = include_str!("page.css"),
        js = include_str!("page.js"),
        links = links.collect::<String>(),
        bodies = bodies.collect::<String>(),
        version = env!("CARGO_PKG_VERSION"),
    ))
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

fn summary(plan: Option<&Value>, manifest: Option<&Value>, found: Option<&Value>) -> String {
    let mut tiles = Vec::new();
    let percent = |value: &Value| value.as_f64().map(|x| format!("{:.1} %", 100.0 * x));
    let measured = match (found, manifest) {
        (Some(found), _) => Some(&found["accuracy"]),
        (None, Some(manifest)) => Some(&manifest["best"]),
        _ => None,
    };
    for (key, name) in [
        ("average", "Average accuracy"),
        ("acc_presence", "ACC_presence"),
        ("acc_salience", "ACC_salience"),
    ] {
        if let Some(value) = measured.and_then(|measured| percent(&measured[key])) {
            tiles.push((name.to_owned(), value));
        }
    }
    if let Some(clips) = found.and_then(|found| found["accuracy"]["clips"].as_u64()) {
        tiles.push(("Clips judged".into(), grouped(&clips.to_string())));
    }
    let command = plan.map_or("train".into(), |plan| plain(&plan["command"]));
    tiles.push(("Command".into(), command));
    if let Some(manifest) = manifest {
        let count = manifest["encoders"].as_array().map_or(0, Vec::len);
        tiles.push(("Encoders".into(), count.to_string()));
        if let Some(kept) = manifest["config"]["model"]["top_k"].as_u64() {
            let kept = kept.min(count as u64);
            tiles.push(("Encoders kept, k".into(), kept.to_string()));
        }
        tiles.push((
            "Parameters".into(),
            grouped(&plain(&manifest["parameters"])),
        ));
    }
    let tiles = tiles.iter().map(|(name, value)| {
        format!(
            "<div><dt>{}</dt><dd>{}</dd></div>",
            escaped(name),
            escaped(value)
        )
    });
    let mut html = format!("<dl class=\"tiles\">{}</dl>\n", tiles.collect::<String>());
    let notes = found.and_then(|found| found["notes"].as_array());
    let warnings = manifest.and_then(|manifest| manifest["warnings"].as_array());
    for note in notes.into_iter().chain(warnings).flatten() {
        html += &format!("<p class=\"note\">{}</p>\n", escaped(&plain(note)));
    }
    match found {
        None => {
            html += "<p class=\"note\">There are no figures yet: run <code>blendfuse analyze RUN DATA</code>, then write the report again.</p>\n"
        }
        Some(found)
            if found["models"]
                .as_array()
                .is_some_and(|models| models.len() > 1) =>
        {
            html += "<p class=\"note\">Accuracies: every clip by the model that did not train on it, all clips together, thresholds of each fold.</p>\n";
        }
        Some(_) => {}
    }
    html
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

fn results(run: &Path) -> Result<String> {
    let mut html = String::new();
    for (file, title) in RESULTS {
        if let Some(table) = HtmlTable::read(&run.join(file))? {
            html += &table.html(title, None);
        }
    }
    if let Some(table) = HtmlTable::read(&run.join("history.csv"))? {
        html += &table.html("Every epoch", None);
    }
    Ok(html)
}

fn analysis_tables(found: &Value, analysis: &Path) -> Result<String> {
    let mut html = String::new();
    for table in found["tables"].as_array().into_iter().flatten() {
        let name = plain(&table["name"]);
        if !ANALYSIS.contains(&name.as_str()) {
            continue;
        }
        if let Some(csv) = HtmlTable::read(&analysis.join(format!("{name}.csv")))? {
            html += &format!("<h3>{}</h3>\n", escaped(&plain(&table["title"])));
            html += &csv.html(&plain(&table["title"]), None);
        }
        for note in table["notes"].as_array().into_iter().flatten() {
            html += &format!("<p class=\"note\">{}</p>\n", escaped(&plain(note)));
        }
    }
    Ok(html)
}

fn clips(analysis: &Path) -> Result<String> {
    let Some(table) = HtmlTable::read(&analysis.join("clips.csv"))? else {
        return Ok(String::new());
    };
    let mut kinds = table.column("error");
    kinds.sort_unstable();
    kinds.dedup();
    let options = kinds.iter().map(|kind| {
        let kind = escaped(kind);
        format!("<option value=\"{kind}\">{kind}</option>")
    });
    Ok(format!(
        "<div class=\"search\" role=\"search\"><label for=\"clip-name\">File name contains<input id=\"clip-name\" type=\"search\" autocomplete=\"off\"></label><label for=\"clip-error\">Error<select id=\"clip-error\"><option value=\"\">all</option>{}</select></label></div>\n<p id=\"clip-count\" role=\"status\"></p>\n{}",
        options.collect::<String>(),
        table.html("Clips", Some("error"))
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
    let mut files = Vec::new();
    for (i, file) in manifest["inputs"]
        .as_array()
        .into_iter()
        .flatten()
        .enumerate()
    {
        flatten(&format!("file {}", i + 1), file, &mut files);
    }
    html += &pairs("Input files", &files);
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
