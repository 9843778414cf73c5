//! Adam and the plateau schedule compared with PyTorch's, step by step (`fixtures/optimizers.json`).

use std::path::Path;

use blendfuse::autograd::Tape;
use blendfuse::nn::params::WeightLayout;
use blendfuse::nn::plateau::{Direction, Plateau, PlateauConfig, ThresholdMode};
use blendfuse::nn::{Adam, AdamConfig, Params};
use ndarray::Array2;
use serde::Deserialize;

#[derive(Deserialize)]
struct Fixture {
    adam: Vec<AdamCase>,
    plateau: Vec<PlateauCase>,
}

#[derive(Deserialize)]
struct AdamCase {
    config: AdamSettings,
    start: Vec<Vec<f64>>,
    steps: Vec<AdamStep>,
}

#[derive(Deserialize, Debug)]
struct AdamSettings {
    lr: f64,
    beta1: f64,
    beta2: f64,
    eps: f64,
    weight_decay: f64,
    decoupled_weight_decay: bool,
    amsgrad: bool,
    maximize: bool,
}

#[derive(Deserialize)]
struct AdamStep {
    dy: Vec<Vec<f64>>,
    x: Vec<Vec<f64>>,
    weight: Vec<Vec<f64>>,
}

#[derive(Deserialize)]
struct PlateauCase {
    config: PlateauSettings,
    lr: f64,
    metrics: Vec<Option<f64>>,
    rates: Vec<f64>,
}

#[derive(Deserialize, Debug)]
struct PlateauSettings {
    mode: Direction,
    factor: f64,
    patience: usize,
    threshold: f64,
    threshold_mode: ThresholdMode,
    cooldown: usize,
    min_lr: f64,
    eps: f64,
}

fn fixture() -> Fixture {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/optimizers.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn matrix(rows: &[Vec<f64>]) -> Array2<f64> {
    Array2::from_shape_fn((rows.len(), rows[0].len()), |(r, c)| rows[r][c])
}

#[test]
fn adam_takes_the_steps_of_pytorch_with_factored_and_dense_gradients() {
    let cases = fixture().adam;
    assert!(cases.len() >= 5);
    for case in cases {
        for layout in [WeightLayout::Packed, WeightLayout::RowMajor] {
            let s = &case.config;
            let mut adam = Adam::new(AdamConfig {
                lr: s.lr,
                beta1: s.beta1,
                beta2: s.beta2,
                eps: s.eps,
                weight_decay: s.weight_decay,
                decoupled_weight_decay: s.decoupled_weight_decay,
                amsgrad: s.amsgrad,
                maximize: s.maximize,
            });
            let start = matrix(&case.start);
            let mut params = Params::<f64>::with_layout(layout);
            let id = params.add_matrix(
                "w",
                start.nrows(),
                start.ncols(),
                start.iter().copied().collect(),
            );
            for (i, step) in case.steps.iter().enumerate() {
                // ⟨dy, x Wᵀ⟩ has the gradient dyᵀ x.
                let mut tape = Tape::new();
                let x = tape.constant(matrix(&step.x));
                let w = params.leaf(&mut tape, id);
                let y = tape.linear(x, w, None).unwrap();
                let loss = tape.inner_product(y, matrix(&step.dy)).unwrap();
                adam.step(&mut params, &tape.backward(loss).unwrap());
                let ours = params.get(id).tensor.to_row_major();
                for (a, b) in ours.iter().zip(&matrix(&step.weight)) {
                    let error = (a - b).abs() / b.abs().max(1e-3);
                    assert!(
                        error <= 1e-12,
                        "{s:?} {layout:?}, step {i}: {a}, PyTorch {b}"
                    );
                }
            }
        }
    }
}

#[test]
fn the_plateau_schedule_gives_the_rates_of_pytorch() {
    let cases = fixture().plateau;
    assert!(cases.len() >= 5);
    for case in cases {
        let s = &case.config;
        let mut plateau = Plateau::new(PlateauConfig {
            mode: s.mode,
            factor: s.factor,
            patience: s.patience,
            threshold: s.threshold,
            threshold_mode: s.threshold_mode,
            cooldown: s.cooldown,
            min_lr: s.min_lr,
            eps: s.eps,
        });
        let mut lr = case.lr;
        for (i, (metric, rate)) in case.metrics.iter().zip(&case.rates).enumerate() {
            lr = plateau.step(metric.unwrap_or(f64::NAN), lr);
            assert!(
                (lr - rate).abs() <= 1e-15 * rate.abs(),
                "{s:?}, epoch {i}: {lr}, PyTorch {rate}"
            );
        }
    }
}
