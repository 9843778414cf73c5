//! Decoding, official metrics and submissions.
