//! The encoders of a data set.

mod encoder;

pub use encoder::{Encoder, Modality};
