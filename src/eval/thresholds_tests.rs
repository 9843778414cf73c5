//! Tests of the threshold search.

use super::*;
use crate::data::label::Part;
use crate::rng::{Purpose, Stream};
use ndarray::Array2;

fn random(clips: usize) -> (Array2<f64>, Array2<f64>, Vec<Blend>) {
    let mut stream = Stream::new(7, Purpose::Test, 0, 0);
    let mut heads = || Array2::from_shape_simple_fn((clips, 6), || stream.uniform().powi(3));
    let (presence, mut salience) = (heads(), heads());
    for mut row in salience.rows_mut() {
        let sum = row.sum();
        row.mapv_inplace(|v| v / sum);
    }
    let truths = (0..clips).map(|_| {
        let first = stream.below(5);
        let second = (first + 1 + stream.below(4)) % 5;
        match stream.below(4) {
            0 => Blend::single(stream.below(6)),
            other => {
                let share = [30.0, 50.0, 70.0][other - 1];
                let part = |class, salience| Part { class, salience };
                Blend::new(vec![part(first, share), part(second, 100.0 - share)])
            }
        }
    });
    let truths = truths.collect();
    (presence, salience, truths)
}

#[test]
fn equals_brute_force_for_all_rules_and_exponents() {
    let (presence, salience, truths) = random(80);
    let classes = Classes::challenge();
    let keep_one = Rules::Paper {
        neutral: crate::config::NeutralRule::KeepOne,
    };
    for rules in [Rules::default(), keep_one, Rules::Challenge] {
        let mut grid = Grid::for_rules(rules);
        grid.alpha = vec![0.0, 1.0, 2.5];
        let searcher = Searcher {
            rules,
            grid: &grid,
            presence_weight: 0.3,
            classes: &classes,
        };
        let found = searcher
            .search_heads(presence.view(), salience.view(), &truths)
            .unwrap();
        let mut best: Option<(f64, f64, Thresholds)> = None;
        let mut at = 0;
        for &alpha in &grid.alpha {
            let rows = align(presence.view(), salience.view(), alpha).unwrap();
            for &p in &grid.presence {
                for &s in &grid.salience {
                    let thresholds = Thresholds {
                        presence: p,
                        salience: s,
                    };
                    let blends = rules.decode_rows(rows.view(), &classes, thresholds);
                    let accuracy = Accuracy::of(truths.iter().zip(&blends.unwrap()));
                    assert_eq!(found.cells[at].accuracy, accuracy);
                    at += 1;
                    let score = 0.3 * accuracy.presence().unwrap()
                        + (1.0 - 0.3) * accuracy.salience().unwrap();
                    if best.is_none_or(|best| score > best.0) {
                        best = Some((score, alpha, thresholds));
                    }
                }
            }
        }
        assert_eq!(found.cells.len(), at);
        let (score, alpha, thresholds) = best.unwrap();
        assert_eq!(found.best.score, score);
        assert_eq!(found.best.alpha, Some(alpha));
        assert_eq!(found.best.thresholds, thresholds);
    }
}

#[test]
fn the_result_does_not_depend_on_the_number_of_threads() {
    let (presence, salience, truths) = random(60);
    let (grid, classes) = (Grid::paper(), Classes::challenge());
    let searcher = Searcher {
        rules: Rules::default(),
        grid: &grid,
        presence_weight: 0.5,
        classes: &classes,
    };
    let search = |threads| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.unwrap()
            .install(|| searcher.search_heads(presence.view(), salience.view(), &truths))
            .unwrap()
    };
    assert_eq!(search(1), search(4));
}

#[test]
fn where_salience_is_undefined_presence_is_maximised_whatever_the_weight() {
    let rows = ndarray::array![[0.6, 0.4], [0.2, 0.8]];
    let truths = [Blend::single(0), Blend::single(1)];
    let (grid, classes) = (Grid::paper(), Classes::new(["joy", "awe"]));
    let searcher = Searcher {
        rules: Rules::default(),
        grid: &grid,
        presence_weight: 0.0,
        classes: &classes,
    };
    let found = searcher.search(rows.view(), &truths).unwrap();
    assert!(!found.salience_defined);
    assert_eq!((found.best.score, found.best.alpha), (1.0, None));
    // The first cell that drops 0.4.
    assert_eq!(found.best.thresholds.presence, 0.45);
    assert_eq!((found.best_presence(), found.best_salience()), (1.0, 0.0));
}

#[test]
fn refuses_what_cannot_be_searched() {
    let (presence, salience, truths) = random(4);
    let classes = Classes::challenge();
    let good = Grid::paper();
    let run = |grid: &Grid, presence_weight, truths: &[Blend]| {
        let searcher = Searcher {
            rules: Rules::default(),
            grid,
            presence_weight,
            classes: &classes,
        };
        searcher.search_heads(presence.view(), salience.view(), truths)
    };
    assert!(run(&good, 0.5, &truths).is_ok());
    assert!(matches!(
        run(&good, 0.5, &truths[1..]),
        Err(Error::Shape { .. })
    ));
    for weight in [-0.1, 1.1, f64::NAN] {
        assert!(matches!(
            run(&good, weight, &truths),
            Err(Error::Config { .. })
        ));
    }
    for alpha in [vec![], vec![f64::NAN], vec![-1.0]] {
        let grid = Grid {
            alpha,
            ..Grid::paper()
        };
        assert!(matches!(
            run(&grid, 0.5, &truths),
            Err(Error::Config { .. })
        ));
    }
    let none = Array2::<f64>::zeros((0, 6));
    let searcher = Searcher {
        rules: Rules::Challenge,
        grid: &good,
        presence_weight: 0.5,
        classes: &classes,
    };
    assert!(matches!(
        searcher.search(none.view(), &[]),
        Err(Error::Unlabelled { .. })
    ));
}
