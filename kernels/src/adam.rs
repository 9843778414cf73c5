//! Adam (Kingma and Ba 2015) with the semantics of `torch.optim.Adam`: on a dense gradient, and on
//! a factored one, where a tile of dYᵀX is formed and consumed at once.

mod dense;
mod factor;
mod factored;
mod norm;
mod step;
mod update;

pub use dense::adam_dense;
pub use factor::{Factor, FactorInput};
pub use factored::{NextBatch, PanelMoments, adam_factored};
pub use norm::factored_norm_squared;
pub use step::AdamStep;
