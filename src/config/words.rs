//! Settings whose values are words.

use serde::{Deserialize, Serialize};

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$variant_doc:meta])* $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum $name { $($(#[$variant_doc])* #[serde(rename = $word)] $variant),+ }
    };
}

words! {
    /// How encoders are weighted.
    Gate {
        /// Learned weights, of which the largest are kept (paper eqs. 3 and 4).
        Attention = "attention",
        /// The same weight for every encoder that is present; no selection.
        Uniform = "uniform",
    }
}

words! {
    /// Number of classifier heads on the shared embedding.
    Heads {
        /// One for presence and one for salience (paper eq. 7).
        Dual = "dual",
        /// One whose logits serve as both.
        Single = "single",
    }
}

words! {
    /// The loss of the presence head.
    PresenceLoss {
        /// Cross-entropy with the soft label (paper eq. 9).
        SoftCrossEntropy = "soft_ce",
        /// Binary cross-entropy of each class with the soft label.
        BinaryCrossEntropy = "bce",
    }
}

words! {
    /// Where the unlabelled target rows come from.
    UdaTarget {
        /// The test split, its labels unread.
        Test = "test",
        /// The validation fold, its labels unread while training.
        Validation = "validation",
    }
}

words! {
    /// A validation measure: the one that decides which epoch is best, and a task's main one.
    Monitor {
        /// The main measure of the task that the training labels tell.
        Auto = "auto",
        /// ½ ACC_presence + ½ ACC_salience, higher is better.
        Average = "average",
        /// The task loss, lower is better.
        Loss = "loss",
        /// ACC_presence, higher is better.
        Presence = "presence",
        /// ACC_salience, higher is better.
        Salience = "salience",
        /// Σ_c min(d_c, q_c) of the label and the decoded shares, mean over clips; higher is better.
        Overlap = "overlap",
        /// Kullback-Leibler divergence of the aligned scores from the truth, lower is better.
        Kl = "kl",
    }
}

words! {
    /// What the encoders' projections are trained on, and the first layers of baselines.
    #[derive(Default)]
    ProjectionInputs {
        /// The columns of the feature files.
        #[default]
        Columns = "columns",
        /// Coordinates in the span of the training rows, fewer than columns wherever clips are fewer.
        Span = "span",
    }
}

words! {
    /// Which decoding rules turn scores into emotions.
    DecodeRules {
        /// The paper's, eqs. 14 to 16.
        Paper = "paper",
        /// The challenge's baseline code.
        Challenge = "challenge",
    }
}

words! {
    /// What happens when neutral survives beside others but is not the highest.
    NeutralRule {
        /// Neutral is dropped and the rest decoded.
        Drop = "drop",
        /// Only the best other emotion is kept, as in the challenge's baseline.
        KeepOne = "keep_one",
    }
}

impl ProjectionInputs {
    /// Whether they are columns.
    pub(crate) fn are_columns(&self) -> bool {
        *self == Self::Columns
    }
}
