use super::*;
use ndarray::array;
use serde::Deserialize;

/// `fixtures/cka.json`, written by `fixtures/make_cka_fixtures.py` with NumPy from clips × clips
/// matrices.
#[derive(Deserialize)]
struct Case {
    name: String,
    x: Vec<Vec<f64>>,
    y: Vec<Vec<f64>>,
    cka: f64,
}

fn matrix(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(r, c)| rows[r][c])
}

fn cases() -> Vec<Case> {
    serde_json::from_str(include_str!("../../../fixtures/cka.json")).unwrap()
}

#[test]
fn agrees_with_numpy() {
    for case in cases() {
        let (x, y) = (matrix(&case.x), matrix(&case.y));
        let found = linear_cka(x.view(), y.view()).unwrap().unwrap();
        let off = (found - case.cka).abs();
        assert!(off < 1e-10, "{}: {found} {}", case.name, case.cka);
    }
}

#[test]
fn a_rotated_and_scaled_and_shifted_copy_is_the_same() {
    let x = matrix(&cases()[0].x);
    let turn = 0.7f64;
    let mut y = x.clone();
    for mut row in y.rows_mut() {
        let (a, b) = (row[0], row[1]);
        row[0] = a * turn.cos() - b * turn.sin();
        row[1] = a * turn.sin() + b * turn.cos();
        row.mapv_inplace(|x| -3.0 * x + 5.0);
    }
    let found = linear_cka(x.view(), y.view()).unwrap().unwrap();
    assert!((found - 1.0).abs() < 1e-12, "{found}");
}

#[test]
fn pairs_together_are_pairs_alone() {
    let random = cases();
    let embeddings: Vec<Array2<f32>> = random[..3]
        .iter()
        .map(|case| matrix(&case.x).mapv(|x| x as f32))
        .collect();
    let clips = embeddings[0].nrows();
    let all = pairwise_cka(&embeddings, &Presence::complete()).unwrap();
    let column = |m: usize| (0..clips).map(move |clip| (m, clip) != (1, 4));
    let presence = Presence::from_columns((0..3).map(column));
    let without = pairwise_cka(&embeddings, &presence).unwrap();
    for a in 0..3 {
        for b in 0..3 {
            let alone = linear_cka(embeddings[a].view(), embeddings[b].view());
            let alone = alone.unwrap().unwrap();
            assert!((all[[a, b]] - alone).abs() < 1e-12);
            assert_eq!(all[[a, b]], all[[b, a]]);
            let affected = a == 1 || b == 1;
            assert!(a == b || (without[[a, b]] != all[[a, b]]) == affected);
        }
        assert!((all[[a, a]] - 1.0).abs() < 1e-12);
    }
    // The values of a missing clip do not matter.
    let mut other = embeddings.clone();
    other[1].row_mut(4).fill(1e6);
    assert_eq!(pairwise_cka(&other, &presence).unwrap(), without);
}

#[test]
fn what_does_not_vary_is_like_nothing() {
    let x = array![[1.0, 2.0], [3.0, 1.0], [0.0, 0.5]];
    let flat = Array2::from_elem((3, 2), 4.0);
    assert_eq!(linear_cka(x.view(), flat.view()).unwrap(), None);
    let short = array![[1.0, 2.0]];
    let error = linear_cka(x.view(), short.view()).unwrap_err();
    assert!(error.to_string().contains("expected 3 rows"), "{error}");
    let presence = Presence::from_columns([[true, false]]);
    let error = pairwise_cka(&[array![[1.0f32], [2.0], [3.0]]], &presence).unwrap_err();
    assert!(error.to_string().contains("presence of 3 × 1"), "{error}");
    let empty = pairwise_cka(&[], &Presence::complete()).unwrap();
    assert_eq!(empty.dim(), (0, 0));
}
