//! Parameters, layers, the optimiser and its schedule.

pub mod adam;
pub mod batch_norm;
pub mod dropout;
pub mod folded;
pub mod forward_pass;
pub mod init;
pub mod linear;
pub mod params;
pub mod plateau;
pub mod precomputed;
pub mod running_statistics;
#[cfg(feature = "files")]
pub mod safetensors;

pub use adam::{Adam, AdamConfig};
pub use batch_norm::BatchNorm;
pub use dropout::Dropout;
pub use folded::Folded;
pub use forward_pass::ForwardPass;
pub use init::Init;
pub use linear::Linear;
pub use params::{ParamId, Params};
pub use plateau::{Plateau, PlateauConfig};
pub use precomputed::Precomputed;
pub use running_statistics::RunningUpdate;

/// What a forward pass is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Batch statistics and dropout; the masks depend on seed and step alone.
    Train {
        /// The run's seed.
        seed: u64,
        /// The optimiser step, counted from 0 over the whole run.
        step: usize,
    },
    /// Running statistics, no dropout.
    Eval,
}
