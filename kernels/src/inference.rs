//! Layers of a trained network: no gradient follows, so nothing is kept but the outputs.
//!
//! Batch norm with constant statistics is a scale and a shift of each output, which follow the
//! product at once ([`Epilogue`]). The first layer takes features where they are stored: each task
//! gathers, standardises and multiplies a piece of them while it is in the cache, and no copy of a
//! batch exists.
//!
//! Every sum runs over the inputs in their order, one after the other, whatever the batch: a clip
//! gets the same bits alone and among others.

mod dense;
mod epilogue;
mod project;
mod scale;
mod single;
mod task;

pub use dense::dense;
pub use epilogue::Epilogue;
pub use project::project;
pub use scale::scale_blocks;
pub use single::{dense_row, project_row};
pub use task::{BatchRows, Projection};
