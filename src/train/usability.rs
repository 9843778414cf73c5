//! Whether the weights of a run are usable: not if the loss diverged, or if a constant prediction does as
//! well.

use crate::artifact::fault::{Fault, TrainingFault};
use crate::artifact::history::EpochRecord;
use crate::config::{LossConfig, PresenceLoss};
use crate::data::label::Blend;
use crate::eval::distribution::{KL_FLOOR, Measures};
use crate::eval::metrics::Accuracy;

/// A loss this many times that of the constant answer has run away.
const RUNAWAY: f64 = 10.0;

/// Shorter runs that no early stopping ended are not judged: whoever asks for few epochs tries something.
const FEWEST_EPOCHS: usize = 10;

/// What an answer reaches that is the same for every clip: the mean label of the training clips for losses,
/// their most frequent emotions for accuracies.
#[derive(Clone, Debug, PartialEq)]
pub struct ConstantAnswer {
    /// L_task on the training clips, in nats.
    pub train_loss: f64,
    /// L_task on the validation clips, if there are any.
    pub val_loss: Option<f64>,
    /// Average of the official accuracies there.
    pub average: Option<f64>,
    /// Kullback-Leibler divergence there.
    pub kl: Option<f64>,
}

impl ConstantAnswer {
    /// Of soft labels `(classes)`, each summing to 1; those of validation clips may be none.
    pub fn of(train: &[&[f64]], validation: &[&[f64]], loss: &LossConfig) -> Self {
        let classes = train.first().map_or(0, |label| label.len());
        let mut mean = vec![0.0; classes];
        for label in train {
            mean.iter_mut()
                .zip(*label)
                .for_each(|(sum, share)| *sum += share);
        }
        mean.iter_mut()
            .for_each(|sum| *sum /= train.len().max(1) as f64);
        let over = |labels: &[&[f64]], of: &dyn Fn(&[f64]) -> f64| {
            let sum: f64 = labels.iter().map(|label| of(label)).sum();
            (!labels.is_empty()).then(|| sum / labels.len() as f64)
        };
        let task = |label: &[f64]| task_loss(label, &mean, loss);
        let kl = |label: &[f64]| {
            Measures::of(label, &mean).map_or(f64::NAN, |measures| measures.kullback_leibler)
        };
        let answer = most_frequent(train);
        let average = answer.filter(|_| !validation.is_empty()).map(|answer| {
            let truths: Vec<Blend> = validation
                .iter()
                .map(|y| Blend::from_distribution(y))
                .collect();
            Accuracy::of(truths.iter().map(|truth| (truth, &answer))).average()
        });
        Self {
            train_loss: over(train, &task).unwrap_or(f64::NAN),
            val_loss: over(validation, &task),
            average,
            kl: over(validation, &kl),
        }
    }
}

/// L_task of the answer `mean` for a clip with the soft label `y` (paper eqs. 9 and 10).
fn task_loss(y: &[f64], mean: &[f64], loss: &LossConfig) -> f64 {
    let log = |p: f64| p.max(KL_FLOOR).ln();
    let pairs = || y.iter().zip(mean);
    let cross: f64 = pairs().map(|(y, p)| -y * log(*p)).sum();
    let presence = match loss.presence {
        PresenceLoss::SoftCrossEntropy => cross,
        PresenceLoss::BinaryCrossEntropy => {
            let both = pairs().map(|(y, p)| -y * log(*p) - (1.0 - y) * log(1.0 - p));
            both.sum::<f64>() / y.len().max(1) as f64
        }
    };
    loss.presence_weight * presence + loss.salience_weight * cross
}

/// The most frequent label, of equally frequent ones the first.
fn most_frequent(labels: &[&[f64]]) -> Option<Blend> {
    let mut counts: Vec<(&[f64], usize)> = Vec::new();
    for &label in labels {
        match counts.iter_mut().find(|(known, _)| *known == label) {
            Some((_, count)) => *count += 1,
            None => counts.push((label, 1)),
        }
    }
    let most = counts.iter().map(|(_, count)| *count).max()?;
    let (label, _) = counts.iter().find(|(_, count)| *count == most)?;
    Some(Blend::from_distribution(label))
}

/// What is wrong with a run, if anything. `kept` is the epoch whose weights were kept, `stopped_early`
/// whether the run ended for want of improvement.
pub fn fault_of(
    history: &[EpochRecord],
    kept: Option<&EpochRecord>,
    constant: &ConstantAnswer,
    loss: &LossConfig,
    stopped_early: bool,
) -> Option<TrainingFault> {
    let kept = kept.or(history.last())?;
    let far = || far_validation(history, constant, loss);
    diverged(history, kept, constant, loss)
        .or_else(far)
        .or_else(|| {
            let judged = stopped_early || history.len() >= FEWEST_EPOCHS;
            judged
                .then(|| stuck(history, kept, constant, loss))
                .flatten()
        })
}

/// Whether a loss is above a limit; one that is not a number is above every limit.
fn above(loss: f64, limit: f64) -> bool {
    loss.is_nan() || loss > limit
}

/// The loss from which a training has run away, for the loss of the constant answer.
fn limit(constant: f64) -> f64 {
    RUNAWAY * constant.max(0.1)
}

/// A validation loss that ran away though the training loss did not: the weights are those of a sound
/// training, but the held-out clips are unlike its own.
fn far_validation(
    history: &[EpochRecord],
    constant: &ConstantAnswer,
    loss: &LossConfig,
) -> Option<TrainingFault> {
    let last = history.last()?;
    let (found, of_constant) = last.val_loss.zip(constant.val_loss)?;
    above(found, limit(of_constant)).then(|| TrainingFault {
        fault: Fault::FarValidation,
        usable: true,
        text: format!(
            "the validation loss is {} at the end (an answer that never changes: {of_constant:.3}) though the training loss is {}: features of the held-out clips lie far from those of the training clips; inspect says which",
            short(found),
            short(task_of_training(last, loss))
        ),
    })
}

fn diverged(
    history: &[EpochRecord],
    kept: &EpochRecord,
    constant: &ConstantAnswer,
    loss: &LossConfig,
) -> Option<TrainingFault> {
    let train = |record: &EpochRecord| task_of_training(record, loss);
    let limit = limit(constant.train_loss);
    let ran_away = |record: &&EpochRecord| above(train(record), limit);
    // A first epoch from unlucky weights may be far off and recover.
    let last = history.last().filter(ran_away)?;
    let since = history
        .iter()
        .rev()
        .take_while(ran_away)
        .last()
        .unwrap_or(last);
    let (worst, of_constant) = match (last.val_loss, constant.val_loss) {
        (Some(val), Some(of_constant)) if above(val, train(last)) => (val, of_constant),
        _ => (train(last), constant.train_loss),
    };
    let usable = kept.epoch < since.epoch && {
        let losses = kept.val_loss.zip(constant.val_loss);
        losses.is_some_and(|(loss, constant)| loss < constant)
    };
    let rose = format!(
        "training diverged from epoch {} on: the loss rose to {} (an answer that never changes: {of_constant:.3})",
        since.epoch,
        short(worst)
    );
    let text = match usable {
        true => format!(
            "{rose}; the weights of epoch {} were kept, from before",
            kept.epoch
        ),
        false => format!(
            "{rose}; the weights are not usable: try a lower train.lr, or train.clip_norm=1"
        ),
    };
    Some(TrainingFault {
        fault: Fault::Diverged,
        usable,
        text,
    })
}

fn stuck(
    history: &[EpochRecord],
    kept: &EpochRecord,
    constant: &ConstantAnswer,
    loss: &LossConfig,
) -> Option<TrainingFault> {
    let mut compared = Vec::new();
    let mut compare = |name: &str, found: Option<f64>, constant: Option<f64>, higher: bool| {
        let (Some(found), Some(constant)) = (found, constant) else {
            return true;
        };
        compared.push(format!(
            "{name} {} (constant: {})",
            short(found),
            short(constant)
        ));
        match higher {
            true => found.is_nan() || found <= constant,
            false => found.is_nan() || found >= constant,
        }
    };
    let no_better = match kept.val_loss {
        Some(_) => [
            compare("validation loss", kept.val_loss, constant.val_loss, false),
            compare("average", kept.average, constant.average, true),
            compare("KL", kept.kl, constant.kl, false),
        ],
        None => {
            let train = task_of_training(kept, loss);
            [
                compare(
                    "training loss",
                    Some(train),
                    Some(constant.train_loss),
                    false,
                ),
                true,
                true,
            ]
        }
    };
    no_better.iter().all(|no_better| *no_better).then(|| TrainingFault {
        fault: Fault::Stuck,
        usable: false,
        text: format!(
            "training is stuck: after {} epochs nothing is better than an answer that never changes: {}; try another train.lr, more epochs, or check labels and features",
            history.len(),
            compared.join(", ")
        ),
    })
}

/// L_task over an epoch's batches, without the domain loss.
fn task_of_training(record: &EpochRecord, loss: &LossConfig) -> f64 {
    loss.presence_weight * record.train_presence_loss
        + loss.salience_weight * record.train_salience_loss
}

/// Three decimals, or a power of ten for large numbers.
fn short(x: f64) -> String {
    match x.abs() >= 1e4 {
        true => format!("{x:.1e}"),
        false => format!("{x:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LABELS: [&[f64]; 4] = [&[1.0, 0.0], &[1.0, 0.0], &[0.0, 1.0], &[0.5, 0.5]];

    fn constant() -> ConstantAnswer {
        ConstantAnswer::of(&LABELS, &LABELS, &LossConfig::default())
    }

    fn record(epoch: usize, train: f64, val: Option<f64>, average: f64) -> EpochRecord {
        EpochRecord {
            epoch,
            steps: epoch,
            lr: 0.1,
            temperature: None,
            train_loss: train,
            train_presence_loss: train,
            train_salience_loss: train,
            train_domain_loss: None,
            val_loss: val,
            val_presence_loss: val,
            val_salience_loss: val,
            acc_presence: val.map(|_| average),
            acc_salience: None,
            average: val.map(|_| average),
            kl: val,
            presence_threshold: None,
            salience_threshold: None,
            alpha: None,
            beta: None,
            overlap: None,
            best: false,
        }
    }

    fn fault(history: &[EpochRecord], kept: usize, early: bool) -> Option<TrainingFault> {
        let kept = history.iter().find(|record| record.epoch == kept);
        fault_of(history, kept, &constant(), &LossConfig::default(), early)
    }

    #[test]
    fn the_constant_answer_is_the_mean_label_and_the_most_frequent_emotions() {
        let found = constant();
        let (a, b) = (0.625f64, 0.375f64);
        let cross = -(2.5 * a.ln() + 1.5 * b.ln()) / 4.0;
        assert!((found.train_loss - cross).abs() <= 1e-12, "{found:?}");
        assert_eq!(found.val_loss, Some(found.train_loss));
        // Two of four clips show the first class alone; the blend is wrong.
        assert_eq!(found.average, Some(0.25));
        assert!((found.kl.unwrap() - (cross - 2f64.ln() / 4.0)).abs() <= 1e-12);
        let without = ConstantAnswer::of(&LABELS, &[], &LossConfig::default());
        assert_eq!(
            (without.val_loss, without.average, without.kl),
            (None, None, None)
        );
    }

    #[test]
    fn the_binary_loss_of_the_constant_answer_is_a_mean_over_classes() {
        let loss = LossConfig {
            presence: PresenceLoss::BinaryCrossEntropy,
            presence_weight: 1.0,
            salience_weight: 0.0,
        };
        let found = ConstantAnswer::of(&[&[1.0, 0.0], &[0.0, 1.0]], &[], &loss);
        assert!((found.train_loss - 2f64.ln()).abs() <= 1e-12, "{found:?}");
    }

    #[test]
    fn a_loss_that_runs_away_is_told_with_its_epoch_and_figure() {
        let history = [
            record(1, 0.6, Some(0.6), 0.5),
            record(2, 40.0, Some(9e3), 0.1),
            record(3, 6.8e8, Some(5e8), 0.1),
        ];
        let found = fault(&history, 1, true).unwrap();
        assert_eq!((found.fault, found.usable), (Fault::Diverged, true));
        assert!(
            found
                .text
                .contains("from epoch 2 on: the loss rose to 6.8e8"),
            "{}",
            found.text
        );
        let found = fault(&history, 3, true).unwrap();
        assert!(
            !found.usable && found.text.contains("train.lr"),
            "{}",
            found.text
        );
        // A kept epoch from before that is no better than the constant answer.
        let history = [
            record(1, 0.9, Some(0.9), 0.1),
            record(2, 1e9, Some(1e9), 0.1),
        ];
        assert!(!fault(&history, 1, true).unwrap().usable);
        // Without validation the last weights count.
        let history = [record(1, 0.9, None, 0.0), record(2, 6.8e8, None, 0.0)];
        let found = fault(&history, 2, false).unwrap();
        assert_eq!((found.fault, found.usable), (Fault::Diverged, false));
        let not_a_number = [record(1, f64::NAN, None, 0.0)];
        assert_eq!(
            fault(&not_a_number, 1, false).unwrap().fault,
            Fault::Diverged
        );
    }

    #[test]
    fn a_validation_loss_that_runs_away_alone_is_told_and_leaves_the_weights_usable() {
        let history = [
            record(1, 0.6, Some(90.0), 0.1),
            record(2, 0.5, Some(99.0), 0.1),
        ];
        let found = fault(&history, 1, true).unwrap();
        assert_eq!((found.fault, found.usable), (Fault::FarValidation, true));
        assert!(found.text.contains("99.000 at the end"), "{}", found.text);
    }

    #[test]
    fn a_high_first_loss_that_falls_again_is_no_fault() {
        let history = [
            record(1, 40.0, Some(30.0), 0.2),
            record(2, 0.5, Some(0.5), 0.6),
        ];
        assert_eq!(fault(&history, 2, true), None);
    }

    #[test]
    fn a_run_that_beats_the_constant_answer_in_nothing_is_stuck() {
        let flat: Vec<EpochRecord> = (1..=10)
            .map(|epoch| record(epoch, 0.7, Some(0.7), 0.2))
            .collect();
        let found = fault(&flat, 1, false).unwrap();
        assert_eq!((found.fault, found.usable), (Fault::Stuck, false));
        assert!(
            found.text.contains("average 0.200 (constant: 0.250)"),
            "{}",
            found.text
        );
        // Too short to judge, unless it was stopped for want of improvement.
        assert_eq!(fault(&flat[..3], 1, false), None);
        assert!(fault(&flat[..3], 1, true).is_some());
        // One measure that is better is enough.
        let mut better = flat.clone();
        better[0].average = Some(0.3);
        assert_eq!(fault(&better, 1, false), None);
        let train_only: Vec<EpochRecord> = (1..=10)
            .map(|epoch| record(epoch, 0.7, None, 0.0))
            .collect();
        assert!(
            fault(&train_only, 10, false)
                .unwrap()
                .text
                .contains("training loss 0.700")
        );
    }
}
