//! A classifier's learning rate and number of epochs, chosen inside the training clips.

use super::inner::groups;
use super::input::Input;
use super::trainee::{Gathered, Trainee};
use super::{Baseline, BaselineModel, Recipe};
use crate::error::Result;

/// The learning rates that are tried.
const LEARNING_RATES: [f64; 2] = [1e-4, 1e-3];

/// Maximum number of epochs.
const MOST_EPOCHS: usize = 100;

/// Epochs without a lower loss after which a learning rate is given up.
const PATIENCE: usize = 10;

/// A recipe that was chosen.
#[derive(Clone, Copy, Debug)]
pub struct Chosen {
    /// The recipe.
    pub recipe: Recipe,
    /// Whether the loss had stopped falling before the last epoch allowed.
    pub converged: bool,
}

/// Leaves one group of the training clips out and takes the learning rate and the number of epochs with
/// the lowest Kullback-Leibler divergence there; of equal ones the first. Weight decay and batch size are
/// the challenge's.
///
/// # Errors
/// As [`Trainee::epoch`].
pub fn choose(baseline: &Baseline<'_>, model: BaselineModel, train: &[usize]) -> Result<Chosen> {
    let dataset = baseline.dataset;
    let groups = groups(dataset, train);
    let first = groups.iter().min();
    let members = train.iter().zip(&groups);
    let (left_out, inside): (Vec<_>, Vec<_>) =
        members.partition(|(_, group)| Some(*group) == first);
    let clips = |of: Vec<(&usize, &usize)>| -> Vec<usize> {
        of.into_iter().map(|(&clip, _)| clip).collect()
    };
    let (left_out, inside) = (clips(left_out), clips(inside));
    let mut best = (f64::INFINITY, Recipe::default());
    if !inside.is_empty() {
        let input = Input::fit(baseline, &baseline.spec.encoders(dataset)?, &inside)?;
        let decode = baseline.spec.decode(&dataset.task());
        let held_out = Gathered::new(dataset, &left_out, &input, &decode)?;
        for lr in LEARNING_RATES {
            let recipe = Recipe {
                lr,
                epochs: MOST_EPOCHS,
                ..Recipe::default()
            };
            let trainee = Trainee::new(baseline, recipe, model, &input);
            let (loss, epochs) = length(trainee, &input, &inside, &held_out)?;
            if loss < best.0 {
                best = (loss, Recipe { epochs, ..recipe });
            }
        }
    }
    Ok(Chosen {
        recipe: best.1,
        converged: best.1.epochs < MOST_EPOCHS,
    })
}

/// The lowest loss on the clips left out, and the epoch that has it.
fn length(
    mut trainee: Trainee<'_>,
    input: &Input<'_>,
    inside: &[usize],
    held_out: &Gathered<'_>,
) -> Result<(f64, usize)> {
    let mut best = (f64::INFINITY, 1);
    for epoch in 1..=MOST_EPOCHS {
        trainee.epoch(input, inside, epoch)?;
        let loss = trainee.loss(held_out, epoch)?;
        if loss < best.0 {
            best = (loss, epoch);
        }
        if epoch >= best.1 + PATIENCE {
            break;
        }
    }
    Ok(best)
}
