//! The page of answers on the same clips, side by side.

use super::drawings;
use super::shell::{Section, shell};
use super::tables::{self, folded, named_rows, paragraph};
use super::tiles::{Tile, counted, html, sentence};
use crate::analysis::compare::{Compared, ComparedSide};
use crate::eval::statistics::Verdict;
use crate::report::compare::{CompareTables, figure};
use crate::report::figure::canvas::escaped;
use crate::report::main_measure::Drawn;
use crate::report::table::Table;

/// How many sides the title names.
const NAMED: usize = 3;

/// The page of a comparison. Its tables and its figure are those of [`report::compare`], with all clips that
/// flip.
///
/// [`report::compare`]: crate::report::compare
pub fn of_comparison(found: &Compared) -> String {
    let tables = CompareTables::of(found, usize::MAX);
    let mut results = match figure(found) {
        Some(figure) => drawings::embedded(&[figure]),
        None => paragraph("No figure: no side has a difference from the reference."),
    };
    results += &tables::html(&tables.sides, &tables.sides.title, None);
    results += &folded("How to read the numbers", &notes(&tables.sides));
    results += &shown(&tables.differences);
    let parts = shown(&tables.by_kind) + &shown(&tables.by_class);
    let mut flips = shown(&tables.flips);
    flips += &match &tables.flipped {
        Some(table) => shown(table),
        None => paragraph("No clip flips."),
    };
    let mut sections: Vec<Section> = vec![
        ("summary", "Summary", summary(found, &tables)),
        ("results", "Results", results),
        ("parts", "Parts of the clips", parts),
        ("flips", "Clips that flip", flips),
        ("sides", "Sides", sides(found)),
    ];
    sections.retain(|(_, _, html)| !html.is_empty());
    shell(&title(found), &sections)
}

fn title(found: &Compared) -> String {
    let names = found.sides.iter().map(|side| side.side.name.as_str());
    let names: Vec<&str> = names.take(NAMED).collect();
    match found.sides.len().saturating_sub(NAMED) {
        0 => names.join(" and "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// A table with its notes below; nothing where it has no row.
fn shown(table: &Table) -> String {
    if table.rows().is_empty() {
        return String::new();
    }
    tables::html(table, &table.title, None) + &notes(table)
}

fn notes(table: &Table) -> String {
    table.notes.iter().map(|note| paragraph(note)).collect()
}

fn summary(found: &Compared, tables: &CompareTables) -> String {
    let drawn = Drawn::of(found.main);
    let mut tiles: Vec<Tile> = best_difference(found, &drawn).into_iter().collect();
    tiles.extend(found.sides.iter().enumerate().map(|(place, side)| {
        let role = match place == found.reference {
            true => "reference; ",
            false => "",
        };
        scored(side, role, &drawn)
    }));
    tiles.push(Tile::new(
        "Clips",
        found.names.len().to_string(),
        found.task.in_words(),
    ));
    let notes = tables.sides.notes.iter();
    let conclusions = notes.filter_map(|note| note.strip_prefix("CONCLUSION: "));
    let conclusions = conclusions
        .map(|text| format!("<p class=\"conclusion\">{}</p>\n", escaped(&sentence(text))));
    html(&tiles, true) + &conclusions.collect::<String>()
}

/// The difference of the side that differs most to the better from the reference.
fn best_difference(found: &Compared, drawn: &Drawn) -> Option<Tile> {
    let sides = found.sides.iter().filter_map(|side| {
        let against = side.significance.against.as_ref()?;
        Some((side, against.judged()))
    });
    let higher = found.main.higher_is_better();
    let (side, difference) = sides.reduce(|a, b| {
        match (b.1.estimate > a.1.estimate) == higher && b.1.estimate != a.1.estimate {
            true => b,
            false => a,
        }
    })?;
    let reference = &found.sides[found.reference].side.name;
    let which = match found.sides.len() {
        2 => String::new(),
        sides => format!(", the best of {}", counted(sides - 1, "other side")),
    };
    let verdict = match side.significance.verdict()? {
        Verdict::Better => "better beyond noise",
        Verdict::Worse => "worse beyond noise",
        Verdict::WithinNoise => "within noise",
    };
    let interval = difference.interval.map_or(String::new(), |ends| {
        format!(
            ", 95 % interval {} to {}",
            drawn.signed(ends.low),
            drawn.difference(ends.high)
        )
    });
    Some(Tile::new(
        format!(
            "{}: {} minus {reference}",
            sentence(drawn.name),
            side.side.name
        ),
        drawn.difference(difference.estimate),
        format!("{verdict}{interval}{which}"),
    ))
}

/// A side's own score with its interval.
fn scored(side: &ComparedSide, role: &str, drawn: &Drawn) -> Tile {
    let name = side.side.name.clone();
    let intervals = &side.significance.intervals;
    match intervals.main.or(intervals.average) {
        Some(interval) => Tile::new(
            name,
            drawn.value(interval.estimate),
            format!(
                "{role}95 % interval {} to {}, bootstrap over {}",
                drawn.plain(interval.low),
                drawn.value(interval.high),
                intervals.unit.counted(intervals.actors)
            ),
        ),
        None => Tile::new(name, "no score", role.trim_end_matches("; ")),
    }
}

/// What each side is.
fn sides(found: &Compared) -> String {
    let rows = found.sides.iter().map(|side| {
        let side = &side.side;
        let seeds = counted(side.seeds.len(), "seed");
        [
            side.name.clone(),
            side.path.display().to_string(),
            side.kind.to_owned(),
            seeds,
        ]
        .to_vec()
    });
    let rows: Vec<Vec<String>> = rows.collect();
    named_rows(
        "What was compared",
        &["Side", "Path", "Answers", "Seeds"],
        &rows,
    )
}
