//! What is wrong with a finished run.

use serde::{Deserialize, Serialize};

/// What is wrong with a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The loss rose far above that of a constant answer.
    Diverged,
    /// The validation loss alone did: the held-out clips are unlike the training clips.
    FarValidation,
    /// No measure is better than that of a constant answer.
    Stuck,
}

/// A fault of a run, with its figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TrainingFault {
    /// What is wrong.
    pub fault: Fault,
    /// Whether the weights that were kept can be used all the same.
    pub usable: bool,
    /// One line with the figures and what to try.
    pub text: String,
}
