//! The evaluation of a set of predictions against the true emotions.

use std::collections::HashMap;

use ndarray::Array2;

use super::confusion::{Confusion, Detection, by_class, by_truth};
use super::distribution::Measures;
use super::join::join;
use super::measures::{MeasureValues, Measured};
use super::metrics::Accuracy;
use super::overlap::mean_overlap;
use super::probabilities::ProbabilityTable;
use super::truth::Truths;
use crate::data::filename::clip_key;
use crate::data::label::{Blend, Classes};
use crate::data::task::Task;
use crate::{Error, Result};

/// All scores of a set of predictions.
#[derive(Clone, Debug, PartialEq)]
pub struct Evaluation {
    /// The task that the true labels of the predicted clips pose.
    pub task: Task,
    /// Mean overlap of true and predicted shares; none without clips.
    pub overlap: Option<f64>,
    /// Clips that show more emotions than any prediction, and the most of a prediction.
    pub above_most: (usize, usize),
    /// The official accuracies.
    pub accuracy: Accuracy,
    /// Detection of each class, in class order.
    pub by_class: Vec<Detection>,
    /// The official accuracies for each true emotion set, singles first.
    pub by_truth: Vec<(String, Accuracy)>,
    /// True against predicted emotion sets.
    pub confusion: Confusion,
    /// Mean label-distribution measures, if there are probabilities.
    pub measures: Option<Measures>,
    /// All other measures.
    pub values: MeasureValues,
    /// Labelled clips without a prediction: left out of all scores.
    pub missing: Vec<String>,
    /// Predicted clips without a label: left out of all scores.
    pub unknown: Vec<String>,
}

impl Evaluation {
    /// Of decoded predictions.
    ///
    /// # Errors
    /// As `join`.
    pub fn of(predictions: &[(String, Blend)], truths: &Truths, classes: &Classes) -> Result<Self> {
        let joined = join(predictions, &truths.clips)?;
        let (shown, decided): (Vec<&Blend>, Vec<&Blend>) = joined.pairs.iter().copied().unzip();
        let values = MeasureValues::of(&Measured {
            classes,
            truths: &shown,
            decided: &decided,
            scores: None,
            presence: None,
        })?;
        let owned = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let most = joined.pairs.iter().map(|(_, shown)| shown.parts().len());
        let most = most.max().unwrap_or(0);
        let task = Task::of(joined.pairs.iter().map(|(truth, _)| *truth));
        Ok(Self {
            overlap: mean_overlap(joined.pairs.iter().copied()),
            above_most: (task.above(most), most),
            task,
            accuracy: Accuracy::of(joined.pairs.iter().copied()),
            by_class: by_class(&joined.pairs, classes),
            by_truth: by_truth(&joined.pairs, classes),
            confusion: Confusion::of(&joined.pairs, classes),
            measures: None,
            values,
            missing: owned(&joined.missing),
            unknown: owned(&joined.unknown),
        })
    }

    /// Adds the measures of a probability table (its aligned scores, and its probabilities of presence
    /// where it has them), whose clips were decoded to `predictions`, in the same order.
    ///
    /// # Errors
    /// [`Error::Data`] if no clip in the table has labels; [`Error::Shape`] if the predictions are not
    /// those of the table's clips.
    pub fn with_measures(
        mut self,
        table: &ProbabilityTable,
        predictions: &[(String, Blend)],
        truths: &Truths,
    ) -> Result<Self> {
        let (rows, blends) = labelled(table, truths);
        let mut target = Array2::zeros((blends.len(), table.classes.len()));
        for (mut row, blend) in target.rows_mut().into_iter().zip(&blends) {
            let shares = blend.to_distribution(table.classes.len());
            row.iter_mut().zip(shares).for_each(|(to, x)| *to = x);
        }
        let aligned = table.aligned.select(ndarray::Axis(0), &rows);
        self.measures = Measures::mean(&Measures::of_rows(target.view(), aligned.view())?);
        if self.measures.is_none() {
            return Err(Error::Data("no clip in the table has labels".into()));
        }
        if predictions.len() != table.filenames.len() {
            return Err(Error::Shape {
                op: "measures of a probability table",
                expected: format!("{} predictions", table.filenames.len()),
                got: predictions.len().to_string(),
            });
        }
        let decided: Vec<&Blend> = rows.iter().map(|&row| &predictions[row].1).collect();
        let presence = table
            .presence
            .as_ref()
            .map(|presence| presence.select(ndarray::Axis(0), &rows));
        self.values = MeasureValues::of(&Measured {
            classes: &table.classes,
            truths: &blends.iter().collect::<Vec<_>>(),
            decided: &decided,
            scores: Some(aligned.view()),
            presence: presence.as_ref().map(|rows| rows.view()),
        })?;
        Ok(self)
    }
}

/// The rows of a table whose clips have a truth, and these truths, in the order of the table.
pub fn labelled(table: &ProbabilityTable, truths: &Truths) -> (Vec<usize>, Vec<Blend>) {
    let known: HashMap<&str, &Blend> = truths
        .clips
        .iter()
        .map(|(name, blend)| (clip_key(name), blend))
        .collect();
    let rows = table.filenames.iter().enumerate();
    rows.filter_map(|(row, name)| Some((row, (*known.get(clip_key(name))?).clone())))
        .unzip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use ndarray::array;

    #[test]
    fn measures_follow_the_clips_that_have_a_truth_whatever_the_order() {
        let classes = Classes::new(["awe", "joy"]);
        let table = ProbabilityTable {
            filenames: vec!["a.mov".into(), "b".into(), "c".into()],
            classes: classes.clone(),
            presence: None,
            salience: None,
            aligned: array![[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]],
        };
        let truths = Truths {
            clips: vec![
                ("c".into(), Blend::single(1)),
                ("a".into(), Blend::single(0)),
                ("d".into(), Blend::single(0)),
            ],
            folds: Vec::new(),
        };
        let predicted = [
            ("a.mov".to_owned(), Blend::single(0)),
            ("b".to_owned(), Blend::single(0)),
            ("c".to_owned(), Blend::single(0)),
        ];
        let found = Evaluation::of(&predicted, &truths, &classes).unwrap();
        assert_eq!(found.accuracy.presence(), Some(0.5));
        assert_eq!((found.missing.len(), found.unknown.len()), (1, 1));
        let found = found.with_measures(&table, &predicted, &truths).unwrap();
        assert_eq!(found.measures.unwrap().intersection, (1.0 + 0.75) / 2.0);
        // a is right; c is scored right, but decided wrong.
        assert_eq!(found.values.get("top_1"), Some(1.0));
        assert_eq!(found.values.get("exact_set"), Some(0.5));
        assert_eq!(found.values.get("roc_auc"), Some(1.0));
    }
}
