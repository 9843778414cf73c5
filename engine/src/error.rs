//! The engine's error type.

/// Why an operation, a layer or a file of weights was refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Operands whose shapes do not fit together.
    #[error("{op}: expected {expected}, got {got}")]
    Shape {
        /// The operation that refused.
        op: &'static str,
        /// What it takes.
        expected: String,
        /// What it was given.
        got: String,
    },
    /// A [product](crate::nn::Precomputed) that was formed ahead for other weights or another batch
    /// than it was used for; says which.
    #[error(
        "linear: the precomputed product is stale: {0}; use it in the next forward pass, on its batch"
    )]
    StaleProduct(&'static str),
}

impl Error {
    /// The shape error of the operation `op`, which takes what `expected` says and was given `got`.
    pub fn shape(op: &'static str, expected: impl Into<String>, got: impl Into<String>) -> Self {
        Error::Shape {
            op,
            expected: expected.into(),
            got: got.into(),
        }
    }
}

/// The engine's result type.
pub type Result<T, E = Error> = std::result::Result<T, E>;
