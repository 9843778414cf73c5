//! The tree-structured Parzen estimator of Bergstra, Bardenet, Bengio and Kégl (2011), "Algorithms for
//! Hyper-Parameter Optimization", written here because the crates that have it are barely maintained.
//!
//! The configurations so far are split into the best and the rest. Each parameter has two densities,
//! l of the best and g of the rest: a mixture of the prior and of one normal at each value, as wide as
//! the gap to its neighbours. Among some draws from l, the one with the largest l/g is tried next, which
//! is where the expected improvement is largest. Parameters are treated as independent.

use serde_json::Value;

use super::parameter::{Parameter, ParameterValues};
use super::space::Point;
use crate::rng::{Purpose, Stream};

/// Number of random configurations before the model is used.
pub const RANDOM_FIRST: usize = 8;

/// Number of draws from l per proposal.
const CANDIDATES: usize = 24;

/// The share of configurations that count as the best is this over √n (Bergstra et al. 2013).
const BEST: f64 = 0.25;

/// The `number`th configuration to try, given how good the earlier ones were (higher is better); a failed one
/// has none and counts as worst. Depends on nothing else.
pub fn propose(
    parameters: &[Parameter],
    known: &[(Point, Option<f64>)],
    seed: u64,
    number: usize,
) -> Point {
    let mut stream = Stream::new(seed, Purpose::Sweep, 0, number);
    let random = known.len() < RANDOM_FIRST;
    let mut order: Vec<&(Point, Option<f64>)> = known.iter().collect();
    // Stable: of equal ones, the earlier one counts as better.
    order.sort_by(|a, b| {
        let value = |of: &Option<f64>| of.unwrap_or(f64::NEG_INFINITY);
        value(&b.1).total_cmp(&value(&a.1))
    });
    let best = (BEST * (known.len() as f64).sqrt()).ceil() as usize;
    let (good, rest) = order.split_at(best.min(order.len()));
    let propose_one = |(at, parameter): (usize, &Parameter)| {
        let value = if random {
            parameter.draw(&mut stream)
        } else {
            let values = |of: &[&(Point, Option<f64>)]| -> Vec<Value> {
                of.iter().map(|(point, _)| point[at].1.clone()).collect()
            };
            likely(parameter, &values(good), &values(rest), &mut stream)
        };
        (parameter.key.clone(), value)
    };
    parameters.iter().enumerate().map(propose_one).collect()
}

fn likely(parameter: &Parameter, good: &[Value], rest: &[Value], stream: &mut Stream) -> Value {
    match &parameter.values {
        ParameterValues::List(list) => {
            let (l, g) = (shares(list, good), shares(list, rest));
            let candidates = (0..CANDIDATES).map(|_| drawn(&l, stream.uniform()));
            let best = first_largest(candidates.map(|i| (i, l[i] / g[i])));
            best.map_or(Value::Null, |index| list[index].clone())
        }
        ParameterValues::Range { .. } => {
            let places = |values: &[Value]| -> Vec<f64> {
                let places = values.iter().filter_map(|value| place(parameter, value));
                places.collect()
            };
            let (l, g) = (Parzen::of(places(good)), Parzen::of(places(rest)));
            let candidates = (0..CANDIDATES).map(|_| l.draw(stream));
            let best = first_largest(candidates.map(|x| (x, l.density(x) / g.density(x))));
            parameter.at(best.unwrap_or(0.5))
        }
    }
}

/// The first one with the largest score.
fn first_largest<T>(scored: impl Iterator<Item = (T, f64)>) -> Option<T> {
    let mut best: Option<(T, f64)> = None;
    for (candidate, score) in scored {
        if best.as_ref().is_none_or(|(_, most)| score > *most) {
            best = Some((candidate, score));
        }
    }
    best.map(|(candidate, _)| candidate)
}

/// The position of a value in its range, from 0 (lowest) to 1 (highest).
fn place(parameter: &Parameter, value: &Value) -> Option<f64> {
    let ParameterValues::Range { low, high, log, .. } = &parameter.values else {
        return None;
    };
    let x = value.as_f64()?;
    let scale = |x: f64| if *log { x.ln() } else { x };
    Some((scale(x) - scale(*low)) / (scale(*high) - scale(*low)))
}

/// Probabilities of a list's values: proportional to how often each was tried, plus one.
fn shares(list: &[Value], tried: &[Value]) -> Vec<f64> {
    let total = (tried.len() + list.len()) as f64;
    let count = |value: &Value| tried.iter().filter(|other| *other == value).count();
    list.iter()
        .map(|value| (1 + count(value)) as f64 / total)
        .collect()
}

fn drawn(shares: &[f64], uniform: f64) -> usize {
    let mut sum = 0.0;
    for (index, share) in shares.iter().enumerate() {
        sum += share;
        if uniform < sum {
            return index;
        }
    }
    shares.len() - 1
}

/// A mixture of normals on [0, 1]; the first one is the prior.
struct Parzen {
    /// Mean and standard deviation.
    parts: Vec<(f64, f64)>,
}

impl Parzen {
    fn of(mut places: Vec<f64>) -> Self {
        let narrowest = 1.0 / (1.0 + places.len() as f64).min(100.0);
        places.sort_by(f64::total_cmp);
        let mut parts = vec![(0.5, 1.0)];
        for (i, &x) in places.iter().enumerate() {
            let before = if i > 0 { places[i - 1] } else { 0.0 };
            let after = places.get(i + 1).copied().unwrap_or(1.0);
            let gap = (x - before).max(after - x);
            parts.push((x, gap.clamp(narrowest, 1.0)));
        }
        Self { parts }
    }

    /// Truncated by drawing again, and finally by clamping.
    fn draw(&self, stream: &mut Stream) -> f64 {
        let (mean, std) = self.parts[stream.below(self.parts.len())];
        let mut x = mean;
        for _ in 0..100 {
            // Box and Muller (1958).
            let (radius, angle) = (stream.uniform(), stream.uniform());
            let normal = (-2.0 * libm::log(1.0 - radius)).sqrt()
                * libm::cos(2.0 * std::f64::consts::PI * angle);
            x = mean + std * normal;
            if (0.0..=1.0).contains(&x) {
                return x;
            }
        }
        x.clamp(0.0, 1.0)
    }

    fn density(&self, x: f64) -> f64 {
        let parts = self.parts.iter().map(|(mean, std)| {
            let z = (x - mean) / std;
            let below = |end: f64| libm::erfc(-(end - mean) / std / std::f64::consts::SQRT_2) / 2.0;
            let normal = libm::exp(-0.5 * z * z) / (std * std::f64::consts::TAU.sqrt());
            normal / (below(1.0) - below(0.0))
        });
        parts.sum::<f64>() / self.parts.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The best of `rounds` proposals on a smooth function of one number and one word.
    fn search(rounds: usize, seed: u64, model: bool) -> f64 {
        let parameters: Vec<Parameter> =
            ["train.lr=1e-5..1e-1:log", "model.gate=attention,uniform"]
                .map(|text| text.parse().unwrap())
                .into();
        let mut known: Vec<(Point, Option<f64>)> = Vec::new();
        for number in 0..rounds {
            let seen = if model { known.as_slice() } else { &[] };
            let point = propose(&parameters, seen, seed, number);
            let lr = point[0].1.as_f64().unwrap();
            assert!((1e-5..=1e-1).contains(&lr), "{lr}");
            let off = (lr / 1e-3).log10();
            let bonus = if point[1].1 == "uniform" { 0.5 } else { 0.0 };
            known.push((point, Some(bonus - off * off)));
        }
        known
            .iter()
            .filter_map(|(_, x)| *x)
            .fold(f64::MIN, f64::max)
    }

    #[test]
    fn the_model_finds_better_than_chance_over_many_seeds() {
        let mean = |model: bool| -> f64 {
            (0..40)
                .map(|seed| 0.5 - search(30, seed, model))
                .sum::<f64>()
                / 40.0
        };
        let (guided, random) = (mean(true), mean(false));
        assert!(guided < 0.5 * random, "{guided} against {random}");
    }

    #[test]
    fn proposals_depend_on_what_is_known_and_on_nothing_else() {
        assert_eq!(search(20, 3, true).to_bits(), search(20, 3, true).to_bits());
    }

    #[test]
    fn densities_integrate_to_one() {
        let parzen = Parzen::of(vec![0.1, 0.15, 0.9]);
        let steps = 20_000;
        let sum: f64 = (0..steps)
            .map(|i| parzen.density((f64::from(i) + 0.5) / f64::from(steps)))
            .sum();
        assert!((sum / f64::from(steps) - 1.0).abs() <= 1e-6);
    }
}
