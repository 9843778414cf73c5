//! `report` of every kind of run: its own figure with interval beside the score of an answer that needs no
//! model, the numbers those of the tables.

use std::fs;

use serde_json::Value;

use crate::command::{Place, SMALL};
use crate::report_numbers::{as_people_read, whole};

/// Two epochs of a small model.
pub fn run(place: &Place, command: &[&str], flags: &[&str]) -> String {
    let quick = ["--set", "train.max_epochs=2"];
    let args = [command, &quick, SMALL, flags].concat();
    let ran = place.run(&args);
    // Two epochs may not be enough to be usable, which is said with code 1.
    assert!(ran.code < 2, "{args:?}: {}", ran.stderr);
    ran.stdout
}

pub fn page(place: &Place, folder: &str) -> String {
    place.ok(&["report", folder]);
    fs::read_to_string(place.path(folder).join("report.html")).unwrap()
}

pub fn json(place: &Place, path: &str) -> Value {
    serde_json::from_str(&fs::read_to_string(place.path(path)).unwrap()).unwrap()
}

/// The values of a column of a CSV file.
fn column(place: &Place, path: &str, name: &str) -> Vec<String> {
    let mut reader = csv::Reader::from_path(place.path(path)).unwrap();
    let at = reader.headers().unwrap().iter().position(|key| key == name);
    let at = at.unwrap_or_else(|| panic!("{path} has no column {name}"));
    let records = reader
        .records()
        .map(|record| record.unwrap()[at].to_owned());
    records.collect()
}

/// The text of the first tile, and of all.
pub fn tiles(html: &str) -> (String, String) {
    let from = html.find("<div class=\"lead\">").expect("no headline");
    let lead = &html[from..];
    let lead = &lead[..lead.find("</div>").unwrap()];
    let all = &html[from..html.find("id=\"results\"").unwrap_or(html.len())];
    (lead.to_owned(), all.to_owned())
}

pub fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

#[track_caller]
pub fn has(html: &str, parts: &[&str]) {
    for part in parts {
        assert!(html.contains(part), "no {part:?} in the page");
    }
}

#[test]
fn a_cross_validations_page_says_the_mean_over_folds_with_its_interval() {
    let place = Place::with_data(&[]);
    run(&place, &["cv", "data", "--out", "cv"], &[]);
    let html = page(&place, "cv");
    let summary = json(&place, "cv/summary.json");
    let mean = summary["summary"]["average"]["mean"].as_f64().unwrap();
    let (lead, all) = tiles(&html);
    assert!(lead.contains(&percent(mean)), "{lead}");
    assert!(lead.contains("mean over 5 folds"), "{lead}");
    let interval = &summary["certainty"]["intervals"]["average"];
    let high = percent(interval["high"].as_f64().unwrap());
    let trivial = json(&place, "cv/trivial.json");
    let answers = trivial["answers"].as_array().unwrap();
    let best = answers
        .iter()
        .map(|answer| answer["score"]["mean"].as_f64().unwrap());
    let best = percent(best.fold(0.0, f64::max));
    has(&all, &[&high, &best, "95 % interval", "Without any model"]);
    // The trivial scores are those that `baseline` gives.
    let flags = [
        "--baseline",
        "trivial-single",
        "--baseline",
        "trivial-blend",
    ];
    run(&place, &["baseline", "data", "--out", "trivial"], &flags);
    let rows = column(&place, "trivial/baseline.csv", "average");
    let rows: Vec<f64> = rows.iter().map(|text| text.parse().unwrap()).collect();
    for (row, answer) in rows.iter().zip(answers) {
        let stored = answer["score"]["mean"].as_f64().unwrap();
        assert!((row - stored).abs() < 1e-12, "{row} {stored}");
    }
    as_people_read(&place, &html, "Every fold", "cv/folds.csv");
    as_people_read(&place, &html, "Cross-validation, summary", "cv/summary.csv");
    whole(&place, &html, "All measures", "cv/measures.csv");
    has(
        &html,
        &[
            "id=\"fold_scores\"",
            "blendfuse analyze RUN DATA",
            "model.projection_dim",
        ],
    );
    assert!(!html.contains(">NaN<") && !html.contains("<td>null"));
}

#[test]
fn a_sweeps_page_has_its_curve_and_its_table_best_first() {
    let place = Place::with_data(&[]);
    let command = [
        "sweep",
        "data",
        "--out",
        "sweep",
        "--param",
        "model.top_k=1,2,6",
    ];
    run(&place, &command, &[]);
    let html = page(&place, "sweep");
    has(
        &html,
        &[
            "id=\"figure_2_kept\"",
            "What was searched",
            "the best of 3",
            "id=\"differences\"",
        ],
    );
    let mut averages: Vec<f64> = column(&place, "sweep/sweep.csv", "average")
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
    averages.sort_by(|a, b| b.total_cmp(a));
    let (lead, _) = tiles(&html);
    assert!(lead.contains(&percent(averages[0])), "{lead}");
    as_people_read(&place, &html, "All configurations", "sweep/sweep.csv");
    whole(
        &place,
        &html,
        "All configurations: every column",
        "sweep/sweep.csv",
    );
    let places: Vec<usize> = averages
        .iter()
        .map(|value| {
            html.find(&format!("data-value=\"{value:?}\""))
                .expect("a score is missing")
        })
        .collect();
    assert!(
        places.windows(2).all(|pair| pair[0] <= pair[1]),
        "{places:?}"
    );
    // Without weights, the page says which flag keeps them, and analyze the same.
    has(&html, &["with --keep-weights"]);
    let message = place.refused(&["analyze", "sweep", "data"]);
    assert!(message.contains("with --keep-weights"), "{message}");
    // Figures as files, from stored results.
    fs::rename(place.path("data"), place.path("elsewhere")).unwrap();
    place.ok(&[
        "report",
        "sweep",
        "--out",
        "again.html",
        "--figures",
        "drawn",
    ]);
    let svg = fs::read_to_string(place.path("drawn/figure_2_kept.svg")).unwrap();
    assert!(svg.contains(">Encoders kept, k<"), "{svg}");
    assert_eq!(fs::read_to_string(place.path("again.html")).unwrap(), html);
}

#[test]
fn a_sweep_that_keeps_weights_is_analysed_with_the_curve() {
    let place = Place::with_data(&[]);
    let command = [
        "sweep",
        "data",
        "--out",
        "sweep",
        "--param",
        "model.top_k=1,3",
    ];
    run(&place, &command, &["--keep-weights"]);
    place.ok(&["analyze", "sweep", "data"]);
    let found = json(&place, "sweep/analysis/analysis.json");
    let notes = found["notes"][0].as_str().unwrap();
    assert!(
        notes.contains("best configuration, model.top_k="),
        "{notes}"
    );
    let figures = found["figures"].as_array().unwrap().iter();
    let names: Vec<&str> = figures
        .map(|figure| figure["name"].as_str().unwrap())
        .collect();
    assert!(names.contains(&"figure_2_kept") && names.contains(&"figure_4_selection"));
    let html = page(&place, "sweep");
    assert_eq!(html.matches("<figure id=\"figure_2_kept\"").count(), 1);
}

/// The table as people read it, and the whole of it.
#[track_caller]
fn both(place: &Place, html: &str, caption: &str, file: &str) {
    as_people_read(place, html, caption, file);
    whole(place, html, &format!("{caption}: every column"), file);
}

#[test]
fn other_studies_have_their_own_headline_and_figures() {
    let place = Place::with_data(&["--test-labels"]);
    let two = [
        "--param",
        "model.top_k=1,6",
        "--param",
        "model.dropout=0.1,0.3,0.5",
    ];
    run(&place, &["sweep", "data", "--out", "grid"], &two);
    let html = page(&place, "grid");
    both(&place, &html, "All configurations", "grid/sweep.csv");
    has(
        &html,
        &[
            "id=\"search_grid\"",
            "id=\"search_model_dropout\"",
            "the best of 6",
        ],
    );
    run(
        &place,
        &["tune", "data", "--out", "tune", "--tpe", "9"],
        &[],
    );
    let html = page(&place, "tune");
    both(&place, &html, "All configurations", "tune/tune.csv");
    has(
        &html,
        &[
            "id=\"search_history\"",
            "id=\"search_importance\"",
            "by TPE",
            "train.lr",
        ],
    );
    run(&place, &["ablate", "data", "--out", "ablate"], &[]);
    let html = page(&place, "ablate");
    both(
        &place,
        &html,
        "The model without each of its parts",
        "ablate/ablation.csv",
    );
    // The data of the study, not of the one fold whose model's manifest is there.
    has(&html, &["held-out clips", "Input files"]);
    assert!(!html.contains("clips.validation"));
    has(
        &html,
        &["id=\"differences\"", "full model", "Average, paper"],
    );
    let few = [
        "--baseline",
        "fusion",
        "--baseline",
        "trivial-blend",
        "--baseline",
        "logistic:+",
    ];
    run(&place, &["baseline", "data", "--out", "baseline"], &few);
    let html = page(&place, "baseline");
    both(
        &place,
        &html,
        "Baselines and the fusion model",
        "baseline/baseline.csv",
    );
    has(
        &html,
        &["id=\"differences\"", "The best other row", "trivial-blend"],
    );
    run(
        &place,
        &[
            "repro",
            "data",
            "--out",
            "repro",
            "--quick",
            "--no-baselines",
        ],
        &[],
    );
    let html = page(&place, "repro");
    let (lead, _) = tiles(&html);
    for (caption, file) in [
        ("Table I: validation and test", "repro/table_1.csv"),
        ("Table II: ablations", "repro/table_2.csv"),
        ("Table V: encoders kept", "repro/table_5.csv"),
    ] {
        both(&place, &html, caption, file);
    }
    let table = column(&place, "repro/table_1.csv", "val_average");
    let average: f64 = table[0].parse().unwrap();
    assert!(lead.contains(&percent(average)), "{lead} {average}");
    has(
        &html,
        &[
            "id=\"table_1_differences\"",
            "id=\"table_2_differences\"",
            "id=\"figure_2_kept\"",
        ],
    );
    run(
        &place,
        &["train", "data", "--out", "train", "--fold", "1"],
        &[],
    );
    let html = page(&place, "train");
    as_people_read(&place, &html, "Every epoch", "train/history.csv");
    has(
        &html,
        &[
            "fold 1 alone",
            "id=\"learning_curves\"",
            "analyze adds it",
            "Without any model",
        ],
    );
    place.ok(&["analyze", "train", "data"]);
    let html = {
        place.ok(&["report", "train", "--force"]);
        fs::read_to_string(place.path("train/report.html")).unwrap()
    };
    has(&html, &["of this fold&#39;s clips"]);
}

#[test]
fn a_plan_that_is_not_complete_has_a_page_that_says_so() {
    let place = Place::with_data(&[]);
    place.ok(&["plan", "cv", "data", "--out", "cv"]);
    let html = page(&place, "cv");
    has(&html, &["0 of 5", "not complete"]);
    assert!(!html.contains("95 % interval"));
}
