//! The whole network's gradient against differences of its loss, in f64, with dropout, missing
//! encoders, the domain adversary and every switch; for the adversary, whose backward pass is not
//! the derivative, against the loss that the reversal stands for.

use std::sync::Arc;

use blendfuse::autograd::Tape;
use blendfuse::config::Config;
use blendfuse::encoders::{Encoder, Modality, Presence};
use blendfuse::kernels::MatRef;
use blendfuse::kernels::layout::PackedRows;
use blendfuse::model::{FusionNet, Inputs};
use blendfuse::nn::params::{ParamId, WeightLayout};
use blendfuse::nn::{Adam, AdamConfig, Mode};
use blendfuse::rng::{Purpose, Stream};
use blendfuse::testing::config::overrides::parse_assignment;
use ndarray::Array2;

const STEP: f64 = 1e-5;
const BATCH: usize = 7;
const LABELLED: usize = 5;
const CLASSES: usize = 4;
const WIDTHS: [usize; 4] = [5, 3, 8, 4];

fn inputs(missing: bool) -> Inputs<f64> {
    let mut stream = Stream::new(11, Purpose::Test, 1, 0);
    let rows = WIDTHS.map(|width| {
        let x: Vec<f64> = (0..BATCH * width)
            .map(|_| 4.0 * stream.uniform() - 2.0)
            .collect();
        Arc::new(PackedRows::from_view(MatRef::row_major(&x, BATCH, width)))
    });
    // Encoder 3 is present in one row only: its running statistics are used.
    let here = move |r, m| !missing || if m == 3 { r == 2 } else { (r + m) % 4 != 0 };
    let columns = (0..WIDTHS.len()).map(|m| (0..BATCH).map(move |r| here(r, m)));
    Inputs::new(rows.to_vec(), Presence::from_columns(columns))
}

fn targets(labelled: usize) -> Array2<f64> {
    let mut stream = Stream::new(12, Purpose::Test, 2, 0);
    let mut y = Array2::from_shape_simple_fn((labelled, CLASSES), || stream.uniform());
    for mut row in y.rows_mut() {
        let sum = row.sum();
        row /= sum;
    }
    y
}

/// The loss whose derivative with respect to `parameter` the backward pass gives: behind the
/// reversal (every parameter but the domain classifier's) the domain loss counts −λ.
fn loss(net: &FusionNet<f64>, inputs: &Inputs<f64>, targets: &Array2<f64>, parameter: &str) -> f64 {
    let mut tape = Tape::new();
    let mode = Mode::Train { seed: 3, step: 4 };
    let forward = net.forward(&mut tape, inputs, mode).unwrap();
    let losses = net.losses(&mut tape, &forward, targets).unwrap();
    let total = tape.scalar(losses.total);
    match losses.domain {
        Some(domain) if !parameter.starts_with("domain.") => {
            let uda = &net.config().uda;
            total - uda.domain_weight * (1.0 + uda.reversal_weight) * tape.scalar(domain)
        }
        _ => total,
    }
}

fn config(settings: &[&str]) -> Config {
    let mut overrides: Vec<_> = [
        "model.projection_dim=3",
        "model.shared_dim=6",
        "model.gate_hidden=5",
        "model.head_hidden=4",
        "model.top_k=2",
    ]
    .iter()
    .chain(settings)
    .map(|text| parse_assignment(text).unwrap())
    .collect();
    overrides.push(parse_assignment("train.seed=5").unwrap());
    Config::from_overrides(&overrides).unwrap()
}

fn encoders() -> Vec<Encoder> {
    let encoders = WIDTHS.iter().enumerate().map(|(m, &width)| Encoder {
        name: format!("enc{m}"),
        modality: Modality::Other,
        width,
    });
    encoders.collect()
}

fn check(settings: &[&str], missing: bool) {
    let (config, encoders) = (config(settings), encoders());
    let inputs = inputs(missing);
    let targets = targets(if config.uda.enabled { LABELLED } else { BATCH });
    for layout in [WeightLayout::Packed, WeightLayout::RowMajor] {
        let mut net = FusionNet::<f64>::with_layout(&config, &encoders, CLASSES, layout).unwrap();
        let mut tape = Tape::new();
        let forward = net
            .forward(&mut tape, &inputs, Mode::Train { seed: 3, step: 4 })
            .unwrap();
        let losses = net.losses(&mut tape, &forward, &targets).unwrap();
        let gradients = tape.backward(losses.total).unwrap();
        let params: Vec<(ParamId, String)> = net
            .params
            .iter()
            .filter(|(_, p)| p.trainable)
            .map(|(id, p)| (id, p.name.clone()))
            .collect();
        let mut checked = 0;
        for (id, name) in params {
            let values = net.params.get(id).tensor.to_row_major();
            let analytic: Vec<f64> = match gradients.parameter(id.index()) {
                Some(gradient) => gradient.to_dense().iter().copied().collect(),
                None => vec![0.0; values.len()],
            };
            let mut at = |i: usize, step: f64| {
                let mut moved = values.clone();
                moved[i] += step;
                net.params.set(id, moved);
                loss(&net, &inputs, &targets, &name)
            };
            for (i, &analytic) in analytic.iter().enumerate() {
                let numeric = (8.0 * (at(i, STEP) - at(i, -STEP))
                    - (at(i, 2.0 * STEP) - at(i, -2.0 * STEP)))
                    / (12.0 * STEP);
                let scale = numeric.abs().max(analytic.abs()).max(1e-3);
                let error = (numeric - analytic).abs() / scale;
                assert!(
                    error <= 1e-6,
                    "{settings:?} {layout:?} {name}[{i}]: {analytic} and {numeric}"
                );
                checked += 1;
            }
            net.params.set(id, values);
        }
        assert_eq!(checked, net.params.trainable_count());
    }
}

#[test]
fn with_the_defaults() {
    check(&[], false);
}

#[test]
fn with_missing_encoders() {
    check(&[], true);
    check(&["model.gate=uniform"], true);
    check(&["model.top_k=4"], true);
}

#[test]
fn with_the_domain_adversary() {
    check(&["uda.enabled=true"], false);
    check(&["uda.enabled=true", "model.heads=single"], true);
}

#[test]
fn with_every_other_switch() {
    check(&["model.gate=uniform"], false);
    check(&["model.heads=single"], false);
    check(&["loss.presence=bce"], false);
    check(&["model.heads=single", "loss.presence=bce"], false);
    check(&["model.temperature_learned=false"], false);
    check(&["model.dropout=0", "model.dropout_heads=0.5"], false);
}

/// Products that the optimiser forms ahead are of its own weights and the next batch's features; with
/// others they would train on silently, and wrongly.
#[test]
fn a_batch_whose_products_are_stale_is_refused() {
    let mut net = FusionNet::<f64>::new(&config(&[]), &encoders(), CLASSES).unwrap();
    let mut adam = Adam::new(AdamConfig::default());
    let (mode, targets) = (Mode::Train { seed: 3, step: 4 }, targets(BATCH));
    let mut step = |net: &mut FusionNet<f64>, next: Option<&mut Inputs<f64>>| {
        let mut tape = Tape::new();
        let forward = net.forward(&mut tape, &inputs(false), mode).unwrap();
        let losses = net.losses(&mut tape, &forward, &targets).unwrap();
        let gradients = tape.backward(losses.total).unwrap();
        net.step(&mut adam, &gradients, 1.0, next);
    };
    let refused = |net: &FusionNet<f64>, inputs: &Inputs<f64>, why: &str| {
        let error = net.forward(&mut Tape::new(), inputs, mode).unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    };
    let mut next = inputs(false);
    step(&mut net, Some(&mut next));
    assert!(next.precomputed().iter().all(Option::is_some));
    assert!(net.forward(&mut Tape::new(), &next, mode).is_ok());

    let mut exchanged = next.clone();
    exchanged.features[1] = inputs(false).features[1].clone();
    refused(&net, &exchanged, "another batch");
    step(&mut net, None);
    refused(&net, &next, "weights have changed");
}
