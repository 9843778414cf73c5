//! The challenge's own scores on real predictions, exactly. The data are beside the repository in
//! `../shared/data/blemore_predictions`; without them each test says "skipped" and passes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use blendfuse::data::label::{Blend, Classes, Part};
use blendfuse::eval::confusion::set_name;
use blendfuse::eval::filename;
use blendfuse::eval::frequency::Frequencies;
use blendfuse::eval::grid::Grid;
use blendfuse::eval::join::join;
use blendfuse::eval::metrics::Accuracy;
use blendfuse::eval::probabilities::ProbabilityTable;
use blendfuse::eval::rules::{Rules, Thresholds};
use blendfuse::eval::submission::Predictions;
use blendfuse::eval::thresholds::{Search, Searcher};
use serde_json::Value;

fn data(name: &str) -> Option<PathBuf> {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let path = shared.join(name);
    if !path.exists() {
        #[expect(clippy::print_stdout, reason = "a test that did not run must say so")]
        {
            println!("skipped: no {}", path.display());
        }
        return None;
    }
    Some(path)
}

fn json(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn predictions_folder() -> Option<PathBuf> {
    data("blemore_predictions")
}

fn truths(filenames: &[String]) -> Vec<(String, Blend)> {
    let classes = Classes::challenge();
    let truth = |name: &String| (name.clone(), filename::truth(name, &classes).unwrap());
    filenames.iter().map(truth).collect()
}

fn decode(table: &ProbabilityTable, presence: f64, salience: f64) -> Predictions {
    let thresholds = Thresholds { presence, salience };
    let blends = Rules::Challenge
        .decode_rows(table.aligned.view(), &table.classes, thresholds)
        .unwrap();
    Predictions {
        clips: table.filenames.iter().cloned().zip(blends).collect(),
    }
}

fn accuracy(predictions: &Predictions) -> Accuracy {
    let names: Vec<String> = predictions
        .clips
        .iter()
        .map(|(name, _)| name.clone())
        .collect();
    let truths = truths(&names);
    let joined = join(&predictions.clips, &truths).unwrap();
    assert!(joined.missing.is_empty() && joined.unknown.is_empty());
    Accuracy::of(joined.pairs)
}

fn search(table: &ProbabilityTable) -> Search {
    let truths: Vec<Blend> = truths(&table.filenames)
        .into_iter()
        .map(|(_, b)| b)
        .collect();
    let searcher = Searcher {
        rules: Rules::Challenge,
        grid: &Grid::challenge(),
        presence_weight: 0.5,
        classes: &table.classes,
    };
    searcher.search(table.aligned.view(), &truths).unwrap()
}

#[test]
fn decoding_and_scores_give_the_official_figures() {
    let Some(folder) = predictions_folder() else {
        return;
    };
    let table = ProbabilityTable::read_csv(&folder.join("probs.csv")).unwrap();
    let mut cells = 0;
    for (name, expected) in json(&folder.join("expected.json")).as_object().unwrap() {
        if !name.starts_with("decode_") {
            continue;
        }
        let get = |key: &str| expected[key].as_f64().unwrap();
        let decoded = decode(&table, get("presence_threshold"), get("salience_threshold"));
        let accuracy = accuracy(&decoded);
        assert_eq!(accuracy.presence(), Some(get("acc_presence")), "{name}");
        assert_eq!(accuracy.salience(), Some(get("acc_salience")), "{name}");
        assert_eq!((accuracy.clips, accuracy.blends), (522, 280));
        cells += 1;
    }
    assert_eq!(cells, 5);
}

#[test]
fn the_threshold_search_finds_the_official_cell() {
    let Some(folder) = predictions_folder() else {
        return;
    };
    let table = ProbabilityTable::read_csv(&folder.join("probs.csv")).unwrap();
    let found = search(&table);
    let expected = &json(&folder.join("expected.json"))["grid_search"];
    let figures = [
        ("alpha", found.best.thresholds.presence),
        ("beta", found.best.thresholds.salience),
        ("acc_presence", found.best.accuracy.presence().unwrap()),
        ("acc_salience", found.best.accuracy.salience().unwrap()),
        ("presence_only", found.best_presence()),
        ("salience_only", found.best_salience()),
    ];
    for (key, value) in figures {
        assert_eq!(Some(value), expected[key].as_f64(), "{key}");
    }
}

/// Compares with an official file, read by a plain JSON reader rather than ours.
fn assert_same_dictionary(ours: &Predictions, path: &Path) {
    let written = ours.to_json(&Classes::challenge()).unwrap();
    let ours: Value = serde_json::from_slice(&written).unwrap();
    let official = json(path);
    let official = official.get("predictions").unwrap_or(&official);
    let ours = &ours["predictions"];
    let counts = [ours, official].map(|d| d.as_object().unwrap().len());
    assert_eq!(counts[0], counts[1], "{}", path.display());
    for (name, parts) in official.as_object().unwrap() {
        assert_eq!(&ours[name], parts, "{}: {name}", path.display());
    }
}

#[test]
fn predictions_are_the_official_dictionaries() {
    let Some(folder) = predictions_folder() else {
        return;
    };
    let table = ProbabilityTable::read_csv(&folder.join("probs.csv")).unwrap();
    let best = search(&table).best.thresholds;
    for (name, presence, salience) in [
        ("predictions_0.1_0.1.json", 0.1, 0.1),
        ("predictions_best.json", best.presence, best.salience),
    ] {
        let (path, ours) = (folder.join(name), decode(&table, presence, salience));
        assert_same_dictionary(&ours, &path);
        assert_eq!(
            Predictions::read(&path, &Classes::challenge()).unwrap(),
            ours
        );
    }
}

#[test]
fn derived_sets_agree_in_every_cell_and_prediction() {
    let Some(folder) = predictions_folder() else {
        return;
    };
    let folder = folder.join("derived");
    for set in ["sharp6", "swap_hap_neu"] {
        let table = ProbabilityTable::read_csv(&folder.join(format!("{set}.csv"))).unwrap();
        let found = search(&table);
        let mut grid = csv::Reader::from_path(folder.join(format!("{set}_grid.csv"))).unwrap();
        let mut rows = 0;
        for (row, cell) in grid.records().zip(&found.cells) {
            let row = row.unwrap();
            let expected: Vec<f64> = row.iter().map(|v| v.parse().unwrap()).collect();
            let ours = vec![
                cell.thresholds.presence,
                cell.thresholds.salience,
                cell.accuracy.presence().unwrap(),
                cell.accuracy.salience().unwrap(),
            ];
            assert_eq!(ours, expected, "{set}");
            rows += 1;
        }
        assert_eq!((rows, found.cells.len()), (400, 400));
        // Made with the official function's default thresholds.
        let ours = decode(&table, 0.1, 0.1);
        assert_same_dictionary(&ours, &folder.join(format!("{set}_predictions.json")));
    }
}

#[test]
fn counts_and_trivial_baselines_are_the_official_ones() {
    let Some(folder) = predictions_folder() else {
        return;
    };
    let classes = Classes::challenge();
    let expected = json(&folder.join("expected.json"));
    let table = ProbabilityTable::read_csv(&folder.join("probs.csv")).unwrap();
    let truths: Vec<Blend> = truths(&table.filenames)
        .into_iter()
        .map(|(_, b)| b)
        .collect();
    let found = Frequencies::of(&truths);

    let listed = |list: &[(Blend, usize)], name: &dyn Fn(&Blend) -> String| -> Value {
        list.iter()
            .map(|(label, count)| serde_json::json!([name(label), count]))
            .collect()
    };
    let set = |blend: &Blend| set_name(blend, &classes);
    let with_shares = |blend: &Blend| {
        let shares: Vec<String> = blend
            .parts()
            .iter()
            .map(|p| p.salience.to_string())
            .collect();
        format!("{} ({})", set(blend), shares.join("/"))
    };
    let counts = &expected["counts"];
    assert_eq!(listed(&found.singles, &set), counts["single"]);
    assert_eq!(listed(&found.sets, &set), counts["blend"]);
    assert_eq!(
        listed(&found.blends, &with_shares),
        counts["blend_salience"]
    );
    let all = Accuracy::of(truths.iter().map(|truth| (truth, &truths[0])));
    assert_eq!(serde_json::json!(all.clips), counts["clips"]);
    assert_eq!(serde_json::json!(all.blends), counts["blends"]);

    let mut checked = 0;
    for (labels, key) in [(&found.singles, "trivial"), (&found.sets, "trivial_blend")] {
        let expected: BTreeMap<String, f64> =
            serde_json::from_value(expected[key].clone()).unwrap();
        for (label, _) in labels {
            let constant = Accuracy::of(truths.iter().map(|truth| (truth, label)));
            if let Some(&figure) = expected.get(&set(label)) {
                assert_eq!(constant.presence(), Some(figure), "{}", set(label));
                checked += 1;
            }
        }
    }
    assert_eq!(checked, 9);
}

/// Decode cases where we differ from the official code on purpose.
const OTHER_DECODES: [(&str, &str); 5] = [
    (
        "second = f32(0.35), alpha 0.35",
        "compared in f32 there because the threshold is a python float; always f64 here, as its own grid search",
    ),
    (
        "negative values",
        "no probability; readers refuse it (there the mask's zeros win: `fea`)",
    ),
    (
        "all NaN",
        "no probability; readers refuse it (there an unpacking error)",
    ),
    ("two Inf", "no probability; readers refuse it"),
    (
        "no top-2, three above alpha incl. neutral",
        "the official step that keeps the top two was left out",
    ),
];

/// The row as the official code saw it: "probs" shows f32 values in their shortest digits.
fn decode_row(case: &Value) -> Vec<f64> {
    let probs = case["probs"].as_array().unwrap().iter();
    let row: Vec<f64> = probs
        .map(|v| match v {
            Value::String(text) => text.to_lowercase().parse().unwrap(),
            number => number.as_f64().unwrap(),
        })
        .collect();
    match case["dtype"].as_str() {
        Some("f4") => row.iter().map(|&v| f64::from(v as f32)).collect(),
        _ => row,
    }
}

fn entries(value: &Value) -> Vec<(String, f64)> {
    let entry = |e: &Value| {
        let salience = e["salience"].as_f64().unwrap();
        (e["emotion"].as_str().unwrap().to_owned(), salience)
    };
    value.as_array().unwrap().iter().map(entry).collect()
}

#[test]
fn edge_cases_decode_as_the_official_code_does() {
    let Some(folder) = predictions_folder() else {
        return;
    };
    let classes = Classes::challenge();
    let mut same = 0;
    for case in json(&folder.join("edge_cases.json"))["decode"]
        .as_array()
        .unwrap()
    {
        let name = case["name"].as_str().unwrap();
        let row = decode_row(case);
        let thresholds = Thresholds {
            presence: case["alpha"].as_f64().unwrap(),
            salience: case["beta"].as_f64().unwrap(),
        };
        let ours: Vec<(String, f64)> = Rules::Challenge
            .decode(&row, &classes, thresholds)
            .parts()
            .iter()
            .map(|part| (classes.name(part.class).to_owned(), part.salience))
            .collect();
        let official = case.get("result").map(entries);
        if OTHER_DECODES.iter().any(|(other, _)| *other == name) {
            assert_ne!(Some(ours), official, "{name} agrees: take it off the list");
            continue;
        }
        assert_eq!(Some(ours), official, "{name}");
        same += 1;
    }
    assert_eq!(same, 26 - OTHER_DECODES.len());
}

/// Accuracy cases where our reader refuses what the official scorer accepts or fails on.
const REFUSED: [(&str, &str); 9] = [
    ("empty", "nothing to score: NaN there, an error here"),
    ("same emotion twice", "a prediction names an emotion once"),
    (
        "single predicted twice",
        "a prediction names an emotion once",
    ),
    ("missing emotion", "KeyError there"),
    (
        "unknown emotion",
        "a typo would otherwise only lower the score",
    ),
    ("test set name", "IndexError there"),
    ("mix too short", "IndexError there"),
    ("ver without a digit", "IndexError there"),
    ("mix name with non-numeric salience", "ValueError there"),
];

#[test]
fn edge_cases_score_as_the_official_code_does() {
    let Some(folder) = predictions_folder() else {
        return;
    };
    let classes = Classes::challenge();
    let scratch = tempfile::tempdir().unwrap();
    let path = scratch.path().join("case.json");
    let score = |preds: &Value| -> blendfuse::Result<Accuracy> {
        std::fs::write(&path, preds.to_string()).unwrap();
        let predictions = Predictions::read(&path, &classes)?;
        let mut truths = Vec::new();
        for (name, _) in &predictions.clips {
            truths.push((name.clone(), filename::truth(name, &classes)?));
        }
        Ok(Accuracy::of(join(&predictions.clips, &truths)?.pairs))
    };
    let mut same = 0;
    for case in json(&folder.join("edge_cases.json"))["accuracy"]
        .as_array()
        .unwrap()
    {
        let name = case["name"].as_str().unwrap();
        let ours = score(&case["preds"]);
        if REFUSED.iter().any(|(other, _)| *other == name) {
            let error = ours.expect_err(name);
            assert!(error.is_input() && !error.to_string().contains('\n'));
            continue;
        }
        let ours = ours.unwrap();
        assert_eq!(ours.presence(), case["acc_presence"].as_f64(), "{name}");
        let salience = ours.salience().unwrap_or(0.0);
        assert_eq!(Some(salience), case["acc_salience"].as_f64(), "{name}");
        same += 1;
    }
    assert_eq!(same, 18 - REFUSED.len());
}

#[test]
fn duplicate_emotions_score_as_in_the_official_code_without_a_reader() {
    let classes = Classes::challenge();
    let twice = |class, shares: [f64; 2]| {
        let part = |salience| Part { class, salience };
        Blend::new(shares.map(part).to_vec())
    };
    let blend = filename::truth("A411_mix_ang_hap_30_70_ver1", &classes).unwrap();
    let single = filename::truth("A102_ang_int1_ver1", &classes).unwrap();
    let accuracy = |truth: &Blend, predicted: &Blend| Accuracy::of([(truth, predicted)]);
    let doubled = accuracy(&blend, &twice(3, [70.0, 30.0]));
    assert_eq!(
        (doubled.presence(), doubled.salience()),
        (Some(0.0), Some(0.0))
    );
    let doubled = accuracy(&single, &twice(0, [50.0, 50.0]));
    assert_eq!((doubled.presence(), doubled.salience()), (Some(1.0), None));
}

#[test]
fn the_challenges_template_reads_and_our_zip_has_its_structure() {
    let Some(folder) = data("submission") else {
        return;
    };
    let classes = Classes::challenge();
    let template = folder.join("submission_template.json");
    let predictions = Predictions::read(&template, &classes).unwrap();
    assert_eq!(predictions.clips.len(), 594);
    assert_eq!(predictions.clips[0].0, "test_0001.mov");
    let official = folder.join("submission_template_codabench.zip");
    assert_eq!(Predictions::read(&official, &classes).unwrap(), predictions);

    let scratch = tempfile::tempdir().unwrap();
    let ours = scratch.path().join("submission_template.zip");
    predictions.write(&ours, &classes).unwrap();
    assert_eq!(Predictions::read(&ours, &classes).unwrap(), predictions);
    let members = |path: &Path| {
        let mut archive = zip::ZipArchive::new(std::fs::File::open(path).unwrap()).unwrap();
        let indices = 0..archive.len();
        indices
            .map(|at| {
                let member = archive.by_index(at).unwrap();
                (member.name().unwrap().into_owned(), member.compression())
            })
            .collect::<Vec<_>>()
    };
    assert_eq!(members(&ours), members(&official));
}
