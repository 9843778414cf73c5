//! What the tests, benches and fuzz targets of this repository need beyond the public interface (feature
//! `testing`), under the paths that it has inside. It may change at any time.

/// Benchmarks.
pub mod bench {
    pub use crate::bench::{aggregate, predict, train_step};
}

/// Settings as text.
pub mod config {
    /// `KEY=VALUE`.
    pub mod overrides {
        pub use crate::config::overrides::parse_assignment;
    }
}

/// Names and statistics of features.
pub mod data {
    /// Names of clips.
    pub mod filename {
        pub use crate::data::filename::*;
    }
    /// Standardisation of columns.
    pub mod standardise {
        pub use crate::data::standardise::*;
    }
}

/// Parts of the scores.
pub mod eval {
    /// Confusion of emotions.
    pub mod confusion {
        pub use crate::eval::confusion::*;
    }
    /// Labels in the names of the challenge's clips.
    pub mod filename {
        pub use crate::eval::filename::*;
    }
    /// Trivial baselines.
    pub mod frequency {
        pub use crate::eval::frequency::*;
    }
    /// Predictions beside their truths.
    pub mod join {
        pub use crate::eval::join::*;
    }
}

/// Exported models.
#[cfg(feature = "cli")]
pub mod export {
    pub use crate::export::onnx;
}

/// File formats.
pub mod formats {
    pub use crate::formats::{npy, npz};
}

/// Parts of the model.
pub mod model {
    /// Classifier heads.
    pub mod heads {
        pub use crate::model::heads::*;
    }
}

/// Parts of training.
pub mod train {
    /// One step.
    pub mod step {
        pub use crate::train::step::StepLosses;
    }
}
