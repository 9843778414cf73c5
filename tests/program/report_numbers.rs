//! The numbers on a page are those of the files: its tables are read back, cell by cell.

use std::collections::BTreeMap;

use roxmltree::{Document, Node};
use serde_json::Value;

use crate::command::{Place, SMALL};
use crate::reports::{has, json, page, percent, run, tiles};

/// A cell: what is shown, and the number behind it.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    pub shown: String,
    pub value: Option<f64>,
}

/// A table: its headings, and its rows.
#[derive(Clone, Debug, PartialEq)]
pub struct Read {
    pub headings: Vec<String>,
    pub rows: Vec<Vec<Cell>>,
}

fn text(node: Node<'_, '_>) -> String {
    let texts = node.descendants().filter(Node::is_text);
    texts.filter_map(|node| node.text()).collect()
}

/// The tables of a page, by their captions.
pub fn tables_of(html: &str) -> BTreeMap<String, Read> {
    let mut found = BTreeMap::new();
    for part in html.split("<table><caption>").skip(1) {
        let end = part.find("</table>").unwrap();
        let xml = format!("<table><caption>{}</table>", &part[..end]);
        let document = Document::parse(&xml).unwrap();
        let of = |name| document.descendants().filter(move |n| n.has_tag_name(name));
        let cell = |node: Node<'_, '_>| {
            let value = node.attribute("data-value").unwrap_or_default();
            Cell {
                shown: text(node).replace('−', "-"),
                value: (!value.is_empty()).then(|| value.parse().unwrap()),
            }
        };
        let caption = text(of("caption").next().unwrap());
        let in_body = |row: &Node<'_, '_>| row.parent().unwrap().has_tag_name("tbody");
        let read = Read {
            headings: of("thead")
                .flat_map(|head| head.descendants().filter(|node| node.has_tag_name("th")))
                .map(text)
                .collect(),
            rows: of("tr")
                .filter(in_body)
                .map(|row| row.children().filter(Node::is_element).map(cell).collect())
                .collect(),
        };
        assert!(
            found.insert(caption.clone(), read).is_none(),
            "two tables are called {caption}"
        );
    }
    found
}

/// A column of a CSV file that is one on the page: with a standard deviation or the upper end of an interval
/// in the next.
fn columns(names: &[String]) -> Vec<(usize, Option<&'static str>)> {
    let mut found = Vec::new();
    let mut at = 0;
    while at < names.len() {
        let next = names.get(at + 1);
        let ends = names[at].strip_suffix("_low");
        let is_interval = ends.is_some_and(|stem| next == Some(&format!("{stem}_high")));
        let between = match next {
            Some(next) if *next == format!("{}_std", names[at]) => Some(" ± "),
            _ if is_interval => Some(" to "),
            _ => None,
        };
        found.push((at, between));
        at += 1 + usize::from(between.is_some());
    }
    found
}

/// Whether a text shows a number, to its own decimals.
fn shows(shown: &str, number: &str) -> bool {
    let Ok(number) = number.parse::<f64>() else {
        return shown.is_empty() || shown == "–";
    };
    let decimals = shown.split_once('.').map_or(0, |(_, digits)| digits.len());
    let Ok(shown) = shown.parse::<f64>() else {
        return false;
    };
    (shown - number).abs() <= 0.500001 * 10f64.powi(-(decimals as i32))
}

/// Whether a cell shows what stands at a place of a record.
fn is_of(cell: &Cell, record: &csv::StringRecord, at: usize, between: Option<&str>) -> bool {
    let stands = &record[at];
    if stands.is_empty() {
        return cell.shown == "–" && cell.value.is_none();
    }
    if stands.parse::<f64>().is_err() || cell.value.is_none() {
        return cell.shown == *stands;
    }
    let parts: Vec<&str> = match between {
        Some(between) => cell.shown.split(between).collect(),
        None => vec![&cell.shown],
    };
    let next = record.get(at + 1).unwrap_or_default();
    let shown = match parts[..] {
        [one] => shows(one, stands),
        [first, second] => shows(first, stands) && shows(second, next),
        _ => false,
    };
    shown && cell.value == stands.parse().ok()
}

fn records(place: &Place, file: &str) -> (Vec<String>, Vec<csv::StringRecord>) {
    let mut reader = csv::Reader::from_path(place.path(file)).unwrap();
    let names = reader.headers().unwrap().iter().map(str::to_owned);
    let names = names.collect();
    (names, reader.records().map(Result::unwrap).collect())
}

/// A page has the whole of a CSV file in the table of this name, in its order.
#[track_caller]
pub fn whole(place: &Place, html: &str, caption: &str, file: &str) {
    let tables = tables_of(html);
    let table = tables
        .get(caption)
        .unwrap_or_else(|| panic!("no table {caption:?} in {:?}", tables.keys()));
    let (names, records) = records(place, file);
    let columns = columns(&names);
    assert_eq!(table.rows.len(), records.len(), "{caption}");
    assert_eq!(table.headings.len(), columns.len(), "{caption}");
    assert!(!records.is_empty(), "{caption}");
    for (row, record) in table.rows.iter().zip(&records) {
        for (cell, (at, between)) in row.iter().zip(&columns) {
            assert!(
                is_of(cell, record, *at, *between),
                "{caption}: {} is {cell:?}, in {file} {record:?}",
                names[*at]
            );
        }
    }
}

/// A page has the rows of a CSV file in the table of this name, in any order and without some columns: no
/// number in it is of another row.
#[track_caller]
pub fn as_people_read(place: &Place, html: &str, caption: &str, file: &str) {
    let tables = tables_of(html);
    let table = tables
        .get(caption)
        .unwrap_or_else(|| panic!("no table {caption:?} in {:?}", tables.keys()));
    let (names, mut records) = records(place, file);
    let columns = columns(&names);
    assert_eq!(table.rows.len(), records.len(), "{caption}");
    assert!(!records.is_empty(), "{caption}");
    for row in &table.rows {
        let numbers: Vec<&Cell> = row.iter().filter(|cell| cell.value.is_some()).collect();
        assert!(!numbers.is_empty(), "{caption}: {row:?} has no number");
        let fits = |record: &csv::StringRecord| {
            let stands = |cell: &&&Cell| {
                let mut columns = columns.iter();
                columns.any(|(at, between)| is_of(cell, record, *at, *between))
            };
            numbers.iter().filter(stands).count() == numbers.len()
        };
        let at = records.iter().position(fits);
        let at = at.unwrap_or_else(|| panic!("{caption}: no row of {file} is {row:?}"));
        records.remove(at);
    }
}

fn number(value: &Value) -> f64 {
    value.as_f64().unwrap_or_else(|| panic!("{value}"))
}

#[test]
fn a_number_that_is_changed_on_the_page_is_seen() {
    let place = Place::new();
    std::fs::write(
        place.path("a.csv"),
        "name,x,x_std,y_low,y_high\na,0.12345,0.5,1,2.5\n",
    )
    .unwrap();
    let html = "<table><caption>T</caption><thead><tr><th>name</th><th>x</th><th>y</th></tr></thead><tbody><tr><td>a</td><td data-value=\"0.12345\">0.1235 ± 0.5000</td><td data-value=\"1.0\">1.0000 to 2.5000</td></tr></tbody></table>";
    let changes = [
        ("0.12345\"", "0.12346\""),
        ("0.1235", "0.1236"),
        ("0.5000", "0.5001"),
        ("2.5000", "2.4000"),
        (">a<", ">b<"),
    ];
    whole(&place, html, "T", "a.csv");
    as_people_read(&place, html, "T", "a.csv");
    for (from, to) in changes {
        let changed = html.replace(from, to);
        assert_ne!(changed, html);
        let fails = |check: fn(&Place, &str, &str, &str)| {
            let check = || check(&place, &changed, "T", "a.csv");
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(check)).is_err()
        };
        assert!(fails(whole), "{from} to {to}");
        // A name may be another for readers.
        assert_eq!(fails(as_people_read), from != ">a<", "{from} to {to}");
    }
}

#[test]
fn a_nested_searchs_page_leads_with_the_honest_score() {
    let place = Place::with_data(&[]);
    let command = [
        "tune",
        "data",
        "--out",
        "tune",
        "--grid",
        "--nested",
        "--param",
        "model.top_k=1,4",
        "--param",
        "train.lr=1e-3,1e-2",
    ];
    run(&place, &command, &[]);
    let html = page(&place, "tune");
    let found = json(&place, "tune/tune.json");
    let nested = &found["nested"];
    let [given, tuned] = [0, 1].map(|row| &nested["rows"][row]);
    let honest = percent(number(&tuned["summary"]["average"]["mean"]));
    let (lead, all) = tiles(&html);
    has(&lead, &["tuned without the scored clips", &honest]);
    // Its interval and its difference from the configuration that was given.
    let interval = &tuned["certainty"]["intervals"]["average"];
    let difference = &tuned["certainty"]["against"]["average"];
    let points = |value: &Value| format!("{:+.2}", 100.0 * number(value)).replace('-', "−");
    has(
        &all,
        &[
            &percent(number(&interval["high"])),
            &percent(number(&given["summary"]["average"]["mean"])),
            &format!("{} points", points(&difference["estimate"])),
            &format!("{} points", points(&difference["interval"]["high"])),
        ],
    );
    // The search's own best score comes after it, and is called what it is.
    let name = found["best"]["name"].as_str().unwrap();
    let rows = found["rows"].as_array().unwrap();
    let best = rows.iter().find(|row| row["name"] == name).unwrap();
    let best = percent(number(&best["summary"]["average"]["mean"]));
    let optimistic = all
        .find("Optimistic: the best of 4")
        .expect("no second tile");
    let tile = &all[optimistic..];
    let tile = &tile[..tile.find("</div>").unwrap()];
    has(tile, &[&best, "optimistically biased"]);
    // Fold by fold, as in the JSON.
    let tables = tables_of(&html);
    let by_fold = &tables["Fold by fold: what was chosen without it"];
    let folds = nested["folds"].as_array().unwrap();
    assert_eq!(by_fold.rows.len(), folds.len());
    let mut differences = 0.0;
    for fold in folds {
        let [a, b] = ["tuned", "not_tuned"].map(|key| number(&fold[key]));
        assert_eq!(number(&fold["difference"]), a - b);
        differences += a - b;
        let of_row = |row: &Value, name: &str| {
            let scores = row["folds"].as_array().unwrap().iter();
            let mut scores = scores.filter(|score| score["fold"] == fold["fold"]);
            let accuracy = &scores.next().expect(name)["accuracy"];
            let share = |of: &str, all: &str| number(&accuracy[of]) / number(&accuracy[all]);
            let [presence, salience] = [
                share("presence_correct", "clips"),
                share("salience_correct", "blends"),
            ];
            0.5 * presence + 0.5 * salience
        };
        assert!((of_row(tuned, "tuned") - a).abs() < 1e-12);
        assert!((of_row(given, "given") - b).abs() < 1e-12);
    }
    let [a, b] = [tuned, given].map(|row| number(&row["summary"]["average"]["mean"]));
    assert!((differences / folds.len() as f64 - (a - b)).abs() < 1e-12);
    as_people_read(
        &place,
        &html,
        "Fold by fold: what was chosen without it",
        "tune/nested_folds.csv",
    );
    as_people_read(
        &place,
        &html,
        "Nothing chosen on the scored clips",
        "tune/nested.csv",
    );
    whole(
        &place,
        &html,
        "All configurations: every column",
        "tune/tune.csv",
    );
    has(&html, &["id=\"nested_fold_scores\""]);
}

#[test]
fn a_comparisons_page_has_its_tables_and_its_figure() {
    let place = Place::with_data(&[]);
    run(&place, &["cv", "data", "--out", "a"], &[]);
    run(&place, &["cv", "data", "--out", "b", "--seed", "1"], &[]);
    let compare = ["compare", "a", "second=b", "b/out_of_fold.json"];
    let found = place.json(&[&compare[..], &["--report", "c.html", "--figure", "c.svg"]].concat());
    assert_eq!(found["report"], "c.html");
    let html = std::fs::read_to_string(place.path("c.html")).unwrap();
    let tables = tables_of(&html);
    let has_numbers = |caption: &str, row: usize, numbers: &[&Value]| {
        let found = tables
            .iter()
            .find(|(name, _)| name.starts_with(caption))
            .unwrap_or_else(|| panic!("no table {caption:?} in {:?}", tables.keys()));
        let row = &found.1.rows[row];
        let mut values = row.iter().filter_map(|cell| cell.value);
        for expected in numbers.iter().filter_map(|value| value.as_f64()) {
            assert!(
                values.any(|value| value == expected),
                "{caption}: {expected} is not where it should be in {row:?}"
            );
        }
    };
    for (place, row) in found["table"]["rows"]
        .as_array()
        .unwrap()
        .iter()
        .enumerate()
    {
        let keys = [
            "acc_presence",
            "acc_salience",
            "average",
            "macro_f1",
            "interval_low",
            "difference",
            "difference_interval_low",
            "p",
            "p_holm",
        ];
        has_numbers("141 clips", place, &keys.map(|key| &row[key]));
    }
    for (caption, key, last) in [
        ("By kind of clip", "by_kind", "acc_salience"),
        ("By emotion shown", "by_class", "f1"),
    ] {
        for (place, part) in found[key].as_array().unwrap().iter().enumerate() {
            let against = &part["against"];
            let numbers = [
                &part["clips"],
                &part["acc_presence"],
                &part[last],
                &against["presence"]["estimate"],
                &against["presence"]["interval"]["low"],
                &against["test"]["p"],
            ];
            has_numbers(caption, place, &numbers);
        }
    }
    let others = &found["sides"].as_array().unwrap()[1..];
    for (place, side) in others.iter().enumerate() {
        let flips = &side["flips"];
        let numbers = ["both", "gained", "lost", "neither"].map(|key| &flips[key]);
        has_numbers("Clips that flip against a", place, &numbers);
    }
    // Every clip that flips, not only the first.
    let listed = others
        .iter()
        .map(|side| side["flips"]["clips"].as_array().unwrap().len());
    assert_eq!(tables["Which clips flip"].rows.len(), listed.sum::<usize>());
    // The same drawing as the file.
    let svg = std::fs::read_to_string(place.path("c.svg")).unwrap();
    let drawn = svg.matches("<circle").count();
    assert_eq!(drawn, 2);
    assert_eq!(html.matches("<circle").count(), drawn);
    let (lead, all) = tiles(&html);
    let difference = &found["sides"][1]["certainty"]["against"]["average"]["estimate"];
    let difference = format!("{:+.2} points", 100.0 * number(difference)).replace('-', "−");
    has(&lead, &["second minus a", &difference]);
    let interval = &found["sides"][0]["certainty"]["intervals"]["average"];
    has(
        &all,
        &[
            &percent(number(&interval["estimate"])),
            &percent(number(&interval["high"])),
        ],
    );
    let refused = place.refused(&[&compare[..], &["--report", "c.svg"]].concat());
    assert!(refused.contains("--report"), "{refused}");
}

#[test]
fn models_of_all_clips_and_their_ensemble_are_on_the_page() {
    let place = Place::with_data(&["--test-labels"]);
    let flags = ["--retrain", "--ensemble", "--seeds", "2"];
    run(&place, &["cv", "data", "--out", "cv"], &flags);
    let html = page(&place, "cv");
    let table = &tables_of(&html)["Trained on all clips"];
    let last = json(&place, "cv/final/final.json");
    let mut tests: Vec<&Value> = last["runs"]
        .as_array()
        .unwrap()
        .iter()
        .map(|run| &run["test"])
        .collect();
    tests.push(&last["ensemble"]["test"]);
    let names: Vec<&str> = table.rows.iter().map(|row| row[0].shown.as_str()).collect();
    assert_eq!(names, ["seed 0", "seed 1", "ensemble of 10 fold models"]);
    for (row, test) in table.rows.iter().zip(tests) {
        let keys = ["acc_presence", "acc_salience", "average"];
        let expected = keys.map(|key| Some(number(&test[key])));
        let shown: Vec<Option<f64>> = row[2..].iter().map(|cell| cell.value).collect();
        assert_eq!(shown, expected);
    }
}

#[test]
fn an_incomplete_plans_page_has_the_scores_of_the_trials_that_are_done() {
    let place = Place::with_data(&[]);
    let command = [
        "sweep",
        "data",
        "--out",
        "sweep",
        "--param",
        "model.top_k=1,6",
    ];
    run(&place, &command, &[]);
    let table = tables_of(&page(&place, "sweep"))["All configurations"].clone();
    // As if it had been stopped: without its findings, and without two of ten results.
    let listed = std::fs::read_to_string(place.path("sweep/trials.jsonl")).unwrap();
    let trials: Vec<Value> = listed
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(trials.len(), 10);
    let result = |trial: &Value| {
        let id = trial["id"].as_str().unwrap();
        place
            .contents("sweep/trials")
            .into_iter()
            .find(|(path, _)| path.file_name().unwrap().to_string_lossy() == format!("{id}.json"))
    };
    for name in ["sweep.json", "sweep.csv", "measures.csv", "tables.md"] {
        std::fs::remove_file(place.path("sweep").join(name)).unwrap();
    }
    for trial in &trials[8..] {
        std::fs::remove_file(result(trial).unwrap().0).unwrap();
    }
    place.ok(&["report", "sweep", "--force"]);
    let html = std::fs::read_to_string(place.path("sweep/report.html")).unwrap();
    has(&html, &["8 of 10", "not complete", "do not compare"]);
    let so_far = &tables_of(&html)["So far: 8 of 10 trials"];
    assert_eq!(so_far.rows.len(), 2);
    let shown = |row: usize| so_far.rows[row][1].shown.as_str();
    assert_eq!([shown(0), shown(1)], ["5 of 5", "3 of 5"]);
    // The row that is complete has the numbers of the finished study.
    let average = so_far.headings.iter().position(|name| name == "Average");
    let cell = &so_far.rows[0][average.unwrap()];
    assert!(
        table.rows.iter().flatten().any(|other| other == cell),
        "{cell:?}"
    );
    // The other one the mean of its three folds.
    let averages = trials[5..8].iter().map(|trial| {
        let result: Value = serde_json::from_slice(&result(trial).unwrap().1).unwrap();
        let accuracy = &result["accuracy"];
        let share = |of: &str, all: &str| number(&accuracy[of]) / number(&accuracy[all]);
        0.5 * share("presence_correct", "clips") + 0.5 * share("salience_correct", "blends")
    });
    let mean = averages.sum::<f64>() / 3.0;
    let shown = so_far.rows[1][average.unwrap()].value.unwrap();
    assert!((shown - mean).abs() < 1e-12, "{shown} {mean}");
    // A cross-validation has its folds drawn.
    run(&place, &["cv", "data", "--out", "cv"], SMALL);
    let folds = std::fs::read_to_string(place.path("cv/trials.jsonl")).unwrap();
    let last: Value = serde_json::from_str(folds.lines().last().unwrap()).unwrap();
    let id = last["id"].as_str().unwrap();
    for (path, _) in place.contents("cv/trials") {
        if path.file_name().unwrap().to_string_lossy() == format!("{id}.json") {
            std::fs::remove_file(path).unwrap();
        }
    }
    std::fs::remove_file(place.path("cv/summary.json")).unwrap();
    let html = page(&place, "cv");
    has(&html, &["id=\"fold_scores\"", "4 of 5 trials"]);
    assert_eq!(html.matches("<circle").count(), 4);
}
