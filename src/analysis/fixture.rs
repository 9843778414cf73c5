//! Four clips under two models and three encoders, for tests.

use ndarray::array;

use super::observations::Observations;
use crate::data::label::{Blend, Part};

/// The clips: awe, joy, awe, and a blend of both.
pub fn observations() -> Observations {
    let part = |class, salience| Part { class, salience };
    let blend = Blend::new(vec![part(0, 70.0), part(1, 30.0)]);
    let even = Blend::new(vec![part(0, 50.0), part(1, 50.0)]);
    Observations {
        clips: vec![0, 1, 2, 3],
        filenames: ["a", "b", "c", "d"].map(str::to_owned).to_vec(),
        model: vec![0, 0, 1, 1],
        gate_weights: array![
            [0.4, 0.4, 0.2],
            [0.6, 0.3, 0.1],
            [0.5, 0.1, 0.4],
            [0.5, 0.2, 0.3]
        ],
        selected_weights: array![
            [0.5, 0.5, 0.0],
            [0.67, 0.33, 0.0],
            [0.6, 0.0, 0.4],
            [0.6, 0.0, 0.4]
        ],
        presence: array![[0.9, 0.1], [0.3, 0.7], [0.4, 0.6], [0.8, 0.8]],
        salience: array![[0.9, 0.1], [0.2, 0.8], [0.4, 0.6], [0.5, 0.5]],
        aligned: array![[0.98, 0.02], [0.1, 0.9], [0.3, 0.7], [0.5, 0.5]],
        truths: vec![Blend::single(0), Blend::single(1), Blend::single(0), blend],
        decided: vec![Blend::single(0), Blend::single(1), Blend::single(1), even],
    }
}
