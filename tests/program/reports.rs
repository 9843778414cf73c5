//! `report` of every kind of run: its own figure with interval beside the score of an answer that needs no
//! model, the numbers those of the tables; and figures that are right or left out whatever the data are.

use std::fs;

use blendfuse::testing::formats::npz::write::{Precision, write};
use serde_json::Value;

use crate::command::{Place, SMALL};
use crate::small_data::noise;

/// Two epochs of a small model.
fn run(place: &Place, command: &[&str], flags: &[&str]) -> String {
    let quick = ["--set", "train.max_epochs=2"];
    let args = [command, &quick, SMALL, flags].concat();
    let ran = place.run(&args);
    // Two epochs may not be enough to be usable, which is said with code 1.
    assert!(ran.code < 2, "{args:?}: {}", ran.stderr);
    ran.stdout
}

fn page(place: &Place, folder: &str) -> String {
    place.ok(&["report", folder]);
    fs::read_to_string(place.path(folder).join("report.html")).unwrap()
}

fn json(place: &Place, path: &str) -> Value {
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
fn tiles(html: &str) -> (String, String) {
    let from = html.find("<div class=\"lead\">").expect("no headline");
    let lead = &html[from..];
    let lead = &lead[..lead.find("</div>").unwrap()];
    let all = &html[from..html.find("id=\"results\"").unwrap_or(html.len())];
    (lead.to_owned(), all.to_owned())
}

fn percent(share: f64) -> String {
    format!("{:.2} %", 100.0 * share)
}

#[track_caller]
fn has(html: &str, parts: &[&str]) {
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
    assert!(lead.contains(&percent(mean)[..4]), "{lead}");
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
    // Every number of the fold table, in full, and a figure of the folds.
    for value in column(&place, "cv/folds.csv", "average") {
        let value: f64 = value.parse().unwrap();
        has(&html, &[&format!("data-value=\"{value:?}\"")]);
    }
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
    assert!(lead.contains(&percent(averages[0])[..4]), "{lead}");
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
    has(
        &page(&place, "grid"),
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
    has(
        &page(&place, "tune"),
        &[
            "id=\"search_history\"",
            "id=\"search_importance\"",
            "by TPE",
            "train.lr",
        ],
    );
    run(&place, &["ablate", "data", "--out", "ablate"], &[]);
    has(
        &page(&place, "ablate"),
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
    has(
        &page(&place, "baseline"),
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
    let table = column(&place, "repro/table_1.csv", "val_average");
    let average: f64 = table[0].parse().unwrap();
    assert!(lead.contains(&percent(average)[..4]), "{lead} {average}");
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

// Figures on any data

/// A data folder with clips in three folds, each with its emotions.
struct Data {
    encoders: usize,
    clips: usize,
    classes: usize,
    blends: bool,
}

impl Data {
    fn write(&self, place: &Place) {
        let name = |clip: usize| format!("A{:02}_c{clip:03}", clip % 7);
        let class = |at: usize| format!("class{}", at % self.classes);
        let mut table = String::from(
            "filename,actor_id,fold,mix,emotion_1,emotion_2,emotion_1_salience,emotion_2_salience\n",
        );
        for clip in 0..self.clips {
            let blend = self.blends && clip % 3 == 2;
            table += &format!(
                "{},{},{},{},{}",
                name(clip),
                clip % 7,
                clip % 7 % 3,
                u8::from(blend),
                class(clip)
            );
            table += &match blend {
                true if clip % 2 == 0 => format!(",{},70,30\n", class(clip + 1)),
                true => format!(",{},50,50\n", class(clip + 1)),
                false => ",,,\n".to_owned(),
            };
        }
        fs::create_dir_all(place.path("data/features/train")).unwrap();
        fs::write(place.path("data/train_metadata.csv"), table).unwrap();
        let names: Vec<String> = (0..self.clips).map(name).collect();
        for encoder in 0..self.encoders {
            let path = place.path(&format!("data/features/train/enc{encoder:02}.npz"));
            write(&path, |npz| {
                npz.rows("X", Precision::F32, [self.clips, 4], |row, out| {
                    for (column, out) in out.iter_mut().enumerate() {
                        *out = noise(row + 50 * encoder, column);
                    }
                })?;
                npz.names("filenames", &names)
            })
            .unwrap();
        }
    }
}

/// The attributes of every tag of a drawing.
fn numbers(svg: &str, attribute: &str) -> Vec<f64> {
    let begin = format!(" {attribute}=\"");
    // The size of the whole has a unit.
    let svg = &svg[svg.find('>').unwrap()..];
    let parts = svg.split(&begin).skip(1);
    parts
        .map(|part| part[..part.find('"').unwrap()].parse().unwrap())
        .collect()
}

/// A drawing has numbers only, inside of its frame, and texts that are right.
#[track_caller]
fn check_drawing(svg: &str, name: &str) {
    for wrong in [
        "NaN",
        "inf",
        "of 1 clips",
        "over 1 clips",
        " 1 encoders",
        "1 folds",
    ] {
        assert!(!svg.contains(wrong), "{name}: {wrong} in {svg}");
    }
    let size: Vec<f64> = svg.split("viewBox=\"0 0 ").nth(1).unwrap()[..]
        .split('"')
        .next()
        .unwrap()
        .split(' ')
        .map(|text| text.parse().unwrap())
        .collect();
    for (attributes, most) in [
        (["x", "cx", "x1", "x2"], size[0]),
        (["y", "cy", "y1", "y2"], size[1]),
    ] {
        for attribute in attributes {
            for value in numbers(svg, attribute) {
                assert!(
                    (-1.0..=most + 1.0).contains(&value),
                    "{name}: {attribute}={value} of {most}"
                );
            }
        }
    }
    for width in numbers(svg, "width").iter().chain(&numbers(svg, "height")) {
        assert!(*width >= 0.0, "{name}: a width of {width}");
    }
}

/// Trains, analyses and reports; returns the names of the figures and the reasons for those left out.
fn drawn(data: &Data, flags: &[&str]) -> (Vec<String>, Vec<String>) {
    let place = Place::new();
    data.write(&place);
    run(&place, &["cv", "data", "--out", "cv"], flags);
    place.ok(&["analyze", "cv", "data"]);
    let found = json(&place, "cv/analysis/analysis.json");
    let mut names = Vec::new();
    for figure in found["figures"].as_array().unwrap() {
        let name = figure["name"].as_str().unwrap().to_owned();
        let path = place.path(&format!("cv/analysis/{name}.svg"));
        check_drawing(&fs::read_to_string(path).unwrap(), &name);
        names.push(name);
    }
    let html = page(&place, "cv");
    for part in html.split("<svg").skip(1) {
        let svg = &part[..part.find("</svg>").unwrap()];
        check_drawing(svg, "the page");
    }
    let reasons: Vec<String> = found["left_out"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason.as_str().unwrap().to_owned())
        .collect();
    for reason in &reasons {
        let reason = reason.replace('\'', "&#39;");
        assert!(html.contains(&reason), "{reason}");
    }
    (names, reasons)
}

fn of(encoders: usize, clips: usize, classes: usize, blends: bool) -> Data {
    Data {
        encoders,
        clips,
        classes,
        blends,
    }
}

#[test]
fn one_encoder_has_no_figures_of_encoders() {
    let (names, reasons) = drawn(&of(1, 42, 3, true), &[]);
    for absent in [
        "figure_3_importance",
        "figure_4_selection",
        "figure_7_cka",
        "leave_one_out",
    ] {
        assert!(!names.iter().any(|name| name == absent), "{absent}");
    }
    assert!(
        reasons
            .iter()
            .any(|reason| reason.contains("there is one encoder")),
        "{reasons:?}"
    );
    assert!(names.iter().any(|name| name == "confusion"));
}

#[test]
fn where_all_encoders_are_kept_no_figure_is_about_selection() {
    for encoders in [2, 5] {
        let (names, reasons) = drawn(&of(encoders, 42, 3, true), &["--set", "model.top_k=22"]);
        assert!(!names.iter().any(|name| name == "figure_4_selection"));
        assert!(!names.iter().any(|name| name == "figure_8_co_selection"));
        assert!(names.iter().any(|name| name == "figure_3_importance"));
        let kept = format!("all {encoders} encoders are kept");
        assert!(
            reasons.iter().any(|reason| reason.contains(&kept)),
            "{reasons:?}"
        );
    }
    let (names, _) = drawn(&of(5, 42, 3, true), &["--set", "model.top_k=2"]);
    assert!(names.iter().any(|name| name == "figure_8_co_selection"));
}

#[test]
fn thirty_six_encoders_are_drawn() {
    let (names, reasons) = drawn(&of(36, 42, 6, true), &["--set", "model.top_k=22"]);
    assert!(names.iter().any(|name| name == "figure_8_co_selection"));
    assert_eq!(reasons, Vec::<String>::new());
}

#[test]
fn two_classes_or_ten_with_blends_or_without_are_drawn() {
    for (classes, blends) in [(2, false), (2, true), (10, false), (10, true)] {
        let (names, reasons) = drawn(&of(3, 60, classes, blends), &["--set", "model.top_k=2"]);
        let salience = names.iter().any(|name| name == "salience_error");
        assert_eq!(salience, blends);
        let said = reasons
            .iter()
            .any(|reason| reason.contains("no clip shows exactly two"));
        assert_eq!(said, !blends, "{reasons:?}");
        assert_eq!(
            names.iter().any(|name| name == "importance_by_blend"),
            blends
        );
    }
}

#[test]
fn seven_clips_are_drawn() {
    let (names, _) = drawn(&of(3, 7, 2, true), &["--set", "model.top_k=2"]);
    assert!(names.iter().any(|name| name == "calibration"));
}

#[test]
fn a_uniform_gate_has_no_figure_of_weights() {
    let (names, reasons) = drawn(&of(3, 42, 3, true), &["--set", "model.gate=uniform"]);
    assert!(
        !names
            .iter()
            .any(|name| name.starts_with("figure_3") || name.starts_with("importance"))
    );
    assert!(
        reasons
            .iter()
            .any(|reason| reason.contains("the same weight")),
        "{reasons:?}"
    );
}

#[test]
fn one_class_alone_is_drawn_or_refused_in_words() {
    let place = Place::new();
    of(2, 21, 1, false).write(&place);
    let args = [
        &["cv", "data", "--out", "cv", "--set", "train.max_epochs=2"],
        SMALL,
    ]
    .concat();
    let ran = place.run(&args);
    if ran.code == 2 {
        assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
        return;
    }
    place.ok(&["analyze", "cv", "data"]);
    let html = page(&place, "cv");
    assert!(!html.contains(">NaN<") && !html.contains("\"NaN\""));
}
