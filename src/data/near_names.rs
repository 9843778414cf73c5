//! Names of clips that probably mean the same clip, though they are not equal: another case, Unicode
//! form, folder, extension or separator, or leading zeros.
//!
//! They are never joined; who reads the data is told a pair.

use std::collections::HashMap;
use std::fmt;

use unicode_normalization::UnicodeNormalization;

use super::filename::MEDIA_EXTENSIONS;

/// Extensions of tables, arrays and pictures that tools leave in clip names.
const OTHER_EXTENSIONS: [&str; 11] = [
    "npy", "npz", "csv", "json", "txt", "pt", "pkl", "h5", "png", "jpg", "jpeg",
];

/// Names that two lists write differently.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NearNames {
    /// Number of names of the first list with a similar name in the second.
    pub count: usize,
    /// The first of these.
    pub first: String,
    /// The similar name in the second list.
    pub second: String,
}

impl NearNames {
    /// Compares names that were not joined; `None` if none are similar.
    pub fn find<'a>(
        first: impl IntoIterator<Item = &'a str>,
        second: impl IntoIterator<Item = &'a str>,
    ) -> Option<NearNames> {
        let mut first = first.into_iter().peekable();
        first.peek()?;
        let second = second.into_iter().map(|name| (simplified(name), name));
        let second: HashMap<String, &str> = second.collect();
        let mut found: Option<NearNames> = None;
        for name in first {
            let Some(similar) = second.get(&simplified(name)) else {
                continue;
            };
            let found = found.get_or_insert_with(|| NearNames {
                count: 0,
                first: name.to_owned(),
                second: (*similar).to_owned(),
            });
            found.count += 1;
        }
        found
    }
}

/// `"a1_x" and "A1_x"`, with everything that looks the same escaped.
impl fmt::Display for NearNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Debug escapes combining marks, which look like the composed letter.
        write!(f, "{:?} and {:?}", self.first, self.second)
    }
}

/// How the names of a file look beside those of a table, if none of them match: one of each, and the cause if
/// it is plain.
pub fn unlike(name: &str, clip: &str) -> String {
    let cause = if name.starts_with("b'") || name.starts_with("b\"") {
        "; they are bytes turned into text, decode them, e.g. [name.decode() for name in names]"
    } else if simplified(name) == simplified(clip) {
        "; write names alike"
    } else {
        ""
    };
    format!("its filenames look like {name:?}, those of the metadata like {clip:?}{cause}")
}

/// A name without what tools change: lower case, composed, without folders, known extensions and leading
/// zeros, and with one kind of separator. A float such as `1.0` is its integer.
fn simplified(name: &str) -> String {
    // Bytes, or a batch of one, that Python turned into text.
    let wrapped = [("b'", "'"), ("b\"", "\""), ("('", "',)")];
    let bare = wrapped
        .into_iter()
        .find_map(|(start, end)| name.trim().strip_prefix(start)?.strip_suffix(end));
    let name: String = bare.unwrap_or(name).trim().nfc().collect();
    let mut name = name.rsplit(['/', '\\']).next().unwrap_or_default();
    while let Some((stem, extension)) = name.rsplit_once('.') {
        let of = |known: &&str| extension.eq_ignore_ascii_case(known);
        let float = extension == "0" && stem.bytes().all(|byte| byte.is_ascii_digit());
        let known = MEDIA_EXTENSIONS.iter().any(of) || OTHER_EXTENSIONS.iter().any(of);
        if stem.is_empty() || !(known || float) {
            break;
        }
        name = stem;
    }
    let mut simple = String::with_capacity(name.len());
    let mut letters = name.chars().flat_map(char::to_lowercase).peekable();
    let mut in_number = false;
    while let Some(letter) = letters.next() {
        let before_digit = letters.peek().is_some_and(char::is_ascii_digit);
        if letter == '0' && !in_number && before_digit {
            continue;
        }
        in_number = letter.is_ascii_digit();
        simple.push(match letter {
            '-' | ' ' => '_',
            other => other,
        });
    }
    simple
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_change_is_ignored() {
        for (name, other) in [
            ("A1_c0", "a1_C0"),
            ("A1_c0", "A1_c0.mp4.npy"),
            ("A1_c0.mov", "features/x/A1_c0.npy"),
            ("A1_c0", "D:\\clips\\A1_c0.png"),
            ("A1_c0", "b'A1_c0.mp4'"),
            ("A1_c0", "('A1_c0',)"),
            ("1", "001"),
            ("1", "1.0"),
            ("clip 7", "clip-007"),
            ("M\u{fc}ller", "Mu\u{308}ller"),
        ] {
            assert_eq!(simplified(name), simplified(other), "{name} {other}");
        }
    }

    #[test]
    fn what_tells_clips_apart_is_kept() {
        for (name, other) in [
            ("clip_1", "clip_10"),
            ("clip_0", "clip_00x1"),
            ("take.v1", "take.v2"),
            ("1.5", "1"),
            ("a_b", "ab"),
            ("0", ""),
        ] {
            assert_ne!(simplified(name), simplified(other), "{name} {other}");
        }
    }

    #[test]
    fn pairs_are_counted_and_the_first_is_named() {
        let near = NearNames::find(["x", "A2", "A1"], ["a1", "a2", "b"]).unwrap();
        assert_eq!(near.count, 2);
        assert_eq!(near.to_string(), r#""A2" and "a2""#);
        assert_eq!(NearNames::find(["x"], ["y"]), None);
        assert_eq!(NearNames::find([], ["y"]), None);
    }
}
