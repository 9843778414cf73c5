//! A small network of your own: a residual regression whose features do not tell two domains apart
//! (gradient reversal), with an operation that the engine does not have. docs/engine.md explains it.

use blendfuse_engine::prelude::*;
use ndarray::{Array2, Axis, concatenate};

/// y = exp(−x²); its backward pass needs the input and the output, which the tape keeps.
struct Gaussian;

impl<F: Scalar> Op<F> for Gaussian {
    fn name(&self) -> &'static str {
        "gaussian"
    }

    fn backward(&self, cx: &mut Backward<'_, F>) {
        // dx += −2 x y dy
        let dx = &cx.x(0) * &cx.y() * cx.dy() * F::of(-2.0);
        cx.accumulate_array(0, dx);
    }
}

fn gaussian<F: Scalar>(tape: &mut Tape<F>, x: Var) -> Var {
    let y = tape.value(x).mapv(|x| (-x * x).exp());
    tape.push(y, &[x], Gaussian)
}

/// h = g(W₁ x), z = h + tanh(W₂ BatchNorm(h)); a prediction from z, and a domain from −λ z.
struct Model {
    input: Linear,
    norm: BatchNorm,
    inner: Linear,
    output: Linear,
    domain: Linear,
}

impl Model {
    fn new(params: &mut Params<f32>, width: usize, init: Init) -> Self {
        Self {
            input: Linear::new(params, "input", 2, width, init),
            norm: BatchNorm::new(params, "norm", width),
            inner: Linear::new(params, "inner", width, width, init),
            output: Linear::new(params, "output", width, 1, init),
            domain: Linear::new(params, "domain", width, 2, init),
        }
    }

    /// `x (B, 2)` → predictions `(B, 1)` and domain logits `(B, 2)`.
    fn forward(&self, pass: &mut ForwardPass<'_, f32>, x: Var) -> Result<[Var; 2]> {
        let h = self.input.forward(pass, x)?;
        let h = gaussian(pass.tape, h);
        let normalised = self.norm.forward(pass, h, None)?;
        let inner = self.inner.forward(pass, normalised)?;
        let inner = pass.tape.tanh(inner);
        let z = pass.tape.add(h, inner)?;
        let reversed = pass.tape.reverse_gradient(z, 1.0);
        let predicted = self.output.forward(pass, z)?;
        Ok([predicted, self.domain.forward(pass, reversed)?])
    }
}

fn main() -> Result<()> {
    // An operation is right if its gradient is that of differences.
    let worst = gradcheck(&[Input::Dense(3, 4)], |tape, v| Ok(gaussian(tape, v[0])))?;
    assert!(worst.relative < 1e-6, "{worst:?}");

    // y = sin 2a of the first column; the second says which domain a row is from, and no more.
    let mut stream = Stream::new(1, Purpose::Application, 0, 0);
    let a = Array2::from_shape_simple_fn((256, 1), || 4.0 * stream.uniform() as f32 - 2.0);
    let side = Array2::from_shape_fn((256, 1), |(row, _)| (row % 2) as f32);
    let x = concatenate![Axis(1), a, side];
    let y = a.mapv(|a| (2.0 * a).sin());
    let domains = concatenate![Axis(1), 1.0 - &side, side];

    let mut params = Params::new();
    let model = Model::new(&mut params, 32, Init::Random { seed: 7 });
    let mut adam = Adam::new(AdamConfig {
        lr: 3e-3,
        ..AdamConfig::default()
    });
    let mut last = [f32::INFINITY; 2];
    for step in 0..1000 {
        let mut tape = Tape::new();
        let input = tape.constant(x.clone());
        let mut pass = ForwardPass::new(&mut tape, &params, Mode::Train { seed: 7, step });
        let [predicted, domain] = model.forward(&mut pass, input)?;
        let updates = pass.into_running_updates();
        let error = tape.mse(predicted, y.clone())?;
        let adversary = tape.soft_cross_entropy(domain, domains.clone())?;
        last = [tape.scalar(error), tape.scalar(adversary)];
        let loss = tape.add(error, adversary)?;
        adam.step(&mut params, &tape.backward(loss)?);
        updates.iter().for_each(|update| update.apply(&mut params));
    }
    let [error, adversary] = last;
    println!("mean squared error {error:.5}, domain loss {adversary:.3} (chance: 0.693)");
    assert!(error < 0.05, "it has not learned: {error}");
    assert!(adversary > 0.6, "its features show the domain: {adversary}");
    Ok(())
}
