//! The tables of answers on the same clips, side by side.

use serde_json::{Value, json};

use super::figure::Figure;
use super::figure::forest::{Estimate, Forest, MARKS};
use super::main_measure;
use super::main_measure::Drawn;
use super::significance;
use super::table::{Cell, DIGITS, Table};
use crate::analysis::compare::{Compared, ComparedSide, MEASURES, Part, PartScore};
use crate::data::label::Blend;
use crate::eval::measures::MEASURES as ALL_MEASURES;
use crate::eval::statistics::{Difference, Verdict};
use crate::predict::explain::decision;

/// How many clips that flip are listed for each side where people read them in a terminal or in Markdown.
pub const LISTED: usize = 20;

/// All tables.
#[derive(Clone, Debug, PartialEq)]
pub struct CompareTables {
    /// One row per side: its measures, and how it compares with the reference.
    pub sides: Table,
    /// The differences from the reference in every measure that has an interval.
    pub differences: Table,
    /// By kind of clip.
    pub by_kind: Table,
    /// By emotion shown.
    pub by_class: Table,
    /// How many clips flip.
    pub flips: Table,
    /// Which clips flip; none where none does.
    pub flipped: Option<Table>,
}

impl CompareTables {
    /// The tables, with at most `listed` clips that flip for each side.
    pub fn of(found: &Compared, listed: usize) -> Self {
        Self {
            sides: sides(found),
            differences: differences(found),
            by_kind: parts(found, &found.by_kind, "By kind of clip", "Kind"),
            by_class: parts(found, &found.by_class, "By emotion shown", "Emotion"),
            flips: flips(found),
            flipped: flipped(found, listed),
        }
    }

    /// In the order in which they are read.
    pub fn in_order(&self) -> Vec<&Table> {
        let always = [
            &self.sides,
            &self.differences,
            &self.by_kind,
            &self.by_class,
            &self.flips,
        ];
        always.into_iter().chain(&self.flipped).collect()
    }
}

/// One row per side: its measures, and how it compares with the reference.
fn sides(found: &Compared) -> Table {
    let shown: Vec<(&'static str, &'static str)> = MEASURES
        .iter()
        .filter(|name| found.sides.iter().any(|side| measure(side, name).is_some()))
        .filter_map(|name| ALL_MEASURES.iter().find(|measure| measure.name == *name))
        .map(|measure| (measure.name, measure.title))
        .collect();
    let mut columns = vec![
        ("side", "Side"),
        ("seeds", "Seeds"),
        ("acc_presence", "ACC_presence"),
        ("acc_salience", "ACC_salience"),
        ("average", "Average"),
    ];
    columns.extend(main_measure::column(found.main));
    columns.extend(&shown);
    columns.extend(significance::columns(found.main));
    let title = format!("{} clips, {}", found.names.len(), found.task.in_words());
    let mut table = Table::new(title, &columns);
    for side in &found.sides {
        let intervals = &side.significance.intervals;
        let estimate = |interval: Option<crate::eval::statistics::Interval>| {
            Cell::number(interval.map(|interval| interval.estimate))
        };
        let average = intervals.average.filter(|_| intervals.salience.is_some());
        let mut cells = vec![
            Cell::text(&side.side.name),
            Cell::Count(side.side.seeds.len() as u64),
            estimate(intervals.presence),
            estimate(intervals.salience),
            estimate(average),
        ];
        cells.extend(main_measure::column(found.main).map(|_| estimate(intervals.main)));
        cells.extend(
            shown
                .iter()
                .map(|(name, _)| Cell::number(measure(side, name))),
        );
        cells.extend(significance::cells_of(Some(&side.significance)));
        table.row(cells);
    }
    notes(found, &mut table);
    table
}

fn measure(side: &ComparedSide, name: &str) -> Option<f64> {
    let found = side.measures.iter().find(|(known, _)| *known == name);
    found.and_then(|(_, value)| *value)
}

fn notes(found: &Compared, table: &mut Table) {
    main_measure::note(table, found.main);
    if let Some(note) = found.main_note {
        table.notes.push(format!("Main measure: {note}."));
    }
    let reference = &found.sides[found.reference];
    table
        .notes
        .push(significance::basis(&reference.significance));
    let of = |verdict: Verdict| -> Vec<&str> {
        let sides = found.sides.iter();
        let sides = sides.filter(|side| side.significance.verdict() == Some(verdict));
        sides.map(|side| side.side.name.as_str()).collect()
    };
    let (better, worse, noise) = (
        of(Verdict::Better),
        of(Verdict::Worse),
        of(Verdict::WithinNoise).len(),
    );
    let name = &reference.side.name;
    table.notes.push(format!(
        "Difference: the side minus \"{name}\" on the same clips; p: permutation test, exchanging the two actor by actor; Holm: adjusted for the {} of this table.",
        match found.sides.len() - 1 {
            1 => "1 comparison".to_owned(),
            several => format!("{several} comparisons"),
        }
    ));
    table
        .notes
        .push(significance::conclusion(name, &better, &worse, noise));
    for side in &found.sides {
        if let Some(note) = &side.side.note {
            table.notes.push(format!("{} {note}.", side.side.name));
        }
    }
}

/// The differences from the reference in every measure that has an interval.
fn differences(found: &Compared) -> Table {
    let columns = [
        ("side", "Side"),
        ("measure", "Measure"),
        ("difference", "Difference"),
        ("difference_interval", "95 % interval"),
    ];
    let name = &found.sides[found.reference].side.name;
    let mut table = Table::new(format!("Differences from {name}"), &columns);
    for side in &found.sides {
        let Some(against) = &side.significance.against else {
            continue;
        };
        let average = against.salience.is_some().then_some(against.average);
        let main = against.main.map(|main| main.difference);
        let column = main_measure::column(found.main).map(|(_, heading)| heading);
        for (measure, difference) in [
            (Some("ACC_presence"), against.presence),
            (Some("ACC_salience"), against.salience),
            (Some("Average"), average),
            (column, main),
        ] {
            let (Some(measure), Some(difference)) = (measure, difference) else {
                continue;
            };
            let mut cells = vec![Cell::text(&side.side.name), Cell::text(measure)];
            cells.extend(difference_cells(&difference));
            table.row(cells);
        }
    }
    table
}

fn difference_cells(difference: &Difference) -> [Cell; 2] {
    [
        Cell::Difference(difference.estimate, DIGITS),
        significance::ends(difference.interval.as_ref()),
    ]
}

fn part_name(part: &Part) -> String {
    match part {
        Part::Single => "one emotion".into(),
        Part::Blend => "blends".into(),
        Part::Class(name) => name.clone(),
    }
}

/// One row per part and side.
fn parts(found: &Compared, scores: &[PartScore], title: &str, heading: &str) -> Table {
    let of_classes = scores.iter().any(|score| score.detection.is_some());
    let mut columns = vec![
        ("part", heading),
        ("clips", "Clips"),
        ("side", "Side"),
        ("acc_presence", "ACC_presence"),
    ];
    match of_classes {
        true => columns.extend([
            ("precision", "Precision"),
            ("recall", "Recall"),
            ("f1", "F1"),
        ]),
        false => columns.push(("acc_salience", "ACC_salience")),
    }
    columns.extend([
        ("difference", "Difference in ACC_presence"),
        ("difference_interval", "95 % interval"),
        ("p", "p"),
    ]);
    let mut table = Table::new(title, &columns);
    for score in scores {
        let mut cells = vec![
            Cell::Text(part_name(&score.part)),
            Cell::Count(score.clips as u64),
            Cell::text(&found.sides[score.side].side.name),
            Cell::number(score.accuracy.presence()),
        ];
        match &score.detection {
            Some(found) => {
                cells.extend([found.precision(), found.recall(), found.f1()].map(Cell::number))
            }
            None => cells.push(Cell::number(score.accuracy.salience())),
        }
        let against = score.against.as_ref();
        let difference = against.and_then(|against| against.presence);
        cells.extend(difference.map_or([Cell::Empty, Cell::Empty], |d| difference_cells(&d)));
        cells.push(against.map_or(Cell::Empty, |against| Cell::Number(against.test.p, 5)));
        table.row(cells);
    }
    if !scores.is_empty() {
        table
            .notes
            .push("These p-values are not adjusted for their number.".into());
    }
    table
}

/// How many clips flip.
fn flips(found: &Compared) -> Table {
    let columns = [
        ("side", "Side"),
        ("both", "Both right"),
        ("gained", "Only the side right"),
        ("lost", "Only the reference right"),
        ("neither", "Both wrong"),
    ];
    let name = &found.sides[found.reference].side.name;
    let mut table = Table::new(format!("Clips that flip against {name}"), &columns);
    for side in &found.sides {
        let Some(flips) = &side.flips else { continue };
        let counts = [flips.both, flips.gained(), flips.lost(), flips.neither];
        let mut cells = vec![Cell::text(&side.side.name)];
        cells.extend(counts.map(|count| Cell::Count(count as u64)));
        table.row(cells);
    }
    table.notes.push("Right: exactly the emotions of the clip, whatever their proportions; of several seeds the most frequent answer.".into());
    table
}

/// The clips that flip, the first `listed` of each side.
fn flipped(found: &Compared, listed: usize) -> Option<Table> {
    let columns = [
        ("side", "Side"),
        ("clip", "Clip"),
        ("truth", "Truth"),
        ("reference", "Reference says"),
        ("answer", "Side says"),
        ("right", "Right"),
    ];
    let mut table = Table::new("Which clips flip", &columns);
    let told = |blend: &Blend| Cell::Text(decision(blend, &found.classes));
    for side in &found.sides {
        let Some(flips) = &side.flips else { continue };
        let name = &side.side.name;
        for flip in flips.flips.iter().take(listed) {
            table.row(vec![
                Cell::text(name),
                Cell::text(&found.names[flip.clip]),
                told(&found.truths[flip.clip]),
                told(&flip.reference),
                told(&flip.answer),
                Cell::text(if flip.gained { "side" } else { "reference" }),
            ]);
        }
        let more = flips.flips.len().saturating_sub(listed);
        if more > 0 {
            table
                .notes
                .push(format!("{name}: and {more} more, which the JSON has."));
        }
    }
    (!table.rows().is_empty()).then_some(table)
}

/// Everything as JSON.
pub fn json(found: &Compared) -> Value {
    let sides = found.sides.iter().map(|side| {
        let measures = side
            .measures
            .iter()
            .map(|(name, value)| ((*name).to_owned(), json!(value)));
        let measures: serde_json::Map<String, Value> = measures.collect();
        json!({
            "name": side.side.name,
            "path": side.side.path,
            "kind": side.side.kind,
            "seeds": side.side.seeds.len(),
            "note": side.side.note,
            "measures": measures,
            "certainty": side.significance,
            "verdict": side.significance.verdict(),
            "flips": side.flips.as_ref().map(|flips| json!({
                "both": flips.both,
                "gained": flips.gained(),
                "lost": flips.lost(),
                "neither": flips.neither,
                "clips": flips.flips.iter().map(|flip| json!({
                    "clip": found.names[flip.clip],
                    "truth": decision(&found.truths[flip.clip], &found.classes),
                    "reference": decision(&flip.reference, &found.classes),
                    "answer": decision(&flip.answer, &found.classes),
                    "gained": flip.gained,
                })).collect::<Vec<_>>(),
            })),
        })
    });
    let part = |score: &PartScore| {
        json!({
            "part": score.part,
            "clips": score.clips,
            "side": found.sides[score.side].side.name,
            "acc_presence": score.accuracy.presence(),
            "acc_salience": score.accuracy.salience(),
            "precision": score.detection.and_then(|d| d.precision()),
            "recall": score.detection.and_then(|d| d.recall()),
            "f1": score.detection.and_then(|d| d.f1()),
            "against": score.against,
        })
    };
    json!({
        "clips": found.names.len(),
        "classes": found.classes.names(),
        "main_measure": found.main,
        "reference": found.sides[found.reference].side.name,
        "table": sides_table_json(found),
        "sides": sides.collect::<Vec<_>>(),
        "by_kind": found.by_kind.iter().map(part).collect::<Vec<_>>(),
        "by_class": found.by_class.iter().map(part).collect::<Vec<_>>(),
    })
}

fn sides_table_json(found: &Compared) -> Value {
    sides(found).json()
}

/// The figure of the differences from the reference in the main measure, each with its interval at the
/// confidence that Holm's procedure asks of it; `None` if nothing is compared.
pub fn figure(found: &Compared) -> Option<Figure> {
    let drawn = Drawn::of(found.main);
    let scaled = |value: f64| drawn.scale * value;
    let sides = found.sides.iter().filter_map(|side: &ComparedSide| {
        let difference = side.significance.against.as_ref()?.judged();
        let ends = side.significance.holm_interval.or(difference.interval);
        Some(Estimate {
            name: side.side.name.clone(),
            value: scaled(difference.estimate),
            ends: ends.map(|ends| [scaled(ends.low), scaled(ends.high)]),
            verdict: side.significance.verdict(),
        })
    });
    let rows: Vec<Estimate> = sides.collect();
    let caption = format!(
        "Each side minus “{}” in the {} of {} clips, with its interval (bootstrap over {}). {MARKS}",
        found.sides[found.reference].side.name,
        drawn.name,
        found.names.len(),
        found.sides[found.reference]
            .significance
            .intervals
            .unit
            .plural()
    );
    let forest = Forest {
        named: ["compare", "Differences from the reference"],
        axis: &drawn.change(),
        rows: &rows,
        differences: true,
        digits: drawn.digits(),
        caption,
    };
    forest.figure()
}
