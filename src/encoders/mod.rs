//! The encoders of a data set: what each one is, and which of them each clip of a batch has.

mod encoder;
mod presence;

pub use encoder::{Encoder, Modality};
pub use presence::Presence;
