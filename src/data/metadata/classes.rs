//! Classes that are probably one, or none.

use unicode_normalization::UnicodeNormalization;

use super::labels::Form;
use crate::Result;
use crate::data::label::Classes;
use crate::formats::csv::table::CsvTable;

/// What label tables call clips that annotators did not agree on, or did not label, in lower case.
const NO_AGREEMENT: [&str; 16] = [
    "xxx",
    "oth",
    "other",
    "others",
    "no agreement",
    "no_agreement",
    "disagreement",
    "unknown",
    "undefined",
    "mixed",
    "<mixed>",
    "-",
    "nan",
    "none",
    "null",
    "n/a",
];

/// What stands between the emotions of a tie.
const JOINTS: [char; 6] = [':', ';', ',', '|', '+', '/'];

/// Whether two names of classes are alike.
type Alike = fn(&str, &str) -> bool;

/// Refuses classes whose names differ only in case or blanks (`Ang`, `ang`), are the same number (`1`,
/// `1.0`), or look the same: more likely a slip than two emotions.
///
/// # Errors
/// [`crate::Error::Csv`] naming all such pairs, with what to do.
pub(super) fn check_different(table: &CsvTable, form: &Form, classes: &Classes) -> Result<()> {
    let kinds: [(Alike, &str, &str); 3] = [
        (same_letters, "differ only in case or blanks", ""),
        (
            same_number,
            "are the same number",
            " (pandas turns whole numbers into floats where a column has empty cells)",
        ),
        (same_composed, "differ only in their Unicode form", ""),
    ];
    for (alike, how, why) in kinds {
        let names = classes.names();
        let mut pairs = Vec::new();
        for (place, name) in names.iter().enumerate() {
            let first = names[..place].iter().find(|other| alike(other, name));
            pairs.extend(first.map(|first| (first, name)));
        }
        let Some((_, second)) = pairs.first() else {
            continue;
        };
        let listed: Vec<String> = pairs
            .iter()
            .map(|(a, b)| format!("{a:?} and {b:?}"))
            .collect();
        let reason = format!(
            "classes {how}: {}{why}; write each emotion in one way, or, if they are different emotions, \
             list all classes in data.classes",
            listed.join(", ")
        );
        let line = match form {
            Form::Emotions(columns) => columns.first_line(table, second),
            Form::Proportions(_) => Some(1),
        };
        return Err(table.fault(line, None, reason));
    }
    Ok(())
}

/// Warnings of classes that probably are no emotions of their own, one line each.
pub(super) fn warnings(classes: &Classes) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut joined = classes.names().iter().filter_map(|name| {
        let parts: Vec<&str> = name.split(JOINTS).map(str::trim).collect();
        let known = |part: &&str| classes.index(part).is_some();
        (parts.len() > 1 && parts.iter().all(known)).then(|| (name, parts.join(" and ")))
    });
    if let Some((name, parts)) = joined.next() {
        let more = match joined.count() {
            0 => String::new(),
            more => format!(" (and {more} more such classes)"),
        };
        warnings.push(format!(
            "class {name:?} joins {parts}, which are classes themselves{more}: write blends as emotion_1 and emotion_2 with saliences, or leave these clips out"
        ));
    }
    let unclear = classes.names().iter().filter(|name| {
        let bare = name.trim().to_lowercase();
        NO_AGREEMENT.contains(&bare.as_str()) || ["X", "O"].contains(&name.trim())
    });
    let unclear: Vec<&str> = unclear.map(String::as_str).collect();
    if !unclear.is_empty() {
        warnings.push(format!(
            "the class {} usually marks clips without an agreed label and is trained like an emotion: leave these clips out if so",
            unclear.join(", ")
        ));
    }
    warnings
}

fn same_letters(a: &str, b: &str) -> bool {
    let bare = |name: &str| -> String {
        let letters = name.chars().filter(|c| !c.is_whitespace());
        letters.flat_map(char::to_lowercase).collect()
    };
    bare(a) == bare(b)
}

fn same_number(a: &str, b: &str) -> bool {
    let number = |name: &str| name.trim().parse::<f64>().ok().filter(|x| x.is_finite());
    number(a).is_some() && number(a) == number(b)
}

fn same_composed(a: &str, b: &str) -> bool {
    let composed = |name: &str| same_case(name.nfc().collect());
    composed(a) == composed(b)
}

fn same_case(name: String) -> String {
    name.trim().to_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_classes_and_those_without_agreement_are_named() {
        let of = |names: &[&str]| warnings(&Classes::new(names.iter().copied()));
        let joined = of(&["A", "D", "A:D", "A;D"]);
        assert!(joined[0].contains("\"A:D\" joins A and D"), "{joined:?}");
        assert!(joined[0].contains("1 more"), "{joined:?}");
        assert!(of(&["ang", "sad", "xxx"])[0].contains("class xxx usually"));
        assert!(of(&["A", "X"])[0].contains("class X usually"));
        for names in [&["A", "A:B"][..], &["ang", "a+", "x"], &["ang", "neu"]] {
            assert!(of(names).is_empty(), "{names:?}");
        }
    }

    #[test]
    fn names_that_look_alike_are_the_same() {
        assert!(same_number("1", "1.0") && same_number("01", "1"));
        assert!(!same_number("1", "2") && !same_number("nan", "nan"));
        assert!(same_composed("d\u{e9}go\u{fb}t", "de\u{301}gou\u{302}t"));
        assert!(!same_composed("degout", "d\u{e9}go\u{fb}t"));
    }
}
