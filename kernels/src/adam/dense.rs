//! Adam on a dense gradient.

use super::step::AdamStep;
use super::update::{Part, Stream, chunks_or_none};
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
    let v_max = chunks_or_none(v_max, len, ELEMENTS_PER_TASK);
    let tasks = p
        .chunks_mut(ELEMENTS_PER_TASK)
        .zip(m.chunks_mut(ELEMENTS_PER_TASK))
        .zip(v.chunks_mut(ELEMENTS_PER_TASK))
        .zip(v_max)
        .map(|(((p, m), v), v_max)| Part { p, m, v, v_max })
        .zip(g.chunks(ELEMENTS_PER_TASK));
    parallel::for_each(len, tasks.collect(), |(part, g)| {
        if kernel.fuses() {
            kernel.run(Stream::<_, true> { step, g, part });
        } else {
            kernel.run(Stream::<_, false> { step, g, part });
        }
    });
}
