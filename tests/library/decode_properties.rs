//! Properties of decoding for every row and threshold: at most two emotions, saliences that sum to 100,
//! no blend with neutral, and independence of the order of clips and, without ties, of classes.

use blendfuse::config::NeutralRule;
use blendfuse::data::label::{Blend, CHALLENGE_CLASSES, Classes};
use blendfuse::eval::align::align;
use blendfuse::eval::grid::Grid;
use blendfuse::eval::metrics::Accuracy;
use blendfuse::eval::rules::{Rules, Thresholds};
use blendfuse::eval::thresholds::Searcher;
use ndarray::Array2;
use proptest::prelude::*;

fn rules() -> impl Strategy<Value = Rules> {
    let paper = |neutral| Rules::Paper { neutral };
    prop_oneof![
        Just(paper(NeutralRule::Drop)),
        Just(paper(NeutralRule::KeepOne)),
        Just(Rules::Challenge),
    ]
}

fn thresholds() -> impl Strategy<Value = Thresholds> {
    // Twentieths, so that equality with a probability occurs.
    (0u32..=21, 0u32..=21).prop_map(|(presence, salience)| Thresholds {
        presence: f64::from(presence) / 20.0,
        salience: f64::from(salience) / 20.0,
    })
}

/// Rows with many ties and zeros, or with none.
fn row() -> impl Strategy<Value = Vec<f64>> {
    let coarse = prop::collection::vec((0u32..=20).prop_map(|v| f64::from(v) / 20.0), 6);
    let fine = prop::collection::vec(0.0f64..1.0, 6);
    prop_oneof![coarse, fine]
}

fn distinct(row: &[f64]) -> bool {
    let pairs = (0..row.len()).flat_map(|i| (0..i).map(move |j| (i, j)));
    pairs.into_iter().all(|(i, j)| row[i] != row[j])
}

fn shown(blend: &Blend, classes: &Classes) -> Vec<(String, f64)> {
    let parts = blend.parts().iter();
    let mut shown: Vec<_> = parts
        .map(|part| (classes.name(part.class).to_owned(), part.salience))
        .collect();
    shown.sort_by(|a, b| a.0.cmp(&b.0));
    shown
}

proptest! {
    #[test]
    fn one_or_two_emotions_that_sum_to_100_and_no_blend_with_neutral(
        rules in rules(), t in thresholds(), row in row(),
    ) {
        let classes = Classes::challenge();
        let blend = rules.decode(&row, &classes, t);
        let parts = blend.parts();
        prop_assert!((1..=2).contains(&parts.len()));
        prop_assert_eq!(parts.iter().map(|part| part.salience).sum::<f64>(), 100.0);
        if let [low, high] = parts {
            prop_assert!(low.class < high.class);
            prop_assert!(Some(high.class) != classes.neutral());
            // The larger share never goes to the smaller probability.
            let ordered = (row[low.class] - row[high.class]) * (low.salience - high.salience);
            prop_assert!(ordered >= 0.0);
            prop_assert!(row[low.class] >= t.presence && row[high.class] >= t.presence);
        }
    }

    #[test]
    fn renaming_and_reordering_classes_changes_nothing_without_ties(
        rules in rules(), t in thresholds(), row in row(),
        order in Just((0..6).collect::<Vec<usize>>()).prop_shuffle(),
    ) {
        prop_assume!(distinct(&row));
        let classes = Classes::challenge();
        let permuted = Classes::new(order.iter().map(|&class| CHALLENGE_CLASSES[class]));
        let permuted_row: Vec<f64> = order.iter().map(|&class| row[class]).collect();
        // A rounding of f_i / (f_i + f_j) cannot differ: the pair is always taken larger first.
        let before = rules.decode(&row, &classes, t);
        let after = rules.decode(&permuted_row, &permuted, t);
        prop_assert_eq!(shown(&before, &classes), shown(&after, &permuted));
    }

    #[test]
    fn the_order_of_clips_changes_neither_scores_nor_the_chosen_cell(
        rules in rules(),
        clips in prop::collection::vec((row(), row()), 1..12)
            .prop_flat_map(|clips| (Just(clips.clone()), Just(clips).prop_shuffle())),
    ) {
        let classes = Classes::challenge();
        let grid = Grid::for_rules(rules);
        let searcher = Searcher { rules, grid: &grid, presence_weight: 0.5, classes: &classes };
        let exact = Thresholds { presence: 0.2, salience: 0.1 };
        let run = |clips: &[(Vec<f64>, Vec<f64>)]| {
            let truths: Vec<Blend> = clips
                .iter()
                .map(|(truth, _)| rules.decode(truth, &classes, exact))
                .collect();
            let rows: Vec<f64> = clips.iter().flat_map(|(_, row)| row.clone()).collect();
            let rows = Array2::from_shape_vec((clips.len(), 6), rows).unwrap();
            let found = rules.decode_rows(rows.view(), &classes, exact).unwrap();
            let accuracy = Accuracy::of(truths.iter().zip(&found));
            (accuracy, searcher.search(rows.view(), &truths).unwrap())
        };
        prop_assert_eq!(run(&clips.0), run(&clips.1));
    }

    #[test]
    fn alignment_gives_distributions(p in row(), s in row(), alpha in 0.0f64..50.0) {
        let matrix = |row: Vec<f64>| Array2::from_shape_vec((1, 6), row).unwrap();
        let f = align(matrix(p).view(), matrix(s).view(), alpha).unwrap();
        prop_assert!((f.sum() - 1.0).abs() <= 1e-12);
        prop_assert!(f.iter().all(|v| (0.0..=1.0).contains(v)));
    }
}
