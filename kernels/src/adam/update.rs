//! The step on a stretch of a parameter: at once, or in shares that hide between the multiply-adds of
//! the next gradient.

use std::iter::Zip;
use std::ops::Range;
use std::slice::{Iter, IterMut};

use crate::layout::{PANEL, ROW_BLOCK};
use crate::micro::{self, Beside, Pass, Tile};
use crate::real::Real;

use super::AdamStep;

/// Elements that are updated at once: a vector of the widest kernel, and a cache line.
const CHUNK: usize = 16;

/// Chunks of a tile.
const CHUNKS: usize = ROW_BLOCK * PANEL / CHUNK;

/// How far ahead of an update its parameters and moments are prefetched, in elements.
const AHEAD: usize = 3 * CHUNKS * CHUNK;

/// A stretch of a parameter and its moments.
pub(super) struct Part<'a, T> {
    pub p: &'a mut [T],
    pub m: &'a mut [T],
    pub v: &'a mut [T],
    pub v_max: Option<&'a mut [T]>,
}

impl<T: Real> Part<'_, T> {
    /// The step on some inputs of a panel, at most eight, in about so many shares. `following` is where
    /// the next part starts.
    #[inline]
    pub fn update<'a, const FUSES: bool>(
        &'a mut self,
        step: &AdamStep<T>,
        gradient: &'a Tile<T>,
        inputs: Range<usize>,
        shares: usize,
        following: Start<T>,
    ) -> Update<'a, T, FUSES> {
        let (start, len) = (inputs.start * PANEL, inputs.len() * PANEL);
        let ahead = start + AHEAD;
        let next = if ahead < self.p.len() {
            self.start().offset(ahead)
        } else {
            following.offset(ahead - self.p.len())
        };
        let g = gradient.0[..inputs.len()].as_flattened();
        let p = chunks_mut(&mut self.p[start..start + len]);
        let m = chunks_mut(&mut self.m[start..start + len]);
        let v = chunks_mut(&mut self.v[start..start + len]);
        let v_max = self.v_max.as_deref_mut();
        Update {
            step: *step,
            chunks: g.as_chunks().0.iter().zip(p).zip(m).zip(v),
            v_max: v_max.map(|v_max| chunks_mut(&mut v_max[start..start + len])),
            share: CHUNKS.div_ceil(shares),
            next,
        }
    }

    /// Where it starts.
    pub fn start(&self) -> Start<T> {
        Start([self.p.as_ptr(), self.m.as_ptr(), self.v.as_ptr()])
    }

    pub fn clear_last_columns(&mut self, count: usize) {
        let v_max = self.v_max.as_deref_mut();
        for values in [&mut *self.p, self.m, self.v].into_iter().chain(v_max) {
            for row in values.as_chunks_mut::<PANEL>().0 {
                row[PANEL - count..].fill(T::zero());
            }
        }
    }
}

fn chunks_mut<T>(values: &mut [T]) -> IterMut<'_, [T; CHUNK]> {
    values.as_chunks_mut().0.iter_mut()
}

/// Places in a parameter and its moments, to prefetch from; nothing is read there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Start<T>([*const T; 3]);

impl<T> Start<T> {
    #[inline(always)]
    fn offset(self, elements: usize) -> Self {
        Start(self.0.map(|place| place.wrapping_add(elements)))
    }
}

type Chunks<'a, T> = Zip<
    Zip<Zip<Iter<'a, [T; CHUNK]>, IterMut<'a, [T; CHUNK]>>, IterMut<'a, [T; CHUNK]>>,
    IterMut<'a, [T; CHUNK]>,
>;

/// [`AdamStep::apply`] on a tile, which can be done share by share.
pub(super) struct Update<'a, T, const FUSES: bool> {
    step: AdamStep<T>,
    // Gradient, parameter, first and second moment.
    chunks: Chunks<'a, T>,
    v_max: Option<IterMut<'a, [T; CHUNK]>>,
    // Chunks of a share.
    share: usize,
    next: Start<T>,
}

impl<T: Real, const FUSES: bool> Update<'_, T, FUSES> {
    /// One chunk, and a prefetch of what stands [`AHEAD`] of it; false if there is none left.
    #[inline(always)]
    fn chunk(&mut self) -> bool {
        let Some((((g, p), m), v)) = self.chunks.next() else {
            return false;
        };
        self.next
            .0
            .iter()
            .for_each(|place| micro::prefetch_line::<false, T>(*place));
        self.next = self.next.offset(CHUNK);
        let v_max = self.v_max.as_mut().and_then(Iterator::next);
        self.step.apply_chunk::<FUSES, CHUNK>(p, g, m, v, v_max);
        true
    }
}

impl<T: Real> AdamStep<T> {
    /// So many elements at once. They are taken out by value, so that the compiler need not fear that
    /// the slices overlap.
    #[inline(always)]
    fn apply_chunk<const FUSES: bool, const N: usize>(
        &self,
        p: &mut [T; N],
        g: &[T; N],
        m: &mut [T; N],
        v: &mut [T; N],
        v_max: Option<&mut [T; N]>,
    ) {
        let (mut new_p, mut new_m, mut new_v) = (*p, *m, *v);
        match v_max {
            None => {
                for i in 0..N {
                    let (p, m, v) = (&mut new_p[i], &mut new_m[i], &mut new_v[i]);
                    self.apply::<FUSES>(p, g[i], m, v, None);
                }
            }
            Some(v_max) => {
                let mut new_max = *v_max;
                for i in 0..N {
                    let (p, m, v) = (&mut new_p[i], &mut new_m[i], &mut new_v[i]);
                    self.apply::<FUSES>(p, g[i], m, v, Some(&mut new_max[i]));
                }
                *v_max = new_max;
            }
        }
        (*p, *m, *v) = (new_p, new_m, new_v);
    }
}

impl<T: Real, const FUSES: bool> Beside for Update<'_, T, FUSES> {
    #[inline(always)]
    fn share(&mut self) {
        for _ in 0..self.share {
            self.chunk();
        }
    }
}

impl<T: Real, const FUSES: bool> Pass for Update<'_, T, FUSES> {
    type Output = ();

    /// What the shares have left.
    #[inline(always)]
    fn run(mut self) {
        while self.chunk() {}
    }
}

/// [`AdamStep::apply`] along slices of one length.
pub(super) struct Stream<'a, T, const FUSES: bool> {
    pub step: &'a AdamStep<T>,
    pub g: &'a [T],
    pub part: Part<'a, T>,
}

impl<T: Real, const FUSES: bool> Pass for Stream<'_, T, FUSES> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Part { p, m, v, v_max } = self.part;
        match v_max {
            None => stream::<T, FUSES>(self.step, p, self.g, m, v),
            Some(v_max) => stream_max::<T, FUSES>(self.step, p, self.g, m, v, v_max),
        }
    }
}

// Slices as parameters tell the compiler that they do not overlap; as fields they would not.
#[inline(always)]
fn stream<T: Real, const FUSES: bool>(
    step: &AdamStep<T>,
    p: &mut [T],
    g: &[T],
    m: &mut [T],
    v: &mut [T],
) {
    let step = *step;
    for (((p, &g), m), v) in p.iter_mut().zip(g).zip(m).zip(v) {
        step.apply::<FUSES>(p, g, m, v, None);
    }
}

#[inline(always)]
fn stream_max<T: Real, const FUSES: bool>(
    step: &AdamStep<T>,
    p: &mut [T],
    g: &[T],
    m: &mut [T],
    v: &mut [T],
    v_max: &mut [T],
) {
    let step = *step;
    for ((((p, &g), m), v), v_max) in p.iter_mut().zip(g).zip(m).zip(v).zip(v_max) {
        step.apply::<FUSES>(p, g, m, v, Some(v_max));
    }
}
