//! The figures of an analysis, for the report page: read from their files, and refused if they contain
//! active content.

use std::path::Path;

use serde_json::Value;

use super::leaves::plain;
use crate::error::{Artifact, Error, Result};
use crate::report::figure::Figure;
use crate::report::figure::canvas::escaped;

/// Figures drawn by this process.
pub fn embedded(figures: &[Figure]) -> String {
    if figures.is_empty() {
        return String::new();
    }
    let figures = figures
        .iter()
        .map(|figure| element(&figure.name, &figure.svg(), &figure.title, &figure.caption));
    format!(
        "<div class=\"figures\">\n{}</div>\n",
        figures.collect::<String>()
    )
}

fn element(name: &str, svg: &str, title: &str, caption: &str) -> String {
    let width = svg
        .split("viewBox=\"0 0 ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next()?.parse::<f64>().ok());
    let (class, label) = match width.filter(|width| *width > 300.0) {
        // A wide drawing scrolls on a narrow screen, where its text would be too small to read. It is no
        // larger than its width asks for, or its letters would be those of a title.
        Some(width) => (
            format!(" class=\"wide\" style=\"--width: {width:.0}\""),
            format!(
                " role=\"region\" tabindex=\"0\" aria-label=\"Figure: {}\"",
                escaped(title)
            ),
        ),
        None => (String::new(), String::new()),
    };
    format!(
        "<figure{class} id=\"{}\"><div class=\"drawing\"{label}>{svg}</div><figcaption><strong>{}</strong>{}</figcaption></figure>\n",
        escaped(name),
        escaped(title),
        escaped(caption)
    )
}

/// The figures that an analysis lists, with their captions, without those that the page has already.
///
/// # Errors
/// [`Error::Read`]; [`Error::File`] for a drawing with active content.
pub fn figures(found: &Value, analysis: &Path, drawn: &[Figure]) -> Result<String> {
    let mut html = "<div class=\"figures\">\n".to_owned();
    for figure in found["figures"].as_array().into_iter().flatten() {
        let name = plain(&figure["name"]);
        if drawn.iter().any(|drawn| drawn.name == name) {
            continue;
        }
        let path = analysis.join(format!("{name}.svg"));
        let svg = std::fs::read_to_string(&path).map_err(|source| Error::Read {
            path: path.clone(),
            source,
        })?;
        // The file may have been edited; an embedded drawing must not contain scripts or links.
        let lower = svg.to_lowercase();
        let foreign = [
            "<script",
            "<foreignobject",
            "<image",
            "<style",
            " on",
            "href",
            "url(",
        ];
        if !lower.starts_with("<svg") || foreign.iter().any(|part| has_active(&lower, part)) {
            return Err(Error::Unrecognised {
                path,
                expected: Artifact::Figure,
                found: "not a plain drawing".into(),
            });
        }
        html += &element(
            &name,
            &svg,
            &plain(&figure["title"]),
            &plain(&figure["caption"]),
        );
    }
    Ok(html + "</div>\n")
}

/// Whether a tag of the drawing (not its text) contains `part`.
fn has_active(svg: &str, part: &str) -> bool {
    svg.split('<').skip(1).any(|tag| {
        let tag = tag.split('>').next().unwrap_or(tag);
        match part {
            // An event handler is an attribute `on…=`.
            " on" => tag.split(" on").skip(1).any(|rest| {
                let name = rest.split('=').next().unwrap_or("");
                rest.contains('=')
                    && !name.is_empty()
                    && name.chars().all(|c| c.is_ascii_alphabetic())
            }),
            part => format!("<{tag}").contains(part),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_drawing_that_acts_is_told_from_one_whose_text_does() {
        let text = "<svg><text x=\"1\">on click=run <b url(</text></svg>".replace("<b ", "&lt;b ");
        assert!(!has_active(&text, " on") && !has_active(&text, "url("));
        assert!(has_active("<svg onload=\"x()\">", " on"));
        assert!(has_active("<svg><script>", "<script"));
    }
}
