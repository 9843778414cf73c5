//! The queue of waiting trials: which one is next, when memory allows it, and with how many threads.

use std::num::NonZeroUsize;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::memory::Demand;

/// A trial that a worker has taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Taken {
    /// Its index in the plan.
    pub(crate) index: usize,
    /// Threads that it may use.
    pub(crate) threads: usize,
    /// Whether trials run one at a time.
    pub(crate) alone: bool,
    demand: Demand,
    begun: Instant,
}

#[derive(Debug, Default)]
struct State {
    /// Indices in the plan with their demands, the longest first.
    waiting: Vec<(usize, Demand)>,
    running: Vec<Taken>,
    /// Total cost of the trials that ended, and the seconds that they took.
    done: (f64, f64),
    /// The largest expected memory of trials running at the same time.
    expected: u64,
    /// The ratio of the memory actually used to that; at least 1.
    excess: f64,
    /// Whether more trials may be added.
    open: bool,
}

/// Hands out trials to workers.
#[derive(Debug)]
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    budget: Option<u64>,
    threads: usize,
    jobs: usize,
}

impl Queue {
    /// A queue of the trials with the indices `waiting`. As many run in parallel as there are threads and
    /// as fit into the memory `budget` at the size of the largest, or `jobs` if given.
    pub(crate) fn new(
        mut waiting: Vec<(usize, Demand)>,
        budget: Option<u64>,
        threads: usize,
        jobs: Option<NonZeroUsize>,
    ) -> Self {
        longest_first(&mut waiting);
        let largest = waiting.iter().map(|(_, demand)| demand.bytes).max();
        let fitting = match (budget, largest) {
            (Some(budget), Some(largest)) => (budget / largest.max(1)).max(1) as usize,
            _ => usize::MAX,
        };
        let wanted = jobs.map_or_else(|| threads.min(fitting), NonZeroUsize::get);
        Self {
            jobs: wanted.max(1),
            state: Mutex::new(State {
                waiting,
                excess: 1.0,
                open: true,
                ..State::default()
            }),
            changed: Condvar::new(),
            // A user who sets the number is responsible for the memory.
            budget: budget.filter(|_| jobs.is_none()),
            threads,
        }
    }

    /// Trials in parallel.
    pub(crate) fn jobs(&self) -> usize {
        self.jobs
    }

    /// Adds trials, sorted in among those that wait.
    pub(crate) fn add(&self, more: Vec<(usize, Demand)>) {
        let mut state = self.state();
        state.waiting.extend(more);
        longest_first(&mut state.waiting);
        drop(state);
        self.changed.notify_all();
    }

    /// No more trials will be added: workers end when none waits.
    pub(crate) fn close(&self) {
        self.state().open = false;
        self.changed.notify_all();
    }

    /// Waiting trials will not run.
    pub(crate) fn abandon(&self) {
        self.state().waiting.clear();
        self.close();
    }

    /// The next trial, as soon as there is one and memory allows it; `None` when none is left and none
    /// will be added.
    pub(crate) fn take(&self) -> Option<Taken> {
        let mut state = self.state();
        loop {
            if state.waiting.is_empty() && !state.open {
                return None;
            }
            if let Some(place) = self.fitting(&state) {
                let (index, demand) = state.waiting.remove(place);
                let taken = Taken {
                    index,
                    demand,
                    threads: self.threads_for_next(&state),
                    alone: self.jobs == 1,
                    begun: Instant::now(),
                };
                state.running.push(taken);
                state.expected = state.expected.max(state.running_bytes());
                return Some(taken);
            }
            state = self
                .changed
                .wait(state)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The first waiting trial that fits into memory, or simply the first one if nothing is running.
    fn fitting(&self, state: &State) -> Option<usize> {
        let Some(budget) = self.budget.filter(|_| !state.running.is_empty()) else {
            return (!state.waiting.is_empty()).then_some(0);
        };
        let used = state.running_bytes();
        let fits = |(_, demand): &(usize, Demand)| {
            (used + demand.bytes) as f64 * state.excess <= budget as f64
        };
        state.waiting.iter().position(fits)
    }

    /// An equal share of the threads for each of the trials that will run in parallel. The last trials get
    /// more, because those that are about to end will soon not need theirs.
    fn threads_for_next(&self, state: &State) -> usize {
        let lasting = state.running.iter().filter(|taken| {
            let passed = taken.begun.elapsed().as_secs_f64();
            let expected = state
                .seconds_per_cost()
                .map(|each| each * taken.demand.cost);
            expected.is_none_or(|expected| passed < 0.5 * expected)
        });
        let beside = (lasting.count() + state.waiting.len()).min(self.jobs - 1);
        (self.threads / (beside + 1)).max(1)
    }

    /// Records that a trial ended.
    pub(crate) fn give_back(&self, taken: &Taken) {
        let mut state = self.state();
        state.running.retain(|running| running.index != taken.index);
        state.done.0 += taken.demand.cost;
        state.done.1 += taken.begun.elapsed().as_secs_f64();
        drop(state);
        self.changed.notify_all();
    }

    /// Corrects the expected memory of trials by the measured peak of all of them together.
    pub(crate) fn measured(&self, bytes: u64) {
        let mut state = self.state();
        if state.expected > 0 {
            state.excess = state.excess.max(bytes as f64 / state.expected as f64);
        }
    }

    /// Estimated time for the remaining trials, from those that ended.
    pub(crate) fn seconds_left(&self) -> f64 {
        let state = self.state();
        let Some(each) = state.seconds_per_cost() else {
            return f64::NAN;
        };
        let waiting: f64 = state.waiting.iter().map(|(_, demand)| demand.cost).sum();
        let running = state.running.iter().map(|taken| {
            let passed = taken.begun.elapsed().as_secs_f64();
            (each * taken.demand.cost - passed).max(0.0)
        });
        (each * waiting + running.sum::<f64>()) / self.jobs as f64
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Stable: trials that take equally long keep the plan's order.
fn longest_first(waiting: &mut [(usize, Demand)]) {
    waiting.sort_by(|(_, a), (_, b)| b.cost.total_cmp(&a.cost));
}

impl State {
    fn running_bytes(&self) -> u64 {
        self.running.iter().map(|taken| taken.demand.bytes).sum()
    }

    fn seconds_per_cost(&self) -> Option<f64> {
        let (cost, seconds) = self.done;
        (cost > 0.0).then(|| seconds / cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(cost: f64, bytes: u64) -> Demand {
        Demand {
            bytes,
            cost,
            parameters: 1.0,
        }
    }

    fn queue(costs: &[(f64, u64)], budget: u64, threads: usize, jobs: Option<usize>) -> Queue {
        let demands: Vec<_> = costs
            .iter()
            .map(|&(cost, bytes)| demand(cost, bytes))
            .collect();
        let jobs = jobs.and_then(NonZeroUsize::new);
        let waiting = demands.into_iter().enumerate().collect();
        let queue = Queue::new(waiting, Some(budget), threads, jobs);
        queue.close();
        queue
    }

    #[test]
    fn the_longest_come_first_and_equal_ones_in_order() {
        let queue = queue(&[(1.0, 1), (3.0, 1), (1.0, 1), (2.0, 1)], 10, 1, None);
        let order: Vec<usize> = std::iter::from_fn(|| {
            let taken = queue.take()?;
            queue.give_back(&taken);
            Some(taken.index)
        })
        .collect();
        assert_eq!(order, [1, 3, 0, 2]);
    }

    #[test]
    fn memory_and_threads_limit_how_many_run_side_by_side() {
        let four = [(1.0, 10); 4];
        assert_eq!(queue(&four, 100, 2, None).jobs(), 2);
        assert_eq!(queue(&four, 15, 2, None).jobs(), 1);
        assert_eq!(queue(&four, 5, 2, None).jobs(), 1);
        assert_eq!(queue(&four, 5, 2, Some(3)).jobs(), 3);
        let one = queue(&four[..1], 100, 8, None);
        assert_eq!(one.take().unwrap().threads, 8);
    }

    #[test]
    fn every_trial_gets_its_part_of_the_threads_and_the_last_what_is_left() {
        let queue = queue(&[(1.0, 1); 3], 100, 4, Some(2));
        let first = queue.take().unwrap();
        let second = queue.take().unwrap();
        assert_eq!((first.threads, second.threads), (2, 2));
        queue.give_back(&first);
        queue.give_back(&second);
        assert_eq!(queue.take().unwrap().threads, 4);
        assert!(queue.take().is_none());
    }

    #[test]
    fn an_open_queue_waits_for_more_and_a_closed_one_ends() {
        let queue = queue(&[], 100, 2, Some(2));
        queue.state().open = true;
        std::thread::scope(|scope| {
            let worker = scope.spawn(|| std::iter::from_fn(|| Some(queue.take()?.index)).count());
            queue.add(vec![(0, demand(1.0, 1)), (1, demand(1.0, 1))]);
            queue.close();
            assert_eq!(worker.join().unwrap(), 2);
        });
    }

    #[test]
    fn trials_that_take_more_than_expected_leave_room_for_fewer() {
        let queue = queue(&[(1.0, 10); 4], 25, 2, None);
        let first = queue.take().unwrap();
        let second = queue.take().unwrap();
        queue.measured(30);
        queue.give_back(&first);
        // Two would take 30 of 25; one alone may run.
        assert_eq!(queue.fitting(&queue.state()), None);
        queue.give_back(&second);
        assert_eq!(queue.take().unwrap().index, 2);
    }

    #[test]
    fn a_trial_that_memory_has_no_room_for_lets_a_smaller_one_pass() {
        let queue = queue(&[(3.0, 6), (2.0, 6), (1.0, 2)], 13, 2, None);
        assert_eq!(queue.jobs(), 2);
        let first = queue.take().unwrap();
        let queue = Queue {
            budget: Some(8),
            ..queue
        };
        assert_eq!(queue.take().unwrap().index, 2);
        queue.give_back(&first);
        assert_eq!(queue.take().unwrap().index, 1);
    }
}
