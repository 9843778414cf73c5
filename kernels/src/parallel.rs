//! Tasks over disjoint outputs on the current rayon pool.
//!
//! No reduction is ever split, so which thread runs which task cannot change a result.

use rayon::iter::{IndexedParallelIterator, IntoParallelIterator, ParallelIterator};

/// Less work than this (multiply-adds, or elements of a streamed pass) is done before another
/// thread has woken.
const SERIAL_WORK: usize = 1 << 15;

/// Tasks to cut a large piece of work into for each thread, so that a thread that is done early can
/// take over from one that is not.
const TASKS_PER_THREAD: usize = 4;

/// How many threads of the current pool `work` is worth.
pub(crate) fn threads(work: usize) -> usize {
    if work < SERIAL_WORK {
        1
    } else {
        rayon::current_num_threads()
    }
}

/// How many tasks balance `work` over the current pool.
pub(crate) fn wanted_tasks(work: usize) -> usize {
    if work < SERIAL_WORK {
        1
    } else {
        TASKS_PER_THREAD * rayon::current_num_threads()
    }
}

/// Runs every task, on the calling thread where `work` is small.
pub(crate) fn for_each<T: Send>(work: usize, tasks: Vec<T>, run: impl Fn(T) + Send + Sync) {
    if work < SERIAL_WORK || tasks.len() < 2 {
        tasks.into_iter().for_each(run);
    } else {
        tasks.into_par_iter().with_max_len(1).for_each(run);
    }
}

/// As [`for_each`], with the results in the order of the tasks.
pub(crate) fn map<T: Send, R: Send>(
    work: usize,
    tasks: Vec<T>,
    run: impl Fn(T) -> R + Send + Sync,
) -> Vec<R> {
    if work < SERIAL_WORK || tasks.len() < 2 {
        tasks.into_iter().map(run).collect()
    } else {
        tasks.into_par_iter().with_max_len(1).map(run).collect()
    }
}
