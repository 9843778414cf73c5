//! Evaluation without a tape equals the tape's evaluation, for every variant of the network and any
//! missing encoders; and a clip gets the same bits in any batch.

use std::sync::Arc;

use blendfuse::autograd::Tape;
use blendfuse::config::Config;
use blendfuse::encoders::{Encoder, Modality, Presence};
use blendfuse::kernels::inference::BatchRows;
use blendfuse::kernels::layout::PackedRows;
use blendfuse::kernels::pack::{
    Pick, RowScaling, RowSource, RowValues, Standardise, StoredRows, gather_rows,
};
use blendfuse::model::{Evaluation, FusionNet, Inputs};
use blendfuse::nn::Mode;
use blendfuse::nn::params::WeightLayout;
use blendfuse::rng::{Purpose, Stream};
use blendfuse::testing::config::overrides::parse_assignment;
use ndarray::{Array2, Axis};

const CLIPS: usize = 40;
const WIDTHS: [usize; 4] = [70, 19, 300, 8];

/// The settings of each network.
const FORMS: [&[&str]; 4] = [
    &[],
    &["model.gate=uniform"],
    &["model.heads=single"],
    &["model.top_k=4", "uda.enabled=true", "loss.presence=bce"],
];

struct Data {
    values: Vec<Vec<f32>>,
    mean: Vec<Vec<f32>>,
    inv_std: Vec<Vec<f32>>,
}

fn stream(item: usize) -> Stream {
    Stream::new(5, Purpose::Test, item, 0)
}

fn uniform(count: usize, item: usize) -> Vec<f32> {
    let mut stream = stream(item);
    (0..count)
        .map(|_| (4.0 * stream.uniform() - 2.0) as f32)
        .collect()
}

impl Data {
    fn new() -> Self {
        let each = |item: usize, rows: usize| -> Vec<Vec<f32>> {
            let widths = WIDTHS.iter().enumerate();
            widths
                .map(|(m, width)| uniform(rows * width, 10 * item + m))
                .collect()
        };
        Self {
            values: each(1, CLIPS),
            mean: each(2, 1),
            inv_std: each(3, 1),
        }
    }

    fn source(&self, m: usize) -> StoredRows<'_> {
        let values = RowValues::F32(&self.values[m]);
        let cols = WIDTHS[m];
        RowSource { values, cols }.into()
    }

    fn standardise(&self, m: usize) -> Standardise<'_> {
        Standardise {
            mean: &self.mean[m],
            inv_std: &self.inv_std[m],
            bound: f32::INFINITY,
        }
    }
}

/// A network whose batch norms have non-trivial running statistics.
fn network(form: &[&str], layout: WeightLayout) -> FusionNet<f32> {
    let small = [
        "model.projection_dim=40",
        "model.shared_dim=33",
        "model.gate_hidden=9",
        "model.head_hidden=12",
        "model.top_k=2",
    ];
    let assignments: Vec<_> = small
        .iter()
        .chain(form)
        .map(|text| parse_assignment(text).unwrap())
        .collect();
    let config = Config::from_overrides(&assignments).unwrap();
    let encoders = WIDTHS.iter().enumerate().map(|(m, &width)| Encoder {
        name: format!("e{m}"),
        modality: Modality::Other,
        width,
    });
    let encoders: Vec<_> = encoders.collect();
    let mut net = FusionNet::with_layout(&config, &encoders, 5, layout).unwrap();
    let ids: Vec<_> = net
        .params
        .iter()
        .filter(|(_, param)| param.name.contains(".norm."))
        .map(|(id, param)| (id, param.name.ends_with("_var")))
        .collect();
    for (n, (id, variance)) in ids.into_iter().enumerate() {
        let mut stream = stream(100 + n);
        for x in net.params.vector_mut(id) {
            *x = stream.uniform() as f32 + if variance { 0.3 } else { -0.4 };
        }
    }
    net
}

fn rows(clips: &[usize], missing: bool) -> Vec<Vec<Option<usize>>> {
    (0..WIDTHS.len())
        .map(|m| {
            let here = |clip: usize| !missing || !(clip + m).is_multiple_of(3) && m != 3;
            clips
                .iter()
                .map(|&clip| here(clip).then_some(clip))
                .collect()
        })
        .collect()
}

fn evaluate(net: &FusionNet<f32>, data: &Data, rows: &[Vec<Option<usize>>]) -> Evaluation {
    let inputs: Vec<_> = rows
        .iter()
        .enumerate()
        .map(|(m, rows)| BatchRows {
            features: data.source(m),
            rows,
            scaling: RowScaling::Same(data.standardise(m)),
        })
        .collect();
    net.inference().run(&inputs).unwrap()
}

fn by_tape(net: &FusionNet<f32>, data: &Data, rows: &[Vec<Option<usize>>]) -> Evaluation {
    let packed = |(m, rows): (usize, &Vec<Option<usize>>)| {
        let picks: Vec<_> = rows
            .iter()
            .map(|row| row.map(|row| Pick { source: 0, row }))
            .collect();
        let mut packed = PackedRows::zeros(rows.len(), WIDTHS[m]);
        gather_rows(
            &[data.source(m)],
            &picks,
            RowScaling::Same(data.standardise(m)),
            &mut packed,
        );
        Arc::new(packed)
    };
    let presence = rows.iter().map(|rows| rows.iter().map(Option::is_some));
    let inputs = Inputs::new(
        rows.iter().enumerate().map(packed).collect(),
        Presence::from_columns(presence),
    );
    let mut tape = Tape::new();
    let forward = net.forward(&mut tape, &inputs, Mode::Eval).unwrap();
    Evaluation {
        gate_weights: forward.gate_weights.clone(),
        selected_weights: tape.value(forward.selected_weights).to_owned(),
        presence_logits: tape.value(forward.presence_logits).to_owned(),
        salience_logits: tape.value(forward.salience_logits).to_owned(),
    }
}

fn parts(evaluation: &Evaluation) -> [&Array2<f32>; 4] {
    [
        &evaluation.gate_weights,
        &evaluation.selected_weights,
        &evaluation.presence_logits,
        &evaluation.salience_logits,
    ]
}

#[test]
fn agrees_with_the_tape_in_every_form_of_the_network() {
    let data = Data::new();
    let clips: Vec<usize> = (0..CLIPS).collect();
    for form in FORMS {
        for missing in [false, true] {
            for layout in [WeightLayout::Packed, WeightLayout::RowMajor] {
                let net = network(form, layout);
                let rows = rows(&clips, missing);
                let (ours, tape) = (evaluate(&net, &data, &rows), by_tape(&net, &data, &rows));
                for (ours, tape) in parts(&ours).into_iter().zip(parts(&tape)) {
                    let size = tape.iter().fold(1.0_f32, |most, x| most.max(x.abs()));
                    for (a, b) in ours.iter().zip(tape) {
                        assert!(
                            (a - b).abs() <= 1e-5 * size,
                            "{form:?} {missing}: {a} and {b}"
                        );
                    }
                }
                // The same encoders are kept, the same class comes first.
                let kept = |e: &Evaluation| e.selected_weights.mapv(|weight| weight > 0.0);
                assert_eq!(kept(&ours), kept(&tape), "{form:?} {missing}");
                let first = |logits: &Array2<f32>| {
                    let largest = |row: &ndarray::ArrayView1<'_, f32>| {
                        (0..row.len()).max_by(|&a, &b| row[a].total_cmp(&row[b]))
                    };
                    logits
                        .rows()
                        .into_iter()
                        .map(|row| largest(&row))
                        .collect::<Vec<_>>()
                };
                assert_eq!(first(&ours.presence_logits), first(&tape.presence_logits));
                assert_eq!(first(&ours.salience_logits), first(&tape.salience_logits));
            }
        }
    }
}

#[test]
fn a_clip_gets_the_same_bits_in_any_batch() {
    let data = Data::new();
    let all: Vec<usize> = (0..CLIPS).collect();
    for form in FORMS {
        let net = network(form, WeightLayout::Packed);
        for missing in [false, true] {
            let whole = evaluate(&net, &data, &rows(&all, missing));
            for clips in [&[11][..], &[3, 39], &all[20..29]] {
                let some = evaluate(&net, &data, &rows(clips, missing));
                for (some, whole) in parts(&some).into_iter().zip(parts(&whole)) {
                    assert_eq!(*some, whole.select(Axis(0), clips), "{form:?} {missing}");
                }
            }
        }
    }
}

#[test]
fn what_does_not_fit_is_refused() {
    let (data, net) = (Data::new(), network(FORMS[0], WeightLayout::Packed));
    let rows = [Some(0)];
    let input = |m: usize| BatchRows {
        features: data.source(m),
        rows: &rows,
        scaling: RowScaling::None,
    };
    let mut inference = net.inference();
    let message = inference.run(&[input(0)]).unwrap_err().to_string();
    assert_eq!(message, "inference: expected 4 encoders, got 1");
    let message = inference.run(&[input(0), input(2), input(1), input(3)]);
    let message = message.unwrap_err().to_string();
    assert_eq!(message, "inference: expected 1 × 19 features, got 1 × 300");
}
