//! The header of ARFF, Weka's format, which openSMILE writes: a relation, a line for each attribute, and a
//! line that begins the data, whose rows are those of a CSV file.

use crate::suggest::nearest;

/// A line of a header.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum HeaderLine<'a> {
    /// A column with this name.
    Attribute(&'a str),
    /// The rows follow.
    Data,
    /// A comment, or the relation.
    Other,
}

/// Whether a file that begins with this line is ARFF.
pub(super) fn is_relation(line: &str) -> bool {
    keyword(line).is_some_and(|(word, _)| word.eq_ignore_ascii_case("@relation"))
}

/// Reads a line of the header.
///
/// # Errors
/// The reason, for anything else than a relation, an attribute, a comment or the beginning of the data.
pub(super) fn header_line(line: &str) -> Result<HeaderLine<'_>, String> {
    let unknown = |word: &str| {
        let meant = nearest(word, ["@attribute", "@data"]);
        let meant = meant.map(|meant| format!("; did you mean {meant}?"));
        let meant = meant.unwrap_or_default();
        let word: String = word.chars().take(20).collect();
        format!("{word:?} is not part of the header of ARFF{meant}")
    };
    let Some((word, rest)) = keyword(line) else {
        return Ok(HeaderLine::Other);
    };
    match word.to_ascii_lowercase().as_str() {
        "@attribute" => match name(rest) {
            "" => Err("names no attribute".into()),
            name => Ok(HeaderLine::Attribute(name)),
        },
        "@data" => Ok(HeaderLine::Data),
        "@relation" => Ok(HeaderLine::Other),
        _ => Err(unknown(word)),
    }
}

/// The first word of a line and the rest; `None` for a comment.
fn keyword(line: &str) -> Option<(&str, &str)> {
    let line = line.trim();
    if line.is_empty() || line.starts_with('%') {
        return None;
    }
    Some(line.split_once(char::is_whitespace).unwrap_or((line, "")))
}

/// The name that an attribute begins with, which may be quoted.
fn name(attribute: &str) -> &str {
    let attribute = attribute.trim();
    for quote in ['\'', '"'] {
        if let Some(rest) = attribute.strip_prefix(quote) {
            return rest.split(quote).next().unwrap_or_default();
        }
    }
    attribute
        .split(char::is_whitespace)
        .next()
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lines_of_a_header_are_told_apart() {
        assert!(is_relation("@relation openSMILE_features"));
        assert!(is_relation(" @RELATION x"));
        assert!(!is_relation("filename,@relation"));
        for (line, expected) in [
            ("@attribute F0 numeric", HeaderLine::Attribute("F0")),
            ("@ATTRIBUTE\t'a b' string", HeaderLine::Attribute("a b")),
            ("@attribute class {ang,sad}", HeaderLine::Attribute("class")),
            ("@data", HeaderLine::Data),
            ("% by hand", HeaderLine::Other),
        ] {
            assert_eq!(header_line(line), Ok(expected), "{line}");
        }
        assert!(header_line("@attribute").is_err());
        assert!(header_line("1,2").is_err());
        assert!(
            header_line("@atribute x")
                .unwrap_err()
                .contains("@attribute")
        );
    }
}
