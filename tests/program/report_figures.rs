//! Figures that are right or left out with a reason, whatever the data are.

use std::fs;

use blendfuse::testing::formats::npz::write::{Precision, write};

use crate::command::Place;
use crate::reports::{has, json, page, run, tiles};
use crate::small_data::noise;

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
fn one_class_alone_has_its_score_and_no_figures_of_models() {
    let place = Place::new();
    of(3, 42, 1, false).write(&place);
    let flags = ["--set", "model.top_k=2"];
    run(&place, &["cv", "data", "--out", "cv"], &flags);
    let analysed = place.ok(&["analyze", "cv", "data"]);
    assert!(
        analysed.starts_with("42 clips: ACC_presence 1.0000  ACC_salience -  average -\n"),
        "{analysed}"
    );
    let found = json(&place, "cv/analysis/analysis.json");
    assert_eq!(found["figures"], serde_json::json!([]));
    let reason = "No figures of the models: class0 is the only class, so every answer is right and there is nothing to learn.";
    assert_eq!(found["left_out"], serde_json::json!([reason]));
    let html = page(&place, "cv");
    let (lead, all) = tiles(&html);
    has(&lead, &["ACC_presence", "100.00 % ± 0.00"]);
    // An answer that needs no model is as good.
    has(&all, &["100.00 to 100.00 %", "difference +0.00 points"]);
    has(&html, &[reason, "of each fold, ACC_presence 100.00 %."]);
    // The scores of the folds are drawn, and no tick is more than all.
    let drawings: Vec<&str> = html.split("<svg").skip(1).collect();
    assert_eq!(drawings.len(), 1);
    check_drawing(
        &drawings[0][..drawings[0].find("</svg>").unwrap()],
        "fold_scores",
    );
    assert!(drawings[0].contains(">100.0<"));
    assert!(!html.contains(">100.2<") && !html.contains("average 50.00"));
}
