//! The page around its sections.

use crate::report::figure::canvas::escaped;

/// A section: its anchor, title and content.
pub type Section = (&'static str, &'static str, String);

/// The whole page.
pub fn shell(title: &str, sections: &[Section]) -> String {
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
