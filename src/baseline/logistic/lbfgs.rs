//! Limited-memory BFGS (Liu and Nocedal 1989; Nocedal and Wright 2006, algorithms 7.4 and 7.5) with
//! backtracking, for smooth convex functions.

use std::collections::VecDeque;

use ndarray::Array1;

/// Number of steps whose curvature is remembered.
const MEMORY: usize = 10;

/// Sufficient decrease of Armijo's condition.
const DECREASE: f64 = 1e-4;

/// Number of halvings of a step before there is nothing left to gain.
const HALVINGS: usize = 40;

/// Where minimisation ended.
#[derive(Clone, Debug)]
pub struct Minimum {
    /// The point.
    pub x: Array1<f64>,
    /// Number of steps.
    pub steps: usize,
    /// Whether the largest component of the gradient fell below the tolerance, or no step lowers the
    /// value further in double precision.
    pub converged: bool,
}

/// One remembered step: the change of x, that of the gradient, and 1 over their inner product.
struct Curvature {
    s: Array1<f64>,
    y: Array1<f64>,
    rho: f64,
}

/// Minimises a function from `x` until no component of the gradient exceeds `tolerance`, with at most
/// `steps` steps. `function` gives the value and the gradient.
pub fn minimise(
    mut x: Array1<f64>,
    tolerance: f64,
    steps: usize,
    mut function: impl FnMut(&Array1<f64>) -> (f64, Array1<f64>),
) -> Minimum {
    let (mut value, mut gradient) = function(&x);
    let mut memory = VecDeque::with_capacity(MEMORY);
    for step in 0..steps {
        if largest(&gradient) <= tolerance {
            return Minimum {
                x,
                steps: step,
                converged: true,
            };
        }
        let mut direction = descent(&gradient, &memory);
        let mut slope = direction.dot(&gradient);
        if slope >= 0.0 {
            memory.clear();
            direction = -&gradient;
            slope = -gradient.dot(&gradient);
        }
        // The first step has no scale of its own.
        let mut length = match memory.is_empty() {
            true => 1.0 / largest(&gradient).max(1.0),
            false => 1.0,
        };
        let found = (0..HALVINGS).find_map(|_| {
            let next = &x + &(&direction * length);
            let (at, slopes) = function(&next);
            if at <= value + DECREASE * length * slope {
                return Some((next, at, slopes));
            }
            length *= 0.5;
            None
        });
        let Some((next, at, slopes)) = found else {
            return Minimum {
                x,
                steps: step,
                converged: true,
            };
        };
        remember(&mut memory, &next - &x, &slopes - &gradient);
        (x, value, gradient) = (next, at, slopes);
    }
    Minimum {
        converged: largest(&gradient) <= tolerance,
        x,
        steps,
    }
}

fn largest(gradient: &Array1<f64>) -> f64 {
    gradient.iter().fold(0.0, |most, g| g.abs().max(most))
}

fn remember(memory: &mut VecDeque<Curvature>, s: Array1<f64>, y: Array1<f64>) {
    let along = s.dot(&y);
    // Backtracking alone does not ensure positive curvature, which the update needs.
    if along <= 1e-12 * y.dot(&y) {
        return;
    }
    if memory.len() == MEMORY {
        memory.pop_front();
    }
    memory.push_back(Curvature {
        s,
        y,
        rho: 1.0 / along,
    });
}

/// −H g by the two loops of algorithm 7.4.
fn descent(gradient: &Array1<f64>, memory: &VecDeque<Curvature>) -> Array1<f64> {
    let mut q = -gradient;
    let mut alphas = Vec::with_capacity(memory.len());
    for Curvature { s, y, rho } in memory.iter().rev() {
        let alpha = rho * s.dot(&q);
        q.scaled_add(-alpha, y);
        alphas.push(alpha);
    }
    if let Some(Curvature { y, rho, .. }) = memory.back() {
        q *= 1.0 / (rho * y.dot(y));
    }
    for (Curvature { s, y, rho }, alpha) in memory.iter().zip(alphas.into_iter().rev()) {
        let beta = rho * y.dot(&q);
        q.scaled_add(alpha - beta, s);
    }
    q
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ill_conditioned_quadratic_is_minimised_exactly() {
        let scales = Array1::from_iter((0..40).map(|i| 10f64.powf(f64::from(i) / 10.0)));
        let target = Array1::from_iter((0..40).map(|i| f64::from(i % 7) - 3.0));
        let found = minimise(Array1::zeros(40), 1e-9, 2000, |x| {
            let off = x - &target;
            ((&off * &off * &scales).sum() / 2.0, &off * &scales)
        });
        assert!(found.converged, "{found:?}");
        for (x, expected) in found.x.iter().zip(&target) {
            assert!((x - expected).abs() <= 1e-7, "{x} {expected}");
        }
    }

    #[test]
    fn too_few_steps_are_said() {
        let found = minimise(Array1::from_elem(3, 5.0), 1e-12, 1, |x| {
            let value = x.iter().map(|x| x.powi(4) + x * x).sum();
            (value, x.mapv(|x| 4.0 * x.powi(3) + 2.0 * x))
        });
        assert!(!found.converged && found.steps == 1);
    }
}
