//! Adam on a dense gradient.

use super::step::AdamStep;
use super::update::{Part, Stream};
use crate::micro;
use crate::parallel;
use crate::real::Real;

/// Elements of a dense parameter that one task takes.
const ELEMENTS_PER_TASK: usize = 1 << 14;

/// Adam on a dense parameter.
///
/// # Panics
/// If lengths differ.
pub fn adam_dense<T: Real>(
    step: &AdamStep<T>,
    p: &mut [T],
    g: &[T],
    m: &mut [T],
    v: &mut [T],
    v_max: Option<&mut [T]>,
) {
    let len = p.len();
    assert_eq!(
        (g.len(), m.len(), v.len()),
        (len, len, len),
        "adam_dense: gradient and moments"
    );
    let kernel = micro::active();
    let whole = Part { p, m, v, v_max };
    let tasks = whole
        .chunks(ELEMENTS_PER_TASK)
        .zip(g.chunks(ELEMENTS_PER_TASK));
    parallel::for_each(len, tasks.collect(), |(part, g)| {
        if kernel.fuses() {
            kernel.run(Stream::<_, true> { step, g, part });
        } else {
            kernel.run(Stream::<_, false> { step, g, part });
        }
    });
}
