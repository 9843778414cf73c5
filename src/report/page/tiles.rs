//! Figures side by side, each with its name and what it is of.

use crate::report::figure::canvas::escaped;

/// A figure with its name and what it is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Tile {
    /// What it is.
    pub name: String,
    /// The figure.
    pub value: String,
    /// Of what, and how sure.
    pub detail: String,
}

impl Tile {
    pub fn new(
        name: impl Into<String>,
        value: impl Into<String>,
        detail: impl Into<String>,
    ) -> Self {
        Self {
            name: name.into(),
            value: value.into(),
            detail: detail.into(),
        }
    }
}

/// Tiles side by side, the first one emphasised.
pub fn html(tiles: &[Tile], emphasised: bool) -> String {
    let tiles = tiles.iter().enumerate().map(|(i, tile)| {
        let class = if emphasised && i == 0 {
            " class=\"lead\""
        } else {
            ""
        };
        let detail = match tile.detail.as_str() {
            "" => String::new(),
            detail => format!("<dd class=\"detail\">{}</dd>", escaped(detail)),
        };
        format!(
            "<div{class}><dt>{}</dt><dd>{}</dd>{detail}</div>",
            escaped(&tile.name),
            escaped(&tile.value)
        )
    });
    format!("<dl class=\"tiles\">{}</dl>\n", tiles.collect::<String>())
}

/// How many of something, in words.
pub fn counted(count: usize, one: &str) -> String {
    match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    }
}

/// A sentence that begins with a capital letter.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(|c| c.to_uppercase().to_string());
    first.unwrap_or_default() + letters.as_str()
}
