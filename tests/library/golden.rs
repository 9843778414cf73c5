//! The model compared with PyTorch: activations, losses, every gradient and five Adam steps of the same
//! network, in f64 and f32, with packed weights (factored gradients) and row-major ones (dense).
//!
//! `fixtures/README.md` describes how the files were made and their keys.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use blendfuse::autograd::{Scalar, Tape};
use blendfuse::config::Config;
use blendfuse::config::{Gate, Heads, PresenceLoss};
use blendfuse::encoders::{Encoder, Modality, Presence};
use blendfuse::eval::align::align;
use blendfuse::kernels::MatRef;
use blendfuse::kernels::layout::PackedRows;
use blendfuse::model::{FusionNet, Inputs};
use blendfuse::nn::params::WeightLayout;
use blendfuse::nn::{Adam, AdamConfig, Mode};
use blendfuse::testing::formats::npz::Npz;
use blendfuse::testing::model::heads::{presence_probabilities, salience_probabilities};
use ndarray::{Array2, ArrayView2};
use serde::Deserialize;

#[derive(Deserialize)]
struct Settings {
    uda: bool,
    f64: bool,
    dims: Vec<usize>,
    lr: f64,
    #[serde(rename = "P")]
    projection_dim: usize,
    #[serde(rename = "Z")]
    shared_dim: usize,
    #[serde(rename = "G")]
    gate_hidden: usize,
    #[serde(rename = "HH")]
    head_hidden: usize,
    #[serde(rename = "C")]
    classes: usize,
    k: usize,
    #[serde(rename = "B")]
    labelled: usize,
    #[serde(default)]
    gate: Option<Gate>,
    #[serde(default)]
    heads: Option<Heads>,
    #[serde(default)]
    presence: Option<PresenceLoss>,
    #[serde(default)]
    temperature_learned: Option<bool>,
}

struct Golden<F> {
    npz: Npz,
    name: String,
    layout: WeightLayout,
    settings: Settings,
    tolerance: f64,
    /// Tensors whose largest entry is smaller are compared on this scale: a bias before batch norm
    /// has gradient 0 up to rounding.
    floor: f64,
    net: FusionNet<F>,
    inputs: Inputs<F>,
    targets: Array2<F>,
}

impl<F: Scalar> Golden<F> {
    fn open(path: &Path, layout: WeightLayout, tolerance: f64, floor: f64) -> Self {
        let mut npz = Npz::open(path).unwrap();
        let settings: Settings = serde_json::from_str(&npz.names("settings").unwrap()[0]).unwrap();
        let mut config = Config::default();
        let model = &mut config.model;
        model.projection_dim = settings.projection_dim;
        model.shared_dim = settings.shared_dim;
        model.gate_hidden = settings.gate_hidden;
        model.head_hidden = settings.head_hidden;
        model.top_k = settings.k;
        model.dropout = 0.0;
        model.gate = settings.gate.unwrap_or(model.gate);
        model.heads = settings.heads.unwrap_or(model.heads);
        model.temperature_learned = settings.temperature_learned.unwrap_or(true);
        config.loss.presence = settings.presence.unwrap_or(config.loss.presence);
        config.uda.enabled = settings.uda;
        let encoders: Vec<Encoder> = settings
            .dims
            .iter()
            .enumerate()
            .map(|(m, &width)| Encoder {
                name: format!("enc{m}"),
                modality: Modality::Other,
                width,
            })
            .collect();
        let mut net = FusionNet::with_layout(&config, &encoders, settings.classes, layout).unwrap();
        let ids: Vec<_> = net
            .params
            .iter()
            .map(|(id, p)| (id, p.name.clone(), p.shape.clone()))
            .collect();
        for (id, name, shape) in ids {
            let array = npz.numbers(&format!("param0.{name}")).unwrap();
            assert_eq!(array.shape, shape, "{name}");
            net.params
                .set(id, array.values.to_f64().into_iter().map(F::of).collect());
        }
        let mut rows = Vec::new();
        let mut present: Vec<Vec<bool>> = Vec::new();
        for encoder in &encoders {
            let x = matrix::<F>(&mut npz, &format!("x.{}", encoder.name));
            let (batch, width) = x.dim();
            rows.push(Arc::new(PackedRows::from_view(MatRef::row_major(
                x.as_slice().unwrap(),
                batch,
                width,
            ))));
            let key = format!("present.{}", encoder.name);
            present.push(if npz.arrays().contains(&key) {
                let here = npz.numbers(&key).unwrap().values.to_f64();
                here.into_iter().map(|here| here != 0.0).collect()
            } else {
                vec![true; batch]
            });
        }
        let targets = matrix(&mut npz, "y");
        assert_eq!(targets.nrows(), settings.labelled);
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        Self {
            npz,
            name,
            layout,
            settings,
            tolerance,
            floor,
            net,
            inputs: Inputs::new(rows, Presence::from_columns(present)),
            targets,
        }
    }

    /// Asserts agreement with a stored array, relative to its largest entry.
    fn check(&mut self, key: &str, ours: impl IntoIterator<Item = F>) {
        self.check_above(self.floor, key, ours);
    }

    /// As [`Self::check`], relative to `floor` where every entry is smaller.
    fn check_above(&mut self, floor: f64, key: &str, ours: impl IntoIterator<Item = F>) {
        let theirs = self.npz.numbers(key).unwrap().values.to_f64();
        let ours: Vec<f64> = ours.into_iter().map(|x| x.as_f64()).collect();
        assert_eq!(ours.len(), theirs.len(), "{}: {key}", self.name);
        let scale = theirs.iter().fold(floor, |scale, x| scale.max(x.abs()));
        for (i, (a, b)) in ours.iter().zip(&theirs).enumerate() {
            let error = (a - b).abs() / scale;
            assert!(
                error <= self.tolerance,
                "{}: {key}[{i}]: {a}, PyTorch {b}: error {error:e}",
                self.name
            );
        }
    }

    fn has(&self, key: &str) -> bool {
        self.npz.arrays().iter().any(|array| array == key)
    }

    fn step(&mut self, adam: &mut Adam<F>, step: usize) {
        let mut tape = Tape::new();
        let forward = self
            .net
            .forward(&mut tape, &self.inputs, Mode::Train { seed: 0, step })
            .unwrap();
        let losses = self.net.losses(&mut tape, &forward, &self.targets).unwrap();
        if step == 0 {
            self.check_forward(&tape, &forward);
        }
        let stored = self.npz.numbers("losses").unwrap().values.to_f64();
        let ours = [
            Some(losses.total),
            Some(losses.presence),
            Some(losses.salience),
            losses.domain,
        ];
        for (column, loss) in ours
            .into_iter()
            .enumerate()
            .filter_map(|(c, loss)| Some((c, loss?)))
        {
            let (a, b) = (tape.scalar(loss).as_f64(), stored[4 * step + column]);
            let error = (a - b).abs() / b.abs();
            assert!(
                error <= self.tolerance,
                "{}: loss {column} of step {step}: {a}, PyTorch {b}",
                self.name
            );
        }
        let gradients = tape.backward(losses.total).unwrap();
        if step == 0 {
            let trainable: Vec<_> = self
                .net
                .params
                .iter()
                .filter(|(_, p)| p.trainable)
                .map(|(id, p)| (id, p.name.clone()))
                .collect();
            for (id, name) in trainable {
                let gradient = gradients
                    .parameter(id.index())
                    .map(blendfuse::autograd::Gradient::to_dense);
                match gradient {
                    Some(gradient) => {
                        // Batch norm takes the mean away, so the exact gradient of a bias before it
                        // is 0 and both sides hold rounding alone: terms of up to 1 cancel.
                        let cancels = name.ends_with(".linear.bias");
                        let floor = if cancels {
                            10.0 * self.floor
                        } else {
                            self.floor
                        };
                        self.check_above(floor, &format!("grad.{name}"), gradient);
                    }
                    None => assert!(
                        !self.has(&format!("grad.{name}")),
                        "{}: no gradient for {name}",
                        self.name
                    ),
                }
            }
        }
        self.net.update_running(&forward.running_updates);
        // Every step has the same batch.
        self.net.step(adam, &gradients, 1.0, Some(&mut self.inputs));
        let packed = matches!(self.layout, WeightLayout::Packed);
        assert!(
            self.inputs
                .precomputed()
                .iter()
                .all(|y| packed || y.is_none())
        );
        assert!(
            self.inputs
                .precomputed()
                .iter()
                .any(|y| y.is_some() == packed)
        );
    }

    fn check_forward(&mut self, tape: &Tape<F>, forward: &blendfuse::model::Forward<F>) {
        // h is stored (B, M, P).
        let (batch, width) = tape.shape(forward.projections[0]);
        let mut h = Vec::new();
        for r in 0..batch {
            for &projection in &forward.projections {
                h.extend((0..width).map(|c| tape.value(projection)[(r, c)]));
            }
        }
        self.check("fwd.h", h);
        if let Some(logits) = forward.gate_logits {
            // The logit of a missing encoder counts as −∞, whatever the layer's output.
            let mut logits = tape.value(logits).to_owned();
            let mut stored = matrix::<F>(&mut self.npz, "fwd.gate_logits");
            for ((a, b), here) in logits
                .iter_mut()
                .zip(&mut stored)
                .zip(self.inputs.presence.mask().into_iter().flatten())
            {
                if !here {
                    (*a, *b) = (F::zero(), F::zero());
                }
            }
            for (a, b) in logits.iter().zip(&stored) {
                assert!(
                    (*a - *b).abs().as_f64() <= self.tolerance,
                    "{}: gate logit {a}, PyTorch {b}",
                    self.name
                );
            }
        }
        self.check("fwd.weights", forward.gate_weights.iter().copied());
        let dense = |var| tape.value(var).iter().copied().collect::<Vec<_>>();
        self.check("fwd.renormalised", dense(forward.selected_weights));
        let mask = dense(forward.selected_weights)
            .into_iter()
            .map(|a| if a > F::zero() { F::one() } else { F::zero() });
        self.check("fwd.mask", mask);
        self.check("fwd.z", dense(forward.embedding));
        self.check("fwd.presence_logits", dense(forward.presence_logits));
        self.check("fwd.salience_logits", dense(forward.salience_logits));
        if let Some(logits) = forward.domain_logits {
            self.check("fwd.domain_logits", dense(logits));
        }
    }

    fn check_params(&mut self, prefix: &str) {
        let params: Vec<_> = self
            .net
            .params
            .iter()
            .map(|(_, p)| (p.name.clone(), p.tensor.to_row_major()))
            .collect();
        for (name, values) in params {
            let key = format!("{prefix}.{name}");
            if self.settings.f64 {
                self.check(&key, values);
            } else {
                self.check_norm(&key, values);
            }
        }
    }

    /// Asserts agreement of parameters after Adam in f32: the norm of the difference, relative to
    /// the norm of the tensor, and no entry further off than a tenth of what one step may move it.
    ///
    /// Adam divides the gradient by its own size plus 1e-8. Where a gradient is that small, the
    /// rounding of either side (both are 5e-10 off the f64 truth in the medium file) decides by
    /// how much the weight moves; relative to the largest weight such entries differ by 1.3e-4.
    fn check_norm(&mut self, key: &str, ours: Vec<F>) {
        let theirs = self.npz.numbers(key).unwrap().values.to_f64();
        assert_eq!(ours.len(), theirs.len(), "{}: {key}", self.name);
        let difference: Vec<f64> = ours
            .iter()
            .zip(&theirs)
            .map(|(a, b)| a.as_f64() - b)
            .collect();
        let norm = |x: &[f64]| x.iter().map(|x| x * x).sum::<f64>().sqrt();
        let error = norm(&difference) / norm(&theirs).max(self.floor);
        assert!(
            error <= self.tolerance,
            "{}: {key}: error {error:e} of the norm",
            self.name
        );
        let worst = difference
            .iter()
            .fold(0.0, |worst: f64, x| worst.max(x.abs()));
        assert!(
            worst <= 0.1 * self.settings.lr,
            "{}: {key}: an entry is {worst:e} off",
            self.name
        );
    }

    fn run(mut self) {
        let config = AdamConfig {
            lr: self.settings.lr,
            weight_decay: 1e-3,
            ..AdamConfig::default()
        };
        let mut adam = Adam::new(config);
        for step in 0..5 {
            self.step(&mut adam, step);
            if step == 0 {
                self.check_params("param1");
            }
        }
        self.check_params("param5");
        let mut tape = Tape::new();
        let forward = self
            .net
            .forward(&mut tape, &self.inputs, Mode::Eval)
            .unwrap();
        let p = presence_probabilities(tape.value(forward.presence_logits));
        let s = salience_probabilities(tape.value(forward.salience_logits));
        let wide = |x: ArrayView2<'_, F>| x.mapv(|x| x.as_f64());
        let f = align(wide(p.view()).view(), wide(s.view()).view(), 1.0).unwrap();
        self.check("eval.presence", p);
        self.check("eval.salience", s);
        self.check("eval.aligned", f.mapv(F::of));
        println!(
            "{}, {:?} weights: agrees within {:e}",
            self.name, self.layout, self.tolerance
        );
    }
}

fn matrix<F: Scalar>(npz: &mut Npz, key: &str) -> Array2<F> {
    let array = npz.numbers(key).unwrap();
    let values = array.values.to_f64().into_iter().map(F::of).collect();
    Array2::from_shape_vec((array.shape[0], array.shape[1]), values).unwrap()
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "npz"))
        .collect();
    files.sort();
    files
}

fn check_all(files: &[PathBuf]) {
    for path in files {
        for layout in [WeightLayout::Packed, WeightLayout::RowMajor] {
            let settings = Npz::open(path)
                .unwrap()
                .names("settings")
                .unwrap()
                .remove(0);
            let settings: Settings = serde_json::from_str(&settings).unwrap();
            if settings.f64 {
                Golden::<f64>::open(path, layout, 1e-9, 1e-6).run();
            } else {
                Golden::<f32>::open(path, layout, 1e-4, 1e-3).run();
            }
        }
    }
}

#[test]
fn the_repositorys_own_files_agree() {
    let mut files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures"));
    let is_golden = |name: &std::ffi::OsStr| name.to_string_lossy().starts_with("golden_");
    files.retain(|path| path.file_name().is_some_and(is_golden));
    assert!(files.len() >= 8, "golden files are missing from fixtures/");
    check_all(&files);
}

#[test]
fn the_shared_files_agree() {
    let files = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/golden"));
    if files.is_empty() {
        println!("skipped: no shared golden files here");
    }
    check_all(&files);
}
