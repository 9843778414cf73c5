//! Choosing the thresholds (t_p, t_s) and the alignment's exponents by grid search on validation clips.

use ndarray::ArrayView2;
use rayon::prelude::*;

use super::align::{Alignment, align};
use super::decode::Decoding;
use super::grid::Grid;
use super::metrics::Accuracy;
use super::objective::{Objective, divergence};
use super::overlap::overlap_of_parts;
use super::ranked::{Ranked, rank_rows};
use super::rules::{Rules, Thresholds};
use crate::data::label::{Blend, Classes, Part};
use crate::{Error, Result};

/// One combination of the grid and what it scores.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cell {
    /// α of the alignment; `None` where the rows were one distribution already.
    pub alpha: Option<f64>,
    /// β of the alignment, likewise.
    pub beta: Option<f64>,
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
    /// All cells in grid order: β and α outermost, then t_p, then t_s. With [`Objective::Divergence`] those
    /// of the best alignment alone.
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

/// A search with the challenge's sets: at most two emotions, 50/50 or 70/30.
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
    /// As [`TaskSearcher::search`].
    ///
    /// # Errors
    /// As there.
    pub fn search(&self, rows: ArrayView2<'_, f64>, truths: &[Blend]) -> Result<Search> {
        self.of_task(&self.rules.into()).search(rows, truths)
    }

    /// As [`TaskSearcher::search_heads`].
    ///
    /// # Errors
    /// As there.
    pub fn search_heads<F: Copy + Into<f64>>(
        &self,
        presence: ArrayView2<'_, F>,
        salience: ArrayView2<'_, F>,
        truths: &[Blend],
    ) -> Result<Search> {
        self.of_task(&self.rules.into())
            .search_heads(presence, salience, truths)
    }

    fn of_task<'b>(&'b self, decoding: &'b Decoding) -> TaskSearcher<'b> {
        TaskSearcher {
            decoding,
            grid: self.grid,
            objective: Objective::Accuracies {
                presence_weight: self.presence_weight,
            },
            classes: self.classes,
        }
    }
}

/// What a search maximises and over what, for sets of any size.
#[derive(Clone, Copy, Debug)]
pub struct TaskSearcher<'a> {
    /// How rows are decoded.
    pub decoding: &'a Decoding,
    /// The values tried.
    pub grid: &'a Grid,
    /// What is maximised.
    pub objective: Objective,
    /// The classes of the rows.
    pub classes: &'a Classes,
}

impl TaskSearcher<'_> {
    /// Searches (t_p, t_s) on one distribution per clip, `(clips, classes)`, with their truths in
    /// the same order. The grid's exponents are not used. Cells are scored in parallel and compared in
    /// grid order, so the result does not depend on the number of threads.
    ///
    /// # Errors
    /// [`Error::Shape`] if rows and truths or classes do not fit; [`Error::Unlabelled`] without clips; [`Error::Data`]
    /// for a row with a negative or non-finite value; [`Error::Config`] for a weight outside
    /// [0, 1], an empty grid or a value in it that is not finite.
    pub fn search(&self, rows: ArrayView2<'_, f64>, truths: &[Blend]) -> Result<Search> {
        self.check(rows.nrows(), truths)?;
        Ok(self.finish(self.cells(None, rows, truths)?, truths))
    }

    /// Searches (β, α, t_p, t_s) on the two heads' outputs, each `(clips, classes)` in [0, 1],
    /// aligning them anew for each pair of exponents of the grid (eq. 14).
    ///
    /// # Errors
    /// As [`TaskSearcher::search`] and [`align`].
    pub fn search_heads<F: Copy + Into<f64>>(
        &self,
        presence: ArrayView2<'_, F>,
        salience: ArrayView2<'_, F>,
        truths: &[Blend],
    ) -> Result<Search> {
        self.check(presence.nrows(), truths)?;
        let mut alignments = self.grid.alignments();
        if self.objective == Objective::Divergence {
            let mut best: Option<(f64, Alignment)> = None;
            for &alignment in &alignments {
                let rows = align(presence, salience, alignment)?;
                let found = divergence(rows.view(), truths)?;
                if best.is_none_or(|(least, _)| found < least) {
                    best = Some((found, alignment));
                }
            }
            alignments = best.map(|(_, alignment)| alignment).into_iter().collect();
        }
        let mut cells = Vec::new();
        for alignment in alignments {
            let rows = align(presence, salience, alignment)?;
            cells.extend(self.cells(Some(alignment), rows.view(), truths)?);
        }
        Ok(self.finish(cells, truths))
    }

    fn check(&self, rows: usize, truths: &[Blend]) -> Result<()> {
        self.grid.check()?;
        if let Objective::Accuracies { presence_weight } = self.objective
            && !(0.0..=1.0).contains(&presence_weight)
        {
            return Err(Error::Config {
                field: "weight of presence in the threshold search".into(),
                reason: format!("found {presence_weight}, expected 0 to 1"),
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
        alignment: Option<Alignment>,
        rows: ArrayView2<'_, f64>,
        truths: &[Blend],
    ) -> Result<Vec<Cell>> {
        let ranked = rank_rows(rows, self.classes, self.decoding.mixtures.most())?;
        let defined = salience_defined(truths);
        let of_clips = |presences: &[f64]| {
            let tallies = self.tallies(presences, &ranked, truths);
            let pairs = presences.iter().flat_map(|&presence| {
                let salience = self.grid.salience.iter();
                salience.map(move |&salience| Thresholds { presence, salience })
            });
            let cell = |(thresholds, (accuracy, overlap)): (Thresholds, (Accuracy, f64))| Cell {
                alpha: alignment.map(|alignment| alignment.alpha),
                beta: alignment.map(|alignment| alignment.beta),
                thresholds,
                accuracy,
                score: self
                    .objective
                    .score(&accuracy, overlap / truths.len() as f64, defined),
            };
            pairs.zip(tallies).map(cell).collect::<Vec<_>>()
        };
        // Each thread takes some neighbouring presence thresholds. An indexed parallel iterator collects in
        // order: grid order survives any thread count.
        let presences = &self.grid.presence;
        let piece = presences.len().div_ceil(rayon::current_num_threads());
        let cells: Vec<Vec<Cell>> = presences.par_chunks(piece.max(1)).map(of_clips).collect();
        Ok(cells.into_iter().flatten().collect())
    }

    /// Counts, and sums of overlaps, of some presence thresholds with every salience threshold. A clip is
    /// decided once for neighbouring presence thresholds that leave the same of it, which most do.
    fn tallies(
        &self,
        presences: &[f64],
        ranked: &[Ranked],
        truths: &[Blend],
    ) -> Vec<(Accuracy, f64)> {
        let Decoding { rules, mixtures } = self.decoding;
        let saliences = &self.grid.salience;
        let mut tallies = vec![(Accuracy::default(), 0.0); presences.len() * saliences.len()];
        let mut decided = vec![(Accuracy::default(), 0.0); saliences.len()];
        let mut parts: Vec<Part> = Vec::new();
        for (row, truth) in ranked.iter().zip(truths) {
            let mut known = None;
            for (&presence, tallies) in presences.iter().zip(tallies.chunks_mut(saliences.len())) {
                let thresholds = |salience| Thresholds { presence, salience };
                let left = row.left(thresholds(0.0));
                if known != Some(left) {
                    known = Some(left);
                    for (&salience, (accuracy, overlap)) in saliences.iter().zip(&mut decided) {
                        let trace = row.decide(*rules, mixtures, thresholds(salience));
                        trace.decide_into(&mut parts);
                        *accuracy = Accuracy::default();
                        accuracy.count_parts(truth.parts(), &parts);
                        if self.objective.is_of_overlap() {
                            *overlap = overlap_of_parts(truth.parts(), &parts);
                        }
                    }
                }
                for ((accuracy, overlap), of_clip) in tallies.iter_mut().zip(&decided) {
                    accuracy.add_times(&of_clip.0, 1);
                    *overlap += of_clip.1;
                }
            }
        }
        tallies
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
#[path = "thresholds_tests.rs"]
mod tests;
