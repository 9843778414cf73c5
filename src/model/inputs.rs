//! A batch as the network takes it.

use std::sync::Arc;

use blendfuse_kernels::layout::PackedRows;

use crate::encoders::Presence;
use crate::nn::Precomputed;

/// One batch of inputs.
#[derive(Clone, Debug)]
pub struct Inputs<F> {
    /// One packed batch `(B, D_m)` an encoder, standardised; rows without features are 0.
    pub features: Vec<Arc<PackedRows<F>>>,
    /// Which encoders each row has.
    pub presence: Presence,
    /// The batches' products with the encoders' weights, where the optimiser formed them along with
    /// these weights ([`FusionNet::step`](super::FusionNet::step)); empty, or one entry per encoder.
    precomputed: Vec<Option<Precomputed<F>>>,
}

impl<F> Inputs<F> {
    /// A batch whose products are yet to be formed.
    pub fn new(features: Vec<Arc<PackedRows<F>>>, presence: Presence) -> Self {
        Self {
            features,
            presence,
            precomputed: Vec::new(),
        }
    }

    /// The batches' products with the encoders' weights that
    /// [`FusionNet::step`](super::FusionNet::step) put in: empty, or one entry per encoder.
    pub fn precomputed(&self) -> &[Option<Precomputed<F>>] {
        &self.precomputed
    }

    pub(super) fn set_precomputed(&mut self, products: Vec<Option<Precomputed<F>>>) {
        self.precomputed = products;
    }
}
