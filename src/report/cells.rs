//! What several tables say in a cell or under the table.

use crate::plan::outcomes::NOT_FINISHED;

/// A cell with the seeds.
pub(super) fn seeds(seeds: impl Iterator<Item = u64>) -> String {
    let seeds: Vec<u64> = seeds.collect();
    match seeds[..] {
        [first, .., last] if last.wrapping_sub(first) == seeds.len() as u64 - 1 => {
            format!("{first}–{last}")
        }
        _ => seeds
            .iter()
            .map(u64::to_string)
            .collect::<Vec<_>>()
            .join(", "),
    }
}

/// The note under a table for a row without a result.
pub(super) fn without_result(name: &str, reason: &str) -> String {
    match reason.starts_with(NOT_FINISHED) {
        true => format!("{name}: {reason}."),
        false => format!("{name} FAILED: {reason}"),
    }
}
