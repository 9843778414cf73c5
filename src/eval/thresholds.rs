//! Choosing the thresholds (t_p, t_s) and the alignment's α by grid search on validation clips.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::align::align;
use super::grid::Grid;
use super::metrics::Accuracy;
use super::ranked::rank_rows;
use super::rules::{Rules, Thresholds};
use crate::data::label::{Blend, Classes};
use crate::{Error, Result};

/// One combination of the grid and what it scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// α of the alignment; `None` where the rows were one distribution already.
    pub alpha: Option<f64>,
    /// (t_p, t_s).
    pub thresholds: Thresholds,
    /// The counts behind the official accuracies.
    pub accuracy: Accuracy,
    /// What was maximised.
    pub score: f64,
}

/// The outcome of a search.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    /// The cell with the highest score; the first in grid order among equals.
    pub best: Cell,
    /// All cells in grid order: α outermost, then t_p, then t_s.
    pub cells: Vec<Cell>,
    /// Whether ACC_salience is defined (some truth has exactly two emotions). Where it is not, the
    /// score is ACC_presence alone, so t_s stays at the grid's first value: nothing chose it.
    pub salience_defined: bool,
}

impl Search {
    /// The highest ACC_presence of any cell (the challenge reports it beside the chosen one).
    pub fn best_presence(&self) -> f64 {
        self.highest(|accuracy| accuracy.presence())
    }

    /// The highest ACC_salience of any cell; 0 where it is undefined.
    pub fn best_salience(&self) -> f64 {
        self.highest(|accuracy| accuracy.salience())
    }

    fn highest(&self, measure: fn(&Accuracy) -> Option<f64>) -> f64 {
        let values = self.cells.iter().filter_map(|cell| measure(&cell.accuracy));
        values.fold(0.0, f64::max)
    }
}

/// What a search maximises and over what.
#[derive(Clone, Copy, Debug)]
pub struct Searcher<'a> {
    /// How rows are decoded.
    pub rules: Rules,
    /// The values tried.
    pub grid: &'a Grid,
    /// w in [0, 1] of `w · ACC_presence + (1 − w) · ACC_salience`; 0.5 in the paper and the challenge.
    pub presence_weight: f64,
    /// The classes of the rows.
    pub classes: &'a Classes,
}

impl Searcher<'_> {
    /// Searches (t_p, t_s) on one distribution per clip, `(clips, classes)`, with their truths in
    /// the same order. `grid.alpha` is not used. Cells are scored in parallel and compared in grid
    /// order, so the result does not depend on the number of threads.
    ///
    /// # Errors
    /// [`Error::Shape`] if rows and truths or classes do not fit; [`Error::Unlabelled`] without clips; [`Error::Data`]
    /// for a row with a negative or non-finite value; [`Error::Config`] for a weight outside
    /// [0, 1], an empty grid or a value in it that is not finite.
    pub fn search(&self, rows: ArrayView2<'_, f64>, truths: &[Blend]) -> Result<Search> {
        self.check(rows.nrows(), truths)?;
        Ok(self.finish(self.cells(None, rows, truths)?, truths))
    }

    /// Searches (α, t_p, t_s) on the two heads' outputs, each `(clips, classes)` in [0, 1],
    /// aligning them anew for each α of the grid (eq. 14).
    ///
    /// # Errors
    /// As [`Searcher::search`] and [`align`].
    pub fn search_heads<F: Copy + Into<f64>>(
        &self,
        presence: ArrayView2<'_, F>,
        salience: ArrayView2<'_, F>,
        truths: &[Blend],
    ) -> Result<Search> {
        self.check(presence.nrows(), truths)?;
        let mut cells = Vec::new();
        for &alpha in &self.grid.alpha {
            let rows = align(presence, salience, alpha)?;
            cells.extend(self.cells(Some(alpha), rows.view(), truths)?);
        }
        Ok(self.finish(cells, truths))
    }

    fn check(&self, rows: usize, truths: &[Blend]) -> Result<()> {
        self.grid.check()?;
        if !(0.0..=1.0).contains(&self.presence_weight) {
            return Err(Error::Config {
                field: "weight of presence in the threshold search".into(),
                reason: format!("found {}, expected 0 to 1", self.presence_weight),
            });
        }
        if rows != truths.len() {
            return Err(Error::Shape {
                op: "threshold search",
                expected: format!("a truth for each of {rows} rows"),
                got: format!("{}", truths.len()),
            });
        }
        if rows == 0 {
            return Err(Error::Unlabelled {
                clip: None,
                purpose: "to search thresholds on",
            });
        }
        Ok(())
    }

    fn cells(
        &self,
        alpha: Option<f64>,
        rows: ArrayView2<'_, f64>,
        truths: &[Blend],
    ) -> Result<Vec<Cell>> {
        let ranked = rank_rows(rows, self.classes)?;
        let defined = salience_defined(truths);
        let row_of_cells = |&presence: &f64| {
            let cell = |&salience: &f64| {
                let thresholds = Thresholds { presence, salience };
                let mut accuracy = Accuracy::default();
                for (row, truth) in ranked.iter().zip(truths) {
                    let decision = row.decide(self.rules, thresholds).decision();
                    accuracy.count_parts(truth.parts(), decision.parts());
                }
                let weight = if defined { self.presence_weight } else { 1.0 };
                let score = accuracy.weighted(weight);
                Cell {
                    alpha,
                    thresholds,
                    accuracy,
                    score,
                }
            };
            self.grid.salience.iter().map(cell).collect::<Vec<_>>()
        };
        // An indexed parallel iterator collects in order: grid order survives any thread count.
        let cells: Vec<Vec<Cell>> = self.grid.presence.par_iter().map(row_of_cells).collect();
        Ok(cells.into_iter().flatten().collect())
    }

    /// `cells` is not empty: the grid was checked.
    fn finish(&self, cells: Vec<Cell>, truths: &[Blend]) -> Search {
        let mut best = cells[0];
        for cell in &cells {
            if cell.score > best.score {
                best = *cell;
            }
        }
        Search {
            best,
            cells,
            salience_defined: salience_defined(truths),
        }
    }
}

fn salience_defined(truths: &[Blend]) -> bool {
    truths.iter().any(|truth| truth.parts().len() == 2)
}

#[cfg(test)]
mod tests {
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
}
