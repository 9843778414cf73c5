//! The page on what the paper leaves open, as part of the report.

use super::tables;

/// The page on what the paper leaves open.
const ASSUMPTIONS: &str = include_str!("../../../docs/assumptions.md");

/// The page, folded.
pub fn folded() -> String {
    tables::folded("What the paper leaves open", &markdown(ASSUMPTIONS))
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
