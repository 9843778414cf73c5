//! Who a clip shows, and how sure that is.

use std::collections::BTreeSet;

use regex::Regex;

use super::Clip;
use crate::data::filename::clip_key;
use crate::error::{Error, Result};
use crate::formats::csv::table::{CsvRow, CsvTable};

/// Where the actors of a table come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ActorSource {
    /// The column `actor`; where its cell is empty, the name.
    Column,
    /// This pattern, applied to the names.
    Pattern(String),
    /// The part of each name before its first `_`: a guess.
    Names,
    /// Nothing tells them.
    #[default]
    Unknown,
}

impl std::fmt::Display for ActorSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Column => f.write_str("from the column actor"),
            Self::Pattern(pattern) => write!(f, "from the names, by the pattern {pattern}"),
            Self::Names => f.write_str("from the names: the part before the first `_`"),
            Self::Unknown => f.write_str("unknown"),
        }
    }
}

/// A regular expression whose only capture group is the actor in a clip's name.
#[derive(Clone, Debug)]
pub struct ActorPattern {
    regex: Regex,
}

impl ActorPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`Error::Config`] for text that is no regular expression, or has not exactly one capture group.
    pub fn new(text: &str) -> Result<Self> {
        let fault = |reason: String| Error::Config {
            field: "data.actor_pattern".into(),
            reason,
        };
        let regex = Regex::new(text).map_err(|error| {
            let error = error.to_string();
            let last = error.lines().last().unwrap_or_default();
            let last = last.trim_start_matches("error: ");
            fault(format!("{text:?} is not a regular expression: {last}"))
        })?;
        match regex.captures_len() - 1 {
            1 => Ok(Self { regex }),
            groups => Err(fault(format!(
                "{text:?} has {groups} capture groups; expected one, around the actor, as in ^(\\d\\d)"
            ))),
        }
    }

    /// The pattern.
    pub fn text(&self) -> &str {
        self.regex.as_str()
    }

    /// The actor in a clip's name without its media extension; `None` if the pattern does not match.
    pub fn actor<'a>(&self, key: &'a str) -> Option<&'a str> {
        let actor = self.regex.captures(key)?.get(1)?.as_str();
        (!actor.is_empty()).then_some(actor)
    }
}

/// Finds the actors of a table's clips.
pub(super) struct ActorFinder<'a> {
    pub(super) pattern: Option<&'a ActorPattern>,
    /// The column `actor`.
    pub(super) column: Option<usize>,
}

impl ActorFinder<'_> {
    /// The actor of a row, whose clip has this key.
    pub(super) fn of(&self, row: &CsvRow, key: &str) -> Option<String> {
        if let Some(pattern) = self.pattern {
            return pattern.actor(key).map(str::to_owned);
        }
        match self.cell(row) {
            "" => {
                let (actor, _) = key.split_once('_')?;
                (!actor.is_empty()).then(|| actor.to_owned())
            }
            cell => Some(cell.to_owned()),
        }
    }

    fn cell<'r>(&self, row: &'r CsvRow) -> &'r str {
        self.column.map_or("", |column| row.cell(column))
    }

    /// Refuses a clip without an actor where a pattern should have found one.
    pub(super) fn check_matched(&self, name: &str) -> std::result::Result<(), String> {
        self.pattern.map_or(Ok(()), |pattern| {
            Err(format!(
                "{name:?} does not match the pattern of the actors, {}; expected a match in every name",
                pattern.text()
            ))
        })
    }

    /// Where the actors of all rows come from.
    pub(super) fn source(&self, table: &CsvTable, clips: &[Clip]) -> ActorSource {
        let column_tells = || table.rows().iter().any(|row| !self.cell(row).is_empty());
        match self.pattern {
            Some(pattern) => ActorSource::Pattern(pattern.text().to_owned()),
            None if column_tells() => ActorSource::Column,
            None if clips.iter().any(|clip| clip.actor.is_some()) => ActorSource::Names,
            None => ActorSource::Unknown,
        }
    }
}

/// The names of a public corpus whose actors are not before the first `_`.
struct Corpus {
    name: &'static str,
    /// What all names look like.
    names: &'static str,
    /// What finds the actor, or the smallest group that no actor leaves.
    pattern: &'static str,
    /// What the pattern finds.
    finds: &'static str,
}

const CORPORA: [Corpus; 4] = [
    Corpus {
        name: "RAVDESS",
        names: r"^\d\d(-\d\d){6}$",
        pattern: r"-(\d\d)$",
        finds: "the actor",
    },
    Corpus {
        name: "EmoDB",
        names: r"^\d\d[a-z]\d\d[A-Z][a-z]?$",
        pattern: r"^(\d\d)",
        finds: "the speaker",
    },
    Corpus {
        name: "IEMOCAP",
        names: r"^Ses\d\d[FM]_",
        pattern: r"^(Ses\d\d)",
        finds: "the session, whose two speakers are in all of its clips",
    },
    Corpus {
        name: "MELD",
        names: r"^dia\d+_utt\d+$",
        pattern: r"^(dia\d+)",
        finds: "the dialogue; the names do not tell the speaker",
    },
];

/// What to know before folds, intervals and comparisons by actor are believed, one line each.
pub fn warnings(clips: &[Clip], source: &ActorSource) -> Vec<String> {
    let mut warnings = Vec::new();
    let known: BTreeSet<&str> = clips.iter().filter_map(|c| c.actor.as_deref()).collect();
    let unknown = clips.iter().filter(|clip| clip.actor.is_none()).count();
    let remedy = "add a column actor, or say where names have it with data.actor_pattern=REGEX";
    if *source != ActorSource::Column
        && !matches!(source, ActorSource::Pattern(_))
        && let Some(corpus) = corpus(clips)
    {
        warnings.push(format!(
            "the names look like those of {}, which do not begin with the actor: data.actor_pattern='{}' finds {}",
            corpus.name, corpus.pattern, corpus.finds
        ));
    }
    if unknown == clips.len() {
        warnings.push(format!(
            "actors are unknown, so it cannot be checked whether one is in several folds, and clips count as independent: {remedy}"
        ));
        return warnings;
    }
    if unknown > 0 {
        warnings.push(format!(
            "the actors of {unknown} of {} clips are unknown; each of these clips counts as independent: {remedy}",
            clips.len()
        ));
    }
    let told = clips.len() - unknown;
    if known.len() == 1 && told > 1 {
        warnings.push(format!(
            "all clips have the same actor, {} ({source}), as if actors were unknown; if that is wrong, {remedy}",
            quoted(known.iter().copied())
        ));
    } else if known.len() == told && told > 2 {
        warnings.push(format!(
            "every clip has another actor, such as {} ({source}); if these are no actors, {remedy}",
            quoted(known.iter().take(2).copied())
        ));
    } else if *source == ActorSource::Names && known.iter().all(|name| is_number(name)) {
        warnings.push(format!(
            "the actors are numbers, such as {} ({source}), which may number something else; if so, {remedy}",
            quoted(known.iter().take(2).copied())
        ));
    }
    warnings
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<String> = names.map(|name| format!("{name:?}")).collect();
    names.join(", ")
}

fn is_number(name: &str) -> bool {
    name.chars().all(|c| c.is_ascii_digit())
}

/// The corpus whose names all clips have.
fn corpus(clips: &[Clip]) -> Option<&'static Corpus> {
    CORPORA.iter().find(|corpus| {
        Regex::new(corpus.names).is_ok_and(|names| {
            clips
                .iter()
                .all(|clip| names.is_match(clip_key(&clip.filename)))
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::metadata::{Metadata, Reading};

    fn table(names: &[&str], reading: &Reading<'_>) -> Result<Metadata> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("m.csv");
        let rows: String = names.iter().map(|name| format!("{name},ang\n")).collect();
        std::fs::write(&path, format!("filename,emotion_1\n{rows}")).unwrap();
        Metadata::read_with(&path, reading)
    }

    fn by(pattern: &str) -> Reading<'static> {
        Reading {
            actor_pattern: Some(ActorPattern::new(pattern).unwrap()),
            ..Reading::default()
        }
    }

    #[test]
    fn a_pattern_finds_actors_wherever_names_have_them() {
        for (names, pattern, actors) in [
            (
                ["03-01-06-01-02-01-12.mp4", "03-01-06-01-02-01-13"],
                r"-(\d\d)$",
                ["12", "13"],
            ),
            (["03a01Fa.wav", "16b10Wb"], r"^(\d\d)", ["03", "16"]),
            (
                ["Ses01F_impro01_M003", "Ses02M_script01_F001"],
                r"^(Ses\d\d)",
                ["Ses01", "Ses02"],
            ),
        ] {
            let found = table(&names, &by(pattern)).unwrap();
            let seen: Vec<_> = found
                .clips
                .iter()
                .filter_map(|c| c.actor.as_deref())
                .collect();
            assert_eq!(seen, actors);
            assert_eq!(found.actors, ActorSource::Pattern(pattern.into()));
            // Before the pattern was given, the corpus was recognised and the pattern suggested.
            let guessed = table(&names, &Reading::default()).unwrap();
            let warned = warnings(&guessed.clips, &guessed.actors).join("\n");
            assert!(
                warned.contains(&format!("data.actor_pattern='{pattern}'")),
                "{warned}"
            );
        }
    }

    #[test]
    fn a_clip_that_the_pattern_does_not_match_is_named() {
        let message = table(&["12_a", "x_b"], &by(r"^(\d\d)"))
            .unwrap_err()
            .to_string();
        assert!(
            message.contains("line 3, column filename") && message.contains("\"x_b\""),
            "{message}"
        );
    }

    #[test]
    fn patterns_without_one_group_are_refused() {
        for (pattern, part) in [
            (r"^\d\d", "0 capture groups"),
            (r"^(\d)(\d)", "2 capture groups"),
            ("(", "is not a regular expression"),
        ] {
            let message = ActorPattern::new(pattern).unwrap_err().to_string();
            assert!(
                message.contains("data.actor_pattern") && message.contains(part),
                "{message}"
            );
            assert!(!message.contains('\n'), "{message}");
        }
    }

    #[test]
    fn doubtful_actors_are_told() {
        for (names, part) in [
            (&["a", "b", "c"][..], "actors are unknown"),
            (&["A1_x", "b", "A1_y"], "of 1 of 3 clips are unknown"),
            (&["test_1", "test_2", "test_3"], "the same actor, \"test\""),
            (
                &["a_1", "b_1", "c_1"],
                "every clip has another actor, such as \"a\", \"b\"",
            ),
            (
                &["01_a", "01_b", "02_a"],
                "the actors are numbers, such as \"01\", \"02\"",
            ),
        ] {
            let found = table(names, &Reading::default()).unwrap();
            let warned = warnings(&found.clips, &found.actors).join("\n");
            assert!(warned.contains(part), "{names:?}: {warned}");
        }
        let found = table(&["A1_a", "A1_b", "A2_a"], &Reading::default()).unwrap();
        assert!(warnings(&found.clips, &found.actors).is_empty());
        assert_eq!(found.actors, ActorSource::Names);
    }
}
