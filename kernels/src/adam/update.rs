//! The step on a segment of a parameter: at once, or in ticks that hide between the multiply-adds of
//! the next gradient.

use std::any::Any;
use std::iter::Zip;
use std::ops::Range;
use std::slice::{Iter, IterMut};

use super::step::AdamStep;
use crate::micro::{self, AdamNumbers, AdamRow, Interleave, SimdTask, Tile};
use crate::real::Real;
use crate::shape::{CACHE_LINE, PANEL, ROW_BLOCK};

/// How far ahead of an update its parameters and moments are prefetched, in elements.
pub(super) const LOOKAHEAD: usize = 3 * ROW_BLOCK * PANEL;

/// A segment of a parameter and its moments.
pub(super) struct Part<'a, T> {
    pub p: &'a mut [T],
    pub m: &'a mut [T],
    pub v: &'a mut [T],
    pub v_max: Option<&'a mut [T]>,
}

impl<'a, T> Part<'a, T> {
    /// Cuts it into parts of `len` elements; the last one may have fewer.
    pub fn chunks(self, len: usize) -> impl Iterator<Item = Part<'a, T>> {
        let v_max = chunks_or_none(self.v_max, self.p.len(), len);
        let moments = self
            .m
            .chunks_mut(len)
            .zip(self.v.chunks_mut(len))
            .zip(v_max);
        let parts = self.p.chunks_mut(len).zip(moments);
        parts.map(|(p, ((m, v), v_max))| Part { p, m, v, v_max })
    }
}

impl<T: Real> Part<'_, T> {
    /// The step on some inputs of a panel, `INPUTS` a tick.
    #[inline]
    pub fn update<'a, const FUSES: bool, const INPUTS: usize>(
        &'a mut self,
        (step, numbers): (&AdamStep<T>, &'a AdamNumbers<T>),
        gradient: &'a Tile<T>,
        inputs: Range<usize>,
        plan: PrefetchPlan<T>,
    ) -> Update<'a, T, FUSES, INPUTS> {
        let range = inputs.start * PANEL..inputs.end * PANEL;
        let fetched = (range.start >> plan.halved) + plan.fetched;
        let next = if fetched < self.p.len() {
            self.start().offset(fetched)
        } else {
            plan.following.offset(fetched - self.p.len())
        };
        let gradient = gradient.0[..inputs.len()].iter();
        let inputs = gradient
            .zip(self.p[range.clone()].as_chunks_mut().0)
            .zip(self.m[range.clone()].as_chunks_mut().0)
            .zip(self.v[range].as_chunks_mut().0);
        Update {
            step: *step,
            numbers,
            inputs,
            next,
            halved: plan.halved,
        }
    }

    /// The step on some inputs of a panel, at once.
    pub fn stream<'a, const FUSES: bool>(
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

/// The chunks of a slice of `len` elements, or as many `None` if there is no slice.
fn chunks_or_none<T>(
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
    // 1 if two elements are updated for each that is fetched, 0 if one is.
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

    #[inline(always)]
    fn prefetch(self) {
        let addresses = self.0.iter();
        addresses.for_each(|address| micro::prefetch_line::<false, T>(*address));
    }

    /// In the parameter, the first and the second moment.
    pub fn addresses(self) -> [*const T; 3] {
        self.0
    }
}

/// Gradient, parameter, first and second moment of each input, for the outputs of a panel.
type Inputs<'a, T> = Zip<
    Zip<Zip<Iter<'a, [T; PANEL]>, IterMut<'a, [T; PANEL]>>, IterMut<'a, [T; PANEL]>>,
    IterMut<'a, [T; PANEL]>,
>;

/// [`AdamStep::apply`] on a tile, `INPUTS` of its inputs a tick. How many is known when it is compiled, so
/// that a tick is a straight line: with a loop of its own it costs more than it hides.
pub(super) struct Update<'a, T, const FUSES: bool, const INPUTS: usize> {
    step: AdamStep<T>,
    numbers: &'a AdamNumbers<T>,
    inputs: Inputs<'a, T>,
    // What is prefetched with the first input, and at what rate it goes on.
    next: Addresses<T>,
    halved: usize,
}

impl<T: Real, const FUSES: bool, const INPUTS: usize> Update<'_, T, FUSES, INPUTS> {
    #[inline(always)]
    fn prefetch(&mut self) {
        self.next.prefetch();
        let line = CACHE_LINE / size_of::<T>();
        if self.halved == 0 {
            self.next.offset(line).prefetch();
        }
        self.next = self.next.offset((2 * line) >> self.halved);
    }

    /// One input, and a prefetch of what is updated later; false if there is none left.
    #[inline(always)]
    fn input(&mut self) -> bool {
        let Some((((g, p), m), v)) = self.inputs.next() else {
            return false;
        };
        self.prefetch();
        // Taken out by value, so that the compiler need not allow for overlapping slices.
        let (mut new_p, mut new_m, mut new_v) = (*p, *m, *v);
        for i in 0..PANEL {
            let (p, m, v) = (&mut new_p[i], &mut new_m[i], &mut new_v[i]);
            self.step.apply::<FUSES>(p, g[i], m, v, None);
        }
        (*p, *m, *v) = (new_p, new_m, new_v);
        true
    }
}

impl<T: Real, const FUSES: bool, const INPUTS: usize> Interleave for Update<'_, T, FUSES, INPUTS> {
    #[inline(always)]
    fn tick(&mut self) {
        for _ in 0..INPUTS {
            self.input();
        }
    }

    /// The last of the tick's inputs, in single precision.
    #[inline(always)]
    fn tick_but_adam(&mut self) -> Option<AdamRow<'_>> {
        let numbers = (self.numbers as &dyn Any).downcast_ref()?;
        for _ in 1..INPUTS {
            self.input();
        }
        let (((g, p), m), v) = self.inputs.next()?;
        self.prefetch();
        Some(AdamRow {
            g: (g as &dyn Any).downcast_ref()?,
            p: (p as &mut dyn Any).downcast_mut()?,
            m: (m as &mut dyn Any).downcast_mut()?,
            v: (v as &mut dyn Any).downcast_mut()?,
            numbers,
        })
    }
}

impl<T: Real, const FUSES: bool, const INPUTS: usize> SimdTask for Update<'_, T, FUSES, INPUTS> {
    type Output = ();

    /// The inputs that no tick has done.
    #[inline(always)]
    fn run(mut self) {
        while self.input() {}
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
