//! The part of the page on the trained models, from the output of `analyze`; and what it would add.

use std::path::Path;

use serde_json::Value;

use super::drawings;
use super::leaves::{plain, texts};
use super::shell::Section;
use super::stored::StoredStudy;
use super::tables::{self, paragraph};
use crate::error::Result;
use crate::report::figure::Figure;
use crate::report::figure::canvas::escaped;

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

/// The sections on the models, without the figures in `drawn`, which the page has already.
///
/// # Errors
/// As [`drawings::figures`] and [`tables::read`].
pub fn sections(found: &Value, analysis: &Path, drawn: &[Figure]) -> Result<Vec<Section>> {
    let mut figures = drawings::figures(found, analysis, drawn)?;
    for note in texts(&found["left_out"]) {
        figures += &paragraph(&note);
    }
    let tables = analysis_tables(found, analysis)?;
    Ok(vec![
        ("figures", "The models", models(found) + &figures),
        ("tables", "Tables of the models", tables),
        ("clips", "Clips", clips(analysis)?),
    ])
}

/// Which models the figures and tables are of.
fn models(found: &Value) -> String {
    let count = found["models"].as_array().map_or(0, Vec::len);
    let clips = found["accuracy"]["clips"].as_u64().unwrap_or(0);
    // Half of an accuracy is no average of two.
    let (name, key) = match found["accuracy"]["acc_salience"].is_null() {
        true => ("ACC_presence", "acc_presence"),
        false => ("average", "average"),
    };
    let score = found["accuracy"][key].as_f64();
    let score = score.map_or(String::new(), |score| {
        format!(", {name} {:.2} %", 100.0 * score)
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

/// The line of a page without an analysis: what it would add, and what it needs.
pub fn what_it_adds(study: Option<&StoredStudy>) -> String {
    let has_weights = study.is_none_or(|study| study.has_weights);
    match (has_weights, study) {
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
