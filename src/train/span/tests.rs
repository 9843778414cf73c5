//! Tests of training in the span: that it is the same training where the optimiser does not tell the
//! axes apart, and that the weights over columns say what those over coordinates said.

use std::sync::Arc;

use ndarray::Array2;

use super::basis::{Basis, TOLERANCE};
use super::rotation::cosine_transform;
use super::rows::{EncoderRow, EncoderRows};
use crate::autograd::Tape;
use crate::config::Config;
use crate::encoders::{Encoder, Modality, Presence};
use crate::kernels::layout::PackedRows;
use crate::kernels::pack::{RowSource, RowValues, StoredRows};
use crate::kernels::view::MatRef;
use crate::model::{FusionNet, Inputs};
use crate::nn::Mode;
use crate::nn::params::{Params, WeightLayout};
use crate::rng::{Purpose, Stream};

/// For products in `f64`.
const EXACT: f64 = 1e-12;

fn random(count: usize, item: usize) -> Vec<f32> {
    let mut stream = Stream::new(21, Purpose::Test, item, 0);
    let uniform = || (2.0 * stream.uniform() - 1.0) as f32;
    std::iter::repeat_with(uniform).take(count).collect()
}

fn rows(values: &[f32], cols: usize) -> EncoderRows<'_> {
    let source: StoredRows<'_> = RowSource {
        values: RowValues::F32(values),
        cols,
    }
    .into();
    let row = |row: usize| EncoderRow {
        source,
        row,
        standardise: None,
    };
    EncoderRows::new((0..values.len() / cols).map(row).collect(), cols)
}

/// W x for every row x; W `(P, D)` row-major.
fn outputs(weights: &[f32], values: &[f32], cols: usize) -> Vec<f64> {
    let product = |w: &[f32], x: &[f32]| -> f64 {
        let products = w.iter().zip(x).map(|(w, x)| f64::from(*w) * f64::from(*x));
        products.sum()
    };
    values
        .chunks(cols)
        .flat_map(|x| weights.chunks(cols).map(move |w| product(w, x)))
        .collect()
}

/// The same of coordinates.
fn outputs_of_coordinates(weights: &[f32], coordinates: &[f64], rank: usize) -> Vec<f64> {
    let product =
        |w: &[f32], z: &[f64]| -> f64 { w.iter().zip(z).map(|(w, z)| f64::from(*w) * z).sum() };
    coordinates
        .chunks(rank)
        .flat_map(|z| weights.chunks(rank).map(move |w| product(w, z)))
        .collect()
}

#[track_caller]
fn assert_close(a: &[f64], b: &[f64], tolerance: f64) {
    assert_eq!(a.len(), b.len());
    let largest = b.iter().fold(1.0_f64, |most, b| most.max(b.abs()));
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= tolerance * largest, "{a} and {b}");
    }
}

#[test]
fn weights_over_columns_give_what_those_over_coordinates_give() {
    let (count, cols, outputs_wide) = (150, 1700, 5);
    let values = random((count + 20) * cols, 0);
    let (spanning, others) = values.split_at(count * cols);
    let (basis, [coordinates, inside]) =
        Basis::of::<f32>(&rows(spanning, cols), &rows(others, cols), TOLERANCE);
    assert_eq!(basis.rank(), count);
    let weights = random(outputs_wide * count, 1);
    let columns = basis.to_columns(&weights, &rows(spanning, cols));
    assert_close(
        &outputs(&columns, spanning, cols),
        &outputs_of_coordinates(&weights, &coordinates, count),
        1e-5,
    );
    // Rows outside the span are scored by their parts inside it.
    assert_close(
        &outputs(&columns, others, cols),
        &outputs_of_coordinates(&weights, &inside, count),
        1e-5,
    );
    let length = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>() / basis.scale.powi(2);
    for (x, z) in others.chunks(cols).zip(inside.chunks(count)) {
        let whole: f64 = x.iter().map(|x| f64::from(*x).powi(2)).sum();
        assert!(length(z) < 0.2 * whole);
    }
    for (x, z) in spanning.chunks(cols).zip(coordinates.chunks(count)) {
        let whole: f64 = x.iter().map(|x| f64::from(*x).powi(2)).sum();
        assert!((length(z) / whole - 1.0).abs() <= 1e-4);
    }
    // And back: the weights lie in the span as they are.
    let back = basis.to_span(&rows(&columns, cols), &rows(spanning, cols));
    let weights: Vec<f64> = weights.into_iter().map(f64::from).collect();
    assert_close(&back, &weights, 1e-4);
}

#[test]
fn many_other_rows_get_the_coordinates_that_each_gets_alone() {
    let (count, cols) = (6, 50);
    let (spanning, values) = (random(count * cols, 5), random(31 * cols, 6));
    let of = |others: &[f32]| {
        let (basis, [_, found]) =
            Basis::of::<f32>(&rows(&spanning, cols), &rows(others, cols), TOLERANCE);
        assert_eq!(basis.rank(), count);
        found
    };
    let alone: Vec<f64> = values.chunks(cols).flat_map(of).collect();
    assert_eq!(alone.len(), 31 * count);
    assert!(of(&values) == alone);
}

#[test]
fn rows_that_repeat_or_are_few_span_what_they_span() {
    let cols = 40;
    let one = random(cols, 2);
    let other = random(cols, 3);
    let sum: Vec<f32> = one.iter().zip(&other).map(|(a, b)| a + b).collect();
    let zeros = vec![0.0; cols];
    for (parts, rank) in [
        (vec![&one, &one], 1),
        (vec![&one, &other], 2),
        (vec![&one, &other, &one, &zeros, &sum], 2),
        (vec![&zeros, &zeros, &zeros], 0),
        (vec![], 0),
    ] {
        let values: Vec<f32> = parts.into_iter().flatten().copied().collect();
        let (basis, [coordinates, _]) =
            Basis::of::<f32>(&rows(&values, cols), &rows(&[], cols), TOLERANCE);
        assert_eq!(basis.rank(), rank);
        if rank == 0 {
            continue;
        }
        let weights = random(3 * rank, 4);
        let columns = basis.to_columns(&weights, &rows(&values, cols));
        assert_close(
            &outputs(&columns, &values, cols),
            &outputs_of_coordinates(&weights, &coordinates, rank),
            1e-5,
        );
    }
}

const WIDTHS: [usize; 3] = [60, 9, 45];
const CLIPS: usize = 16;

fn config() -> Config {
    let mut config = Config::default();
    config.model.projection_dim = 6;
    config.model.shared_dim = 7;
    config.model.gate_hidden = 5;
    config.model.head_hidden = 4;
    config.model.top_k = 2;
    config.uda.enabled = true;
    config
}

fn net(widths: &[usize]) -> FusionNet<f64> {
    let encoder = |(m, &width): (usize, &usize)| Encoder {
        name: format!("e{m}"),
        modality: Modality::Other,
        width,
    };
    let encoders: Vec<Encoder> = widths.iter().enumerate().map(encoder).collect();
    FusionNet::with_layout(&config(), &encoders, 3, WeightLayout::RowMajor).unwrap()
}

/// Trains by plain gradient descent, the projections' weights at a rate of their own; gives the losses.
fn descend(net: &mut FusionNet<f64>, features: &[Vec<f64>], rates: &[f64]) -> Vec<f64> {
    let (rate, decay) = (0.05, 1e-3);
    let mut step = |step: usize| {
        let clips: Vec<usize> = (0..8).map(|place| (5 * step + 3 * place) % CLIPS).collect();
        let rows = features.iter().map(|values| {
            let cols = values.len() / CLIPS;
            let of_clip = |&clip: &usize| values[clip * cols..][..cols].iter().copied();
            let values: Vec<f64> = clips.iter().flat_map(of_clip).collect();
            Arc::new(PackedRows::from_view(MatRef::row_major(&values, 8, cols)))
        });
        let here = (0..features.len()).map(|m| clips.iter().map(move |clip| (clip + m) % 7 != 0));
        let inputs = Inputs::new(rows.collect(), Presence::from_columns(here));
        let targets = Array2::from_shape_fn((5, 3), |(row, class)| {
            if (clips[row] + class).is_multiple_of(3) {
                0.7
            } else {
                0.15
            }
        });
        let mut tape = Tape::new();
        let forward = net
            .forward(&mut tape, &inputs, Mode::Train { seed: 2, step })
            .unwrap();
        let losses = net.losses(&mut tape, &forward, &targets).unwrap();
        let loss = tape.scalar(losses.total);
        let gradients = tape.backward(losses.total).unwrap();
        let trainable: Vec<_> = net
            .params
            .iter()
            .filter(|(_, param)| param.trainable)
            .map(|(id, param)| (id, param.name.clone(), param.tensor.to_row_major()))
            .collect();
        for (id, name, mut values) in trainable {
            let Some(gradient) = gradients.parameter(id.index()) else {
                continue;
            };
            let own = (0..rates.len()).find(|m| name == weight_of(*m));
            // In coordinates that are s times as long, weights are 1/s times as large and their
            // gradients s times, and so is what decays of them.
            let (rate, decay) = own.map_or((rate, decay), |m| (rate * rates[m], decay / rates[m]));
            for (value, gradient) in values.iter_mut().zip(gradient.to_dense().iter()) {
                *value -= rate * (gradient + decay * *value);
            }
            net.params.set(id, values);
        }
        loss
    };
    (0..20).map(&mut step).collect()
}

fn weight_of(encoder: usize) -> String {
    format!("encoders.e{encoder}.linear.weight")
}

fn named(params: &Params<f64>, name: &str) -> Vec<f64> {
    let id = params.find(name).unwrap();
    params.get(id).tensor.to_row_major()
}

#[test]
fn plain_gradient_descent_is_the_same_training() {
    let values: Vec<Vec<f32>> = WIDTHS
        .iter()
        .enumerate()
        .map(|(m, width)| random(CLIPS * width, 10 + m))
        .collect();
    let columns: Vec<Vec<f64>> = values
        .iter()
        .map(|values| values.iter().copied().map(f64::from).collect())
        .collect();
    // The second encoder has fewer columns than clips.
    let bases: Vec<Option<(Basis, [Vec<f64>; 2])>> = WIDTHS
        .iter()
        .zip(&values)
        .map(|(&cols, values)| {
            let of = |cols| Basis::of::<f64>(&rows(values, cols), &rows(&[], cols), EXACT);
            (cols > CLIPS).then(|| of(cols))
        })
        .collect();
    let coordinates: Vec<Vec<f64>> = bases
        .iter()
        .zip(&columns)
        .map(|(basis, columns)| basis.as_ref().map_or(columns, |(_, [z, _])| z).clone())
        .collect();
    let ranks: Vec<usize> = coordinates.iter().map(|z| z.len() / CLIPS).collect();
    assert_eq!(ranks, [CLIPS, 9, CLIPS]);
    let (mut over_columns, mut in_span) = (net(&WIDTHS), net(&ranks));
    // s W′ M L⁻¹ X̃ₚ in f64.
    let formed = |net: &FusionNet<f64>, m: usize| -> Vec<f64> {
        let weights = named(&net.params, &weight_of(m));
        let Some((basis, _)) = &bases[m] else {
            return weights;
        };
        let (rank, cols) = (basis.rank(), WIDTHS[m]);
        let mut out = Vec::new();
        let rotation = cosine_transform::<f64>(rank);
        for weights in weights.chunks(rank) {
            let mut turned = vec![0.0; rank];
            for (weight, rotation) in weights.iter().zip(rotation.chunks(rank)) {
                let turned = turned.iter_mut().zip(rotation);
                turned.for_each(|(turned, rotation)| *turned += weight * rotation);
            }
            let mut row = vec![0.0; cols];
            for (weight, factors) in turned.iter().zip(basis.inverse.chunks(rank)) {
                for (&pivot, factor) in basis.pivots.iter().zip(factors) {
                    let x = &columns[m][pivot * cols..][..cols];
                    for (row, x) in row.iter_mut().zip(x) {
                        *row += basis.scale * weight * factor * x;
                    }
                }
            }
            out.extend(row);
        }
        out
    };
    for m in 0..WIDTHS.len() {
        let id = over_columns.params.find(&weight_of(m)).unwrap();
        over_columns.params.set(id, formed(&in_span, m));
        let bias = format!("encoders.e{m}.linear.bias");
        let bias = over_columns.params.find(&bias).unwrap();
        let same = named(&in_span.params, &format!("encoders.e{m}.linear.bias"));
        over_columns.params.set(bias, same);
    }
    let rates: Vec<f64> = bases
        .iter()
        .map(|basis| {
            basis
                .as_ref()
                .map_or(1.0, |(basis, _)| basis.scale.powi(-2))
        })
        .collect();
    let one = descend(&mut over_columns, &columns, &[1.0; 3]);
    let other = descend(&mut in_span, &coordinates, &rates);
    assert!(one[19] < one[0]);
    assert_close(&one, &other, 1e-11);
    for m in 0..WIDTHS.len() {
        let weights = named(&over_columns.params, &weight_of(m));
        assert_close(&formed(&in_span, m), &weights, 1e-10);
    }
    let fusion = |net: &FusionNet<f64>| named(&net.params, "fusion.linear.weight");
    assert_close(&fusion(&in_span), &fusion(&over_columns), 1e-10);
}
