//! How text that may come from a file is shown in a message.

use std::borrow::Cow;

/// `, WORD AT` where a position is known.
pub(super) fn position<T: std::fmt::Display>(word: &str, at: &Option<T>) -> String {
    at.as_ref().map_or_else(String::new, |at| {
        format!(", {word} {}", shortened(&at.to_string(), LONGEST_NAME))
    })
}

/// Most characters of a name that a message repeats.
const LONGEST_NAME: usize = 120;

/// Most characters of another text that a message repeats.
const LONGEST: usize = 600;

/// The text on one line, shortened.
pub(super) fn one_line(text: &str) -> Cow<'_, str> {
    shortened(text, LONGEST)
}

/// Text for a message, possibly from a file: control characters are escaped, and if the result is longer
/// than `longest` characters, its middle is left out.
fn shortened(text: &str, longest: usize) -> Cow<'_, str> {
    let escapes = text.contains(char::is_control);
    if !escapes && text.chars().count() <= longest {
        return Cow::Borrowed(text);
    }
    let pieces: Vec<String> = text.chars().map(visible).collect();
    let length = |pieces: &[String]| {
        pieces
            .iter()
            .map(|piece| piece.chars().count())
            .sum::<usize>()
    };
    if length(&pieces) <= longest {
        return Cow::Owned(pieces.concat());
    }
    let end = longest / 3;
    let fitting = |pieces: &mut dyn Iterator<Item = &String>, room: usize| {
        let mut used = 0;
        let fits = |piece: &&String| {
            used += piece.chars().count();
            used <= room
        };
        pieces.take_while(fits).count()
    };
    let first = fitting(&mut pieces.iter(), longest - end);
    let last = fitting(&mut pieces.iter().rev(), end);
    let (start, end) = (&pieces[..first], &pieces[pieces.len() - last..]);
    Cow::Owned(format!("{} … {}", start.concat(), end.concat()))
}

/// A character, escaped if it is a control character.
fn visible(c: char) -> String {
    if c.is_control() {
        c.escape_default().to_string()
    } else {
        c.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Error;

    #[test]
    fn text_from_a_file_cannot_break_a_message_into_lines_or_fill_the_screen() {
        let error = |array: &str, reason: String| {
            let path = "a.npz".into();
            let array = Some(array.to_owned());
            Error::Npz {
                path,
                array,
                reason,
            }
            .to_string()
        };
        assert_eq!(
            error("X\n\u{1b}[2J", "tab\there".into()),
            "a.npz, array X\\n\\u{1b}[2J: tab\\there"
        );
        let long = error("X", format!("{}: write it again", "é".repeat(100_000)));
        assert!(long.chars().count() < LONGEST + 30, "{}", long.len());
        assert!(long.ends_with("é: write it again"), "{long}");
        assert_eq!(error("é", "größe".into()), "a.npz, array é: größe");
        // Escapes count as they are written.
        let escaped = error(&"\0".repeat(100_000), "\0".repeat(100_000));
        let length = escaped.chars().count();
        assert!(length < LONGEST + LONGEST_NAME + 30, "{length}");
        assert!(escaped.ends_with("\\u{0}"), "{escaped}");
    }
}
