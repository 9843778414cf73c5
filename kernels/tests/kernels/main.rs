//! Every kernel against the slow reference.
//!
//! Inputs are small integers, so that sums are exact in any order and `==` is the right comparison;
//! NaN canaries stand wherever nothing may be written. `forced` repeats all of it under every
//! micro-kernel that the machine can run.

mod adam;
mod determinism;
mod epilogue;
mod forced;
mod gemm;
mod inference;
mod inputs;
mod linear;
mod micro;
mod oracle;
mod pack;
mod rowwise;
mod selected;
