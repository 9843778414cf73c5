//! What a model and its training loop usually take: `use blendfuse_engine::prelude::*;`.

pub use crate::autograd::{Backward, Gradients, Input, Op, Scalar, Tape, Tensor, Var, gradcheck};
pub use crate::error::{Error, Result};
pub use crate::nn::{
    Adam, AdamConfig, BatchNorm, Dropout, ForwardPass, Init, Linear, Mode, ParamId, Params,
};
pub use crate::rng::{Purpose, Stream};
