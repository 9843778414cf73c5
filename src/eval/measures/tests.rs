//! The measures against scikit-learn and python-ldl (`fixtures/make_measures_fixtures.py`), and where
//! they are undefined.

use std::collections::BTreeMap;

use ndarray::{Array2, array};
use serde::Deserialize;

use super::{MEASURES, MeasureValues, Measured};
use crate::data::label::{Blend, Classes};

#[derive(Deserialize)]
struct Case {
    name: String,
    truths: Vec<Vec<f64>>,
    scores: Vec<Vec<f64>>,
    presence: Option<Vec<Vec<f64>>>,
    decided: Vec<Vec<f64>>,
    expected: BTreeMap<String, f64>,
}

fn matrix(rows: &[Vec<f64>]) -> Array2<f64> {
    let flat: Vec<f64> = rows.iter().flatten().copied().collect();
    Array2::from_shape_vec((rows.len(), rows[0].len()), flat).unwrap()
}

fn blends(rows: &[Vec<f64>]) -> Vec<Blend> {
    rows.iter()
        .map(|row| Blend::from_distribution(row))
        .collect()
}

fn measure(
    truths: &[Blend],
    decided: &[Blend],
    scores: Option<&Array2<f64>>,
    presence: Option<&Array2<f64>>,
    classes: usize,
) -> MeasureValues {
    let names: Vec<String> = (0..classes).map(|class| format!("c{class}")).collect();
    let measured = Measured {
        classes: &Classes::new(names),
        truths: &truths.iter().collect::<Vec<_>>(),
        decided: &decided.iter().collect::<Vec<_>>(),
        scores: scores.map(|rows| rows.view()),
        presence: presence.map(|rows| rows.view()),
    };
    MeasureValues::of(&measured).unwrap()
}

fn reason(found: &MeasureValues, name: &str) -> String {
    let (_, value) = found
        .iter()
        .find(|(measure, _)| measure.name == name)
        .unwrap();
    value.clone().unwrap_err()
}

#[test]
fn agrees_with_scikit_learn_and_python_ldl() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/measures.json");
    let cases: Vec<Case> = serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    assert_eq!(cases.len(), 7);
    let mut seen: BTreeMap<&str, usize> = BTreeMap::new();
    for case in &cases {
        let presence = case.presence.as_deref().map(matrix);
        let found = measure(
            &blends(&case.truths),
            &blends(&case.decided),
            Some(&matrix(&case.scores)),
            presence.as_ref(),
            case.truths[0].len(),
        );
        for (measure, value) in found.iter() {
            let name = measure.name;
            match (case.expected.get(name), value) {
                (Some(expected), Ok(value)) => {
                    assert!(
                        (value - expected).abs() <= 1e-9,
                        "{}, {name}: {value}, expected {expected}",
                        case.name
                    );
                    *seen.entry(name).or_default() += 1;
                }
                (None, Err(reason)) => assert!(!reason.is_empty()),
                (expected, value) => panic!("{}, {name}: {value:?}, {expected:?}", case.name),
            }
        }
    }
    // Every measure was compared at least once.
    assert_eq!(seen.len(), MEASURES.len());
}

#[test]
fn names_are_unique_and_values_are_in_their_order() {
    let names: std::collections::BTreeSet<&str> = MEASURES.iter().map(|m| m.name).collect();
    assert_eq!(names.len(), MEASURES.len());
    let one = [Blend::single(0), Blend::single(1)];
    let scores = array![[0.9, 0.1], [0.2, 0.8]];
    let found = measure(&one, &one, Some(&scores), None, 2);
    assert_eq!(found.values.len(), MEASURES.len());
    let without = measure(&one, &one, None, None, 2);
    assert_eq!(without.values.len(), MEASURES.len());
}

#[test]
fn what_is_undefined_has_a_reason() {
    let single = [Blend::single(0), Blend::single(0)];
    let scores = array![[0.5, 0.5], [0.75, 0.25]];
    let found = measure(&single, &single, Some(&scores), None, 2);
    assert!(reason(&found, "uar").contains("the same one"));
    assert!(reason(&found, "roc_auc").contains("not by others"));
    assert!(reason(&found, "mean_average_precision").contains("not by others"));
    assert!(reason(&found, "spearman").contains("1 of 2 clips"));
    assert_eq!(found.get("exact_set"), Some(1.0));
    assert_eq!(found.by_class[1].recall, None);

    let blend = blends(&[vec![0.5, 0.5], vec![0.5, 0.5]]);
    let found = measure(&blend, &blend, Some(&scores), Some(&scores), 2);
    assert!(reason(&found, "uar").contains("no clip shows exactly one"));
    assert!(reason(&found, "brier").contains("every clip shows every class"));
    assert!(reason(&found, "mu").contains("equal shares"));
    assert!(reason(&found, "top_1_ece").contains("no clip shows exactly one"));
    // Both have the largest share.
    assert_eq!(found.get("top_1"), Some(1.0));

    let found = measure(&blend, &blend, Some(&scores), None, 2);
    assert!(reason(&found, "ece").contains("probabilities of presence"));
    let zeros = array![[0.0, 0.0], [0.75, 0.25]];
    let found = measure(&blend, &blend, Some(&zeros), None, 2);
    assert!(reason(&found, "cosine").contains("row 1"));

    for found in [
        measure(&single, &single, None, None, 2),
        measure(&[], &[], None, None, 2),
    ] {
        for (measure, value) in found.iter() {
            assert!(value.as_ref().is_ok_and(|x| x.is_finite()) || value.is_err());
            if measure.name == "roc_auc" {
                assert!(value.as_ref().unwrap_err().contains("decoded predictions"));
            }
        }
    }
    let none = measure(&[], &[], None, None, 2);
    assert!(none.values.iter().all(Result::is_err));
    assert!(none.by_size.is_empty());
}

#[test]
fn sizes_of_the_true_set_are_told_apart() {
    let truths = blends(&[
        vec![1.0, 0.0, 0.0],
        vec![0.5, 0.5, 0.0],
        vec![0.5, 0.0, 0.5],
    ]);
    let decided = blends(&[
        vec![1.0, 0.0, 0.0],
        vec![1.0, 0.0, 0.0],
        vec![0.7, 0.0, 0.3],
    ]);
    let found = measure(&truths, &decided, None, None, 3);
    let sizes: Vec<_> = found.by_size.iter().map(|s| (s.size, s.clips)).collect();
    assert_eq!(sizes, [(1, 1), (2, 2)]);
    assert_eq!(found.by_size[1].exact_set, 0.5);
    assert_eq!(found.by_size[1].predicted_size, 1.5);
    assert!((found.by_size[1].hamming - 1.0 / 6.0).abs() <= 1e-15);
}

#[test]
fn other_shapes_and_values_that_are_no_scores_are_refused() {
    let names = Classes::new(["a", "b"]);
    let (a, b) = (Blend::single(0), Blend::single(1));
    let scores = array![[0.5, 0.5], [f64::NAN, 0.5]];
    let truths = [&a, &b];
    let mut measured = Measured {
        classes: &names,
        truths: &truths,
        decided: &truths,
        scores: Some(scores.view()),
        presence: None,
    };
    let message = MeasureValues::of(&measured).unwrap_err().to_string();
    assert!(message.contains("row 2: found NaN"), "{message}");
    measured.scores = None;
    measured.decided = &truths[..1];
    assert!(MeasureValues::of(&measured).is_err());
}
