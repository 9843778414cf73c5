//! What the page says first: the figure that the study is about, with its interval, beside the score of an
//! answer that needs no model.

use super::stored::{Found, StoredRow, StoredStudy};
use super::tables::paragraph;
use super::tiles::{Tile, counted, html, sentence};
use crate::config::Monitor;
use crate::eval::statistics::Verdict;
use crate::experiments::score::Spread;
use crate::report::figure::canvas::escaped;
use crate::report::lists::Lists;
use crate::report::main_measure::Drawn;

/// The headline of a study.
pub fn of_study(study: &StoredStudy) -> String {
    let drawn = Drawn::of(study.main);
    let Some(row) = study.leading() else {
        return unfinished(study);
    };
    let mut tiles = Vec::new();
    match row.main(study.main) {
        None => {
            let reason = row.failed.clone().unwrap_or_default();
            tiles.push(Tile::new(
                lead_name(study, row, &drawn),
                "no result",
                reason,
            ));
        }
        Some(spread) => {
            let detail = match &study.found {
                Some(Found::Search(search)) if search.nested.is_some() => format!(
                    "the search repeated without each fold, its choice scored there: {}",
                    over(row)
                ),
                Some(Found::Search(_)) => chosen_by_its_score(study, row),
                _ => over(row),
            };
            let value = with_spread(spread, &drawn);
            tiles.push(Tile::new(lead_name(study, row, &drawn), value, detail));
        }
    }
    tiles.extend(interval(row, &drawn));
    match study.trivial() {
        Some((answer, score)) => {
            let compared = row.main(study.main).map(|spread| spread.mean - score);
            let detail = match compared {
                Some(gap) => format!("{answer}; difference {}", drawn.difference(gap)),
                None => answer,
            };
            tiles.push(Tile::new("Without any model", drawn.value(score), detail));
        }
        None => tiles.push(Tile::new(
            "Without any model",
            "not stored",
            "written by an earlier version; collect adds it",
        )),
    }
    tiles.extend(compared(study, row, &drawn));
    tiles.extend(optimistic(study, &drawn));
    let mut html = html(&tiles, true);
    if study.main == Monitor::Average {
        html += &self::html(&accuracies(row), false);
    }
    let notes = match study.nested() {
        Some(nested) => nested.notes(),
        None => study.notes.clone(),
    };
    let conclusions = notes
        .iter()
        .filter_map(|note| note.strip_prefix("CONCLUSION: "));
    for conclusion in conclusions.take(1) {
        html += &format!(
            "<p class=\"conclusion\">{}</p>\n",
            escaped(&sentence(&conclusion_of(study, conclusion)))
        );
    }
    html
}

fn with_spread(spread: &Spread, drawn: &Drawn) -> String {
    let mean = drawn.value(spread.mean);
    match spread.std_folds {
        Some(std) => format!("{mean} ± {}", drawn.plain(std)),
        None => mean,
    }
}

fn chosen_by_its_score(study: &StoredStudy, row: &StoredRow) -> String {
    format!(
        "{}: {}; chosen by these scores, so optimistically biased",
        brief(study, &row.name),
        over(row)
    )
}

/// The best score of a search whose headline is the honest one.
fn optimistic(study: &StoredStudy, drawn: &Drawn) -> Option<Tile> {
    study.nested()?;
    let Some(Found::Search(search)) = &study.found else {
        return None;
    };
    let best = search.best()?;
    Some(Tile::new(
        format!("Optimistic: the best of {}", search.rows.len()),
        with_spread(best.main(study.main)?, drawn),
        chosen_by_its_score(study, best),
    ))
}

/// A conclusion in few words: names with many keys say nothing here, so they are counted.
fn conclusion_of(study: &StoredStudy, text: &str) -> String {
    let long = |row: &&StoredRow| row.name.len() > LONG_NAME;
    let long = study.rows().iter().filter(long);
    let text = long.clone().fold(text.to_owned(), |text, row| {
        text.replace(&format!("\"{}\"", row.name), "the reference")
    });
    if !long.clone().any(|row| text.contains(&row.name)) {
        return brief(study, &text);
    }
    let compared: Vec<Verdict> = study.rows().iter().filter_map(StoredRow::verdict).collect();
    let of = |wanted: Verdict| compared.iter().filter(|found| **found == wanted).count();
    format!(
        "of {} beside the reference, {} better beyond noise, {} worse and {} within noise",
        counted(compared.len(), "configuration"),
        are(of(Verdict::Better)),
        are(of(Verdict::Worse)),
        are(of(Verdict::WithinNoise))
    ) + "."
}

fn are(count: usize) -> String {
    match count {
        0 => "none is".to_owned(),
        1 => "1 is".to_owned(),
        _ => format!("{count} are"),
    }
}

/// Longer names are left out of sentences.
const LONG_NAME: usize = 60;

/// A text with the long lists of the study's rows in few words.
fn brief(study: &StoredStudy, text: &str) -> String {
    let mut lists = Lists::default();
    study.rows().iter().for_each(|row| lists.see(&row.name));
    lists.brief(text)
}

fn lead_name(study: &StoredStudy, row: &StoredRow, drawn: &Drawn) -> String {
    let measure = sentence(drawn.name);
    match &study.found {
        Some(Found::Search(search)) if search.nested.is_some() => {
            format!("{measure}, tuned without the scored clips")
        }
        Some(Found::Search(search)) => {
            format!("{measure}, the best of {}", search.rows.len())
        }
        Some(Found::One(_)) | None => measure,
        _ => format!("{measure}, {}", row.name),
    }
}

fn over(row: &StoredRow) -> String {
    let folds = row.fold_count();
    let mut text = format!("mean over {}", counted(folds, "fold"));
    if row.seeds() > 1 {
        text += &format!(" and {} seeds", row.seeds());
    }
    if folds > 1 {
        text += " ± standard deviation over folds";
    }
    text
}

fn interval(row: &StoredRow, drawn: &Drawn) -> Option<Tile> {
    let certainty = row.certainty.as_ref()?;
    let interval = row.interval()?;
    let intervals = &certainty.intervals;
    let value = format!(
        "{} to {}",
        drawn.plain(interval.low),
        drawn.value(interval.high)
    );
    let mut detail = format!(
        "all held-out clips together ({}), bootstrap over {}",
        drawn.value(interval.estimate),
        intervals.unit.counted(intervals.actors)
    );
    if intervals.seeds == 1 {
        detail += "; one seed, so training noise is not included";
    }
    Some(Tile::new("95 % interval", value, detail))
}

fn accuracies(row: &StoredRow) -> Vec<Tile> {
    let Some(summary) = &row.summary else {
        return Vec::new();
    };
    let percent = Drawn::of(Monitor::Presence);
    let named = [
        ("ACC_presence", &summary.acc_presence),
        ("ACC_salience", &summary.acc_salience),
    ];
    let mut tiles: Vec<Tile> = named
        .into_iter()
        .filter_map(|(name, spread)| {
            let spread = spread.as_ref()?;
            let value = percent.value(spread.mean);
            let value = match spread.std_folds {
                Some(std) => format!("{value} ± {}", percent.plain(std)),
                None => value,
            };
            Some(Tile::new(name, value, ""))
        })
        .collect();
    if let Some(test) = row.test_average() {
        let name = "Test average, trained on all clips";
        tiles.push(Tile::new(name, percent.value(test), ""));
    }
    tiles
}

/// The comparison that the study is about.
fn compared(study: &StoredStudy, row: &StoredRow, drawn: &Drawn) -> Option<Tile> {
    let said = |row: &StoredRow| -> Option<(String, String)> {
        let against = row.certainty.as_ref()?.against?.judged();
        let verdict = match row.verdict()? {
            Verdict::Better => "better beyond noise",
            Verdict::Worse => "worse beyond noise",
            Verdict::WithinNoise => "within noise",
        };
        let interval = against.interval.map_or(String::new(), |interval| {
            format!(
                ", 95 % interval {} to {}",
                drawn.signed(interval.low),
                drawn.difference(interval.high)
            )
        });
        Some((
            drawn.difference(against.estimate),
            format!("{verdict}{interval}"),
        ))
    };
    match &study.found {
        Some(Found::Search(search)) if search.nested.is_some() => {
            let given = search.nested.as_ref()?.given();
            let (value, detail) = said(row)?;
            let score = drawn.value(given.main(study.main)?.mean);
            Some(Tile::new(
                "Over the configuration given",
                value,
                format!("{} {score}: {detail}", given.name),
            ))
        }
        Some(Found::Search(_)) => {
            let (value, detail) = said(row)?;
            Some(Tile::new("Over the reference", value, detail))
        }
        Some(Found::Rows(rows)) => {
            let others = rows.iter().skip(1).filter(|row| !row.is_trivial());
            let merit = |row: &StoredRow| row.main(study.main).map(|spread| spread.mean);
            let higher = study.main.higher_is_better();
            let best = others
                .filter_map(|row| Some((row, merit(row)?)))
                .reduce(|a, b| if (b.1 > a.1) == higher { b } else { a })?;
            let (value, detail) = said(best.0)?;
            Some(Tile::new(
                "The best other row",
                value,
                format!(
                    "{}: {}, {detail}",
                    brief(study, &best.0.name),
                    drawn.value(best.1)
                ),
            ))
        }
        Some(Found::Paper(paper)) => {
            let other = paper.models.get(1)?;
            let (value, detail) = said(other)?;
            Some(Tile::new(
                sentence(&format!("{} against it", other.name)),
                value,
                detail,
            ))
        }
        _ => None,
    }
}

/// Of a plan whose trials are not all done.
fn unfinished(study: &StoredStudy) -> String {
    let [done, all] = study.done;
    let tiles = [Tile::new(
        "Trials done",
        format!("{done} of {all}"),
        "of those planned so far",
    )];
    html(&tiles, true)
        + &paragraph(
            "The study is not complete, so it has no score of its own yet. The same command with --resume runs what is missing; collect prints the tables of what is complete, and writes them once all results are there.",
        )
}
