//! Decoding, scores, threshold search and alignment against `fixtures/official_cases.json`, which an
//! independent implementation of the rules made (`fixtures/make_official_fixtures.py`).

use blendfuse::config::NeutralRule;
use blendfuse::data::label::{Blend, Classes, Part};
use blendfuse::eval::align::align;
use blendfuse::eval::grid::Grid;
use blendfuse::eval::metrics::Accuracy;
use blendfuse::eval::rules::{Rules, Thresholds};
use blendfuse::eval::thresholds::Searcher;
use ndarray::Array2;
use serde_json::Value;

const RULES: [(&str, Rules); 3] = [
    ("challenge", Rules::Challenge),
    (
        "paper",
        Rules::Paper {
            neutral: NeutralRule::Drop,
        },
    ),
    (
        "paper_keep_one",
        Rules::Paper {
            neutral: NeutralRule::KeepOne,
        },
    ),
];

fn cases() -> Value {
    let text = include_str!("../../fixtures/official_cases.json");
    serde_json::from_str(text).unwrap()
}

/// A float, written as text.
fn float(value: &Value) -> f64 {
    value.as_str().unwrap().parse().unwrap()
}

fn floats(value: &Value) -> Vec<f64> {
    value.as_array().unwrap().iter().map(float).collect()
}

fn matrix(value: &Value) -> Array2<f64> {
    let rows: Vec<Vec<f64>> = value.as_array().unwrap().iter().map(floats).collect();
    let shape = (rows.len(), rows[0].len());
    Array2::from_shape_vec(shape, rows.concat()).unwrap()
}

/// `[[class, salience], …]`.
fn blend(value: &Value) -> Blend {
    let part = |part: &Value| Part {
        class: part[0].as_u64().unwrap() as usize,
        salience: part[1].as_f64().unwrap(),
    };
    Blend::new(value.as_array().unwrap().iter().map(part).collect())
}

fn blends(value: &Value) -> Vec<Blend> {
    value.as_array().unwrap().iter().map(blend).collect()
}

#[test]
fn every_edge_row_decodes_as_the_rules_say() {
    let (cases, classes) = (cases(), Classes::challenge());
    let mut checked = 0;
    for edge in cases["edges"].as_array().unwrap() {
        let row = floats(&edge["row"]);
        for case in edge["cases"].as_array().unwrap() {
            let thresholds = Thresholds {
                presence: float(&case[0]),
                salience: float(&case[1]),
            };
            for (name, rules) in RULES {
                let found = rules.decode(&row, &classes, thresholds);
                assert_eq!(
                    found,
                    blend(&case[2][name]),
                    "{name} {row:?} {thresholds:?}"
                );
                checked += 1;
            }
        }
    }
    assert!(checked > 700, "{checked}");
}

#[test]
fn random_rows_decode_and_score_as_the_rules_say() {
    let (cases, classes) = (cases(), Classes::challenge());
    let random = &cases["random"];
    let (rows, truths) = (matrix(&random["rows"]), blends(&random["truths"]));
    for entry in random["decoded"].as_array().unwrap() {
        let thresholds = Thresholds {
            presence: float(&entry["presence"]),
            salience: float(&entry["salience"]),
        };
        for (name, rules) in RULES {
            let found = rules
                .decode_rows(rows.view(), &classes, thresholds)
                .unwrap();
            let expected = &entry["rules"][name];
            assert_eq!(found, blends(&expected["parts"]), "{name} {thresholds:?}");
            let a = Accuracy::of(truths.iter().zip(&found));
            let counts = [a.clips, a.blends, a.presence_correct, a.salience_correct];
            assert_eq!(serde_json::json!(counts), expected["counts"], "{name}");
        }
    }
}

#[test]
fn the_search_finds_the_same_cell() {
    let (cases, classes) = (cases(), Classes::challenge());
    let random = &cases["random"];
    let (rows, truths) = (matrix(&random["rows"]), blends(&random["truths"]));
    assert_eq!(Grid::challenge().presence, floats(&cases["linspace"]));
    for (name, rules) in RULES {
        let grid = Grid::for_rules(rules);
        let searcher = Searcher {
            rules,
            grid: &grid,
            presence_weight: 0.5,
            classes: &classes,
        };
        let best = searcher.search(rows.view(), &truths).unwrap().best;
        let found = vec![
            best.score,
            best.thresholds.presence,
            best.thresholds.salience,
        ];
        assert_eq!(found, floats(&random["searches"][name]), "{name}");
    }
}

#[test]
fn alignment_follows_equation_14() {
    for case in cases()["alignments"].as_array().unwrap() {
        let row = |key: &str| Array2::from_shape_vec((1, 6), floats(&case[key])).unwrap();
        let f = align(row("p").view(), row("s").view(), float(&case["alpha"])).unwrap();
        for (found, expected) in f.iter().zip(&row("f")) {
            assert!((found - expected).abs() <= 1e-13, "{found} {expected}");
        }
    }
}
