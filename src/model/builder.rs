//! Adds the parts of a network, each with its parameters and its dropout.

use super::domain::Domain;
use super::fusion::Fusion;
use super::heads::Head;
use super::projection::Projection;
use crate::autograd::Scalar;
use crate::config::Config;
use crate::encoders::Encoder;
use crate::nn::{Dropout, Init, Params};

/// The order of the parts decides which random numbers each of them gets: projections, fusion, heads,
/// domain classifier.
pub(super) struct Builder<'a, F> {
    pub(super) params: Params<F>,
    config: &'a Config,
    init: Init,
    layers: usize,
}

impl<'a, F: Scalar> Builder<'a, F> {
    pub(super) fn new(params: Params<F>, config: &'a Config, init: Init) -> Self {
        Self {
            params,
            config,
            init,
            layers: 0,
        }
    }

    /// The next layer's dropout, at its own rate or the common one.
    fn dropout(&mut self, rate: Option<f64>) -> Dropout {
        let layer = self.layers;
        self.layers += 1;
        Dropout {
            rate: rate.unwrap_or(self.config.model.dropout),
            layer,
        }
    }

    pub(super) fn projection(&mut self, encoder: &Encoder) -> Projection {
        let model = &self.config.model;
        let dropout = self.dropout(model.dropout_projection);
        let (params, width) = (&mut self.params, model.projection_dim);
        Projection::new(params, encoder, width, dropout, self.init)
    }

    pub(super) fn fusion(&mut self, encoders: usize) -> Fusion {
        let model = &self.config.model;
        let dropout = self.dropout(model.dropout_fusion);
        let inputs = encoders * model.projection_dim;
        Fusion::new(
            &mut self.params,
            inputs,
            model.shared_dim,
            dropout,
            self.init,
        )
    }

    pub(super) fn head(&mut self, name: &str, classes: usize) -> Head {
        let model = &self.config.model;
        let dropout = self.dropout(model.dropout_heads);
        let sizes = [model.shared_dim, model.head_hidden, classes];
        Head::new(&mut self.params, name, sizes, dropout, self.init)
    }

    pub(super) fn domain(&mut self) -> Domain {
        Domain::new(self.head("domain", 2), self.config.uda.reversal_weight)
    }
}
