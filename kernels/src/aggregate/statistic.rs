//! The statistics, and why none could be taken.

use std::fmt;

/// A statistic of a column over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Statistic {
    /// Arithmetic mean.
    Mean,
    /// Population standard deviation.
    Std,
    /// Smallest value.
    Min,
    /// Largest value.
    Max,
    /// Percentile in [0, 100], linearly interpolated; 50 is the median.
    Percentile(f64),
}

/// The paper's statistics, in its order.
pub const SEVEN: [Statistic; 7] = [
    Statistic::Mean,
    Statistic::Std,
    Statistic::Percentile(10.0),
    Statistic::Percentile(25.0),
    Statistic::Percentile(50.0),
    Statistic::Percentile(75.0),
    Statistic::Percentile(90.0),
];

/// Why nothing could be aggregated.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum AggregateError {
    /// No statistic was asked for.
    NoStatistics,
    /// A percentile outside [0, 100].
    Percentile {
        /// The value that was asked for.
        value: f64,
    },
    /// The clip has no frame, or its frames have no column.
    Empty,
    /// The values are not a whole number of frames.
    Ragged {
        /// Number of values.
        values: usize,
        /// Columns of a frame.
        cols: usize,
    },
    /// The output has another length than `S d`.
    Output {
        /// Its length.
        got: usize,
        /// Number of statistics times columns.
        expected: usize,
    },
}

impl fmt::Display for AggregateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoStatistics => write!(f, "no statistic to aggregate by"),
            Self::Percentile { value } => {
                write!(f, "percentile {value}; percentiles lie in [0, 100]")
            }
            Self::Empty => write!(f, "no frames to aggregate"),
            Self::Ragged { values, cols } => {
                write!(f, "{values} values are not whole frames of {cols} columns")
            }
            Self::Output { got, expected } => {
                write!(
                    f,
                    "the output holds {got} values; the statistics have {expected}"
                )
            }
        }
    }
}

impl std::error::Error for AggregateError {}
