//! The step on a segment of a parameter: at once, or in ticks that hide between the multiply-adds of
//! the next gradient.

use std::ops::Range;

use super::step::AdamStep;
use crate::micro::{self, Interleave, SimdTask, Tile};
use crate::real::Real;
use crate::shape::{PANEL, ROW_BLOCK};

/// Elements that are updated at once: a vector of the widest kernel, and a cache line.
const CHUNK: usize = 16;

/// Chunks of a tile.
const CHUNKS: usize = ROW_BLOCK * PANEL / CHUNK;

/// How far ahead of an update its parameters and moments are prefetched, in elements.
pub(super) const LOOKAHEAD: usize = 3 * CHUNKS * CHUNK;

/// A segment of a parameter and its moments.
pub(super) struct Part<'a, T> {
    pub p: &'a mut [T],
    pub m: &'a mut [T],
    pub v: &'a mut [T],
    pub v_max: Option<&'a mut [T]>,
}

impl<T: Real> Part<'_, T> {
    /// The step on eight inputs of a panel, in about `ticks` ticks; on none if there are fewer than eight.
    #[inline]
    pub fn update<'a, const FUSES: bool>(
        &'a mut self,
        step: &AdamStep<T>,
        gradient: &'a Tile<T>,
        inputs: Range<usize>,
        ticks: usize,
        plan: PrefetchPlan<T>,
    ) -> Update<'a, T, FUSES> {
        let start = inputs.start * PANEL;
        let fetched = (start >> plan.halved) + plan.fetched;
        let next = if fetched < self.p.len() {
            self.start().offset(fetched)
        } else {
            plan.following.offset(fetched - self.p.len())
        };
        Update {
            step: *step,
            tile: self.tile(gradient, inputs),
            at: 0,
            chunks_per_tick: CHUNKS.div_ceil(ticks),
            next,
            halved: plan.halved,
        }
    }

    fn tile<'a>(
        &'a mut self,
        gradient: &'a Tile<T>,
        inputs: Range<usize>,
    ) -> Option<UpdatedTile<'a, T>> {
        let range = inputs.start * PANEL..inputs.end * PANEL;
        Some(UpdatedTile {
            g: gradient.0.as_flattened().as_chunks().0.try_into().ok()?,
            p: chunks_mut(&mut self.p[range.clone()])?,
            m: chunks_mut(&mut self.m[range.clone()])?,
            v: chunks_mut(&mut self.v[range.clone()])?,
            v_max: match &mut self.v_max {
                Some(v_max) => Some(chunks_mut(&mut v_max[range])?),
                None => None,
            },
        })
    }

    /// The step on fewer than eight inputs: the last ones of a matrix.
    pub fn last<'a, const FUSES: bool>(
        &'a mut self,
        step: &'a AdamStep<T>,
        gradient: &'a Tile<T>,
        inputs: Range<usize>,
    ) -> Stream<'a, T, FUSES> {
        let g = gradient.0[..inputs.len()].as_flattened();
        let range = inputs.start * PANEL..inputs.end * PANEL;
        let part = Part {
            p: &mut self.p[range.clone()],
            m: &mut self.m[range.clone()],
            v: &mut self.v[range.clone()],
            v_max: self.v_max.as_deref_mut().map(|v_max| &mut v_max[range]),
        };
        Stream { step, g, part }
    }

    /// Where it starts.
    pub fn start(&self) -> Addresses<T> {
        Addresses([self.p.as_ptr(), self.m.as_ptr(), self.v.as_ptr()])
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

/// A tile by chunks; none if it is not a whole one.
fn chunks_mut<T>(values: &mut [T]) -> Option<&mut [[T; CHUNK]; CHUNKS]> {
    values.as_chunks_mut().0.try_into().ok()
}

/// The chunks of a slice of `len` elements, or as many `None` if there is no slice.
pub(super) fn chunks_or_none<T>(
    slice: Option<&mut [T]>,
    len: usize,
    part: usize,
) -> impl Iterator<Item = Option<&mut [T]>> {
    if let Some(slice) = &slice {
        assert_eq!(slice.len(), len, "adam: largest second moment");
    }
    let mut parts = slice.map(|slice| slice.chunks_mut(part));
    (0..len.div_ceil(part)).map(move |_| parts.as_mut().and_then(Iterator::next))
}

/// What an update prefetches.
#[derive(Clone, Copy, Debug)]
pub(super) struct PrefetchPlan<T> {
    // Where the next part starts.
    following: Addresses<T>,
    // Elements of this part that have already been fetched.
    fetched: usize,
    // 1 if two chunks are updated for each that is fetched, 0 if one is.
    halved: usize,
}

impl<T> PrefetchPlan<T> {
    /// All of a part and the start of the following one.
    pub fn whole(following: Addresses<T>) -> Self {
        Self {
            following,
            fetched: LOOKAHEAD,
            halved: 0,
        }
    }

    /// What follows the `fetched` elements, at half the rate: they are half of the part or more.
    pub fn half(following: Addresses<T>, fetched: usize) -> Self {
        Self {
            following,
            fetched,
            halved: 1,
        }
    }
}

/// Addresses in a parameter and its moments, to prefetch from; nothing is read there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Addresses<T>([*const T; 3]);

impl<T> Addresses<T> {
    #[inline(always)]
    fn offset(self, elements: usize) -> Self {
        Self(self.0.map(|address| address.wrapping_add(elements)))
    }

    /// In the parameter, the first and the second moment.
    pub fn addresses(self) -> [*const T; 3] {
        self.0
    }
}

/// Gradient, parameter and moments of eight inputs × 32 outputs.
struct UpdatedTile<'a, T> {
    g: &'a [[T; CHUNK]; CHUNKS],
    p: &'a mut [[T; CHUNK]; CHUNKS],
    m: &'a mut [[T; CHUNK]; CHUNKS],
    v: &'a mut [[T; CHUNK]; CHUNKS],
    v_max: Option<&'a mut [[T; CHUNK]; CHUNKS]>,
}

/// [`AdamStep::apply`] on a tile, tick by tick.
pub(super) struct Update<'a, T, const FUSES: bool> {
    step: AdamStep<T>,
    tile: Option<UpdatedTile<'a, T>>,
    // The chunk that comes next.
    at: usize,
    chunks_per_tick: usize,
    // What is prefetched with the first chunk, and at what rate it goes on.
    next: Addresses<T>,
    halved: usize,
}

impl<T: Real, const FUSES: bool> Update<'_, T, FUSES> {
    /// One chunk, and a prefetch of what is updated later; false if there is none left.
    #[inline(always)]
    fn chunk(&mut self) -> bool {
        let Some(tile) = &mut self.tile else {
            return false;
        };
        let at = self.at;
        if at >= CHUNKS {
            return false;
        }
        self.at += 1;
        if at & self.halved == 0 {
            let next = self.next.offset((at >> self.halved) * CHUNK);
            next.addresses()
                .iter()
                .for_each(|address| micro::prefetch_line::<false, T>(*address));
        }
        let (p, m, v) = (&mut tile.p[at], &mut tile.m[at], &mut tile.v[at]);
        let v_max = tile.v_max.as_mut().map(|v_max| &mut v_max[at]);
        self.step
            .apply_chunk::<FUSES, CHUNK>(p, &tile.g[at], m, v, v_max);
        true
    }
}

impl<T: Real> AdamStep<T> {
    /// `N` elements at once. They are taken out by value, so that the compiler need not allow for
    /// overlapping slices.
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

impl<T: Real, const FUSES: bool> Interleave for Update<'_, T, FUSES> {
    #[inline(always)]
    fn tick(&mut self) {
        for _ in 0..self.chunks_per_tick {
            self.chunk();
        }
    }
}

impl<T: Real, const FUSES: bool> SimdTask for Update<'_, T, FUSES> {
    type Output = ();

    /// The chunks that no tick has done.
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

impl<T: Real, const FUSES: bool> SimdTask for Stream<'_, T, FUSES> {
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
