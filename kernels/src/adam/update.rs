//! The step on a stretch of a parameter, in shares that hide between the multiply-adds of the next
//! gradient.

use std::ops::Range;

use crate::layout::{PANEL, ROW_BLOCK};
use crate::micro::{self, Beside, Pass, Tile};
use crate::real::Real;

use super::AdamStep;

/// Elements of a tile.
const TILE: usize = ROW_BLOCK * PANEL;

/// Elements that are updated at once: a vector of the widest kernel.
const CHUNK: usize = 16;

/// How far ahead of an update its parameters and moments are prefetched, in elements.
const AHEAD: usize = 2 * TILE;

/// A stretch of a parameter and its moments.
pub(super) struct Part<'a, T> {
    pub p: &'a mut [T],
    pub m: &'a mut [T],
    pub v: &'a mut [T],
    pub v_max: Option<&'a mut [T]>,
}

impl<T: Real> Part<'_, T> {
    /// The step on some inputs of a panel, at most eight, in about so many shares.
    pub fn update<'a>(
        &'a mut self,
        step: &AdamStep<T>,
        gradient: &'a Tile<T>,
        inputs: Range<usize>,
        shares: usize,
    ) -> Update<'a, T> {
        let range = inputs.start * PANEL..inputs.end * PANEL;
        let (p, p_next) = cut_out(self.p, range.clone());
        let (m, m_next) = cut_out(self.m, range.clone());
        let (v, v_next) = cut_out(self.v, range.clone());
        Update {
            step: *step,
            g: gradient.0[..inputs.len()].as_flattened(),
            part: Part {
                p,
                m,
                v,
                v_max: self.v_max.as_deref_mut().map(|v_max| &mut v_max[range]),
            },
            done: 0,
            share: TILE.div_ceil(shares).next_multiple_of(CHUNK),
            next: [p_next, m_next, v_next],
            asked: 0,
        }
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

/// A range of a slice, and the tile that comes [`AHEAD`] after it, as far as there is one.
#[inline(always)]
fn cut_out<T>(values: &mut [T], range: Range<usize>) -> (&mut [T], &[T]) {
    let (now, later) = values[range.start..].split_at_mut(range.len());
    let from = later.len().min(AHEAD);
    let to = later.len().min(AHEAD + TILE);
    (now, &later[from..to])
}

/// [`AdamStep::apply`] along slices of one length, which can be done share by share.
pub(super) struct Update<'a, T> {
    step: AdamStep<T>,
    g: &'a [T],
    part: Part<'a, T>,
    done: usize,
    share: usize,
    // What comes later of the parameter and both moments, and how much of it was asked for.
    next: [&'a [T]; 3],
    asked: usize,
}

impl<'a, T: Real> Update<'a, T> {
    /// The step on all of a stretch, at once.
    pub fn whole(step: &AdamStep<T>, part: Part<'a, T>, g: &'a [T]) -> Self {
        Self {
            step: *step,
            g,
            part,
            done: 0,
            share: 0,
            next: [&[]; 3],
            asked: 0,
        }
    }

    #[inline(always)]
    fn advance(&mut self, to: usize) {
        while self.done + CHUNK <= to {
            self.chunk::<CHUNK>();
        }
        while self.done < to {
            self.chunk::<1>();
        }
    }

    /// So many elements at once. They are taken out by value, so that the compiler need not fear
    /// that the slices overlap.
    #[inline(always)]
    fn chunk<const N: usize>(&mut self) {
        let range = self.done..self.done + N;
        self.done += N;
        let Part { p, m, v, v_max } = &mut self.part;
        let (g, p) = (array::<T, N>(&self.g[range.clone()]), &mut p[range.clone()]);
        let (m, v) = (&mut m[range.clone()], &mut v[range.clone()]);
        let (mut new_p, mut new_m, mut new_v) =
            (array::<T, N>(p), array::<T, N>(m), array::<T, N>(v));
        match v_max {
            None => {
                for i in 0..N {
                    let (p, m, v) = (&mut new_p[i], &mut new_m[i], &mut new_v[i]);
                    self.step.apply(p, g[i], m, v, None);
                }
            }
            Some(v_max) => {
                let v_max = &mut v_max[range];
                let mut new_max = array::<T, N>(v_max);
                for i in 0..N {
                    let (p, m, v) = (&mut new_p[i], &mut new_m[i], &mut new_v[i]);
                    self.step.apply(p, g[i], m, v, Some(&mut new_max[i]));
                }
                v_max.copy_from_slice(&new_max);
            }
        }
        p.copy_from_slice(&new_p);
        m.copy_from_slice(&new_m);
        v.copy_from_slice(&new_v);
    }
}

/// The first `N` values.
#[inline(always)]
fn array<T: Real, const N: usize>(values: &[T]) -> [T; N] {
    std::array::from_fn(|i| values[i])
}

impl<T: Real> Beside for Update<'_, T> {
    #[inline(always)]
    fn share(&mut self) {
        let to = self.g.len().min(self.done + self.share);
        for next in self.next {
            let ends = [self.asked, self.asked + self.share].map(|end| next.len().min(end));
            micro::prefetch::<true, T>(&next[ends[0]..ends[1]]);
        }
        self.asked += self.share;
        self.advance(to);
    }
}

impl<T: Real> Pass for Update<'_, T> {
    type Output = ();

    /// What the shares have left.
    #[inline(always)]
    fn run(mut self) {
        self.advance(self.g.len());
    }
}
