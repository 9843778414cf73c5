//! The operations, one file each.
//!
//! To add one, write a file with a method on [`Tape`](crate::autograd::Tape) that computes the value and
//! calls `push`, a type that implements [`Op`](crate::autograd::Op) with the backward pass, and tests:
//! [`gradcheck`](mod@crate::autograd::gradcheck) over all options, and one with `extreme` in its name. `relu.rs` is a short example. Then add its line here.
//! `backward` returns nothing: it adds to the gradients of the inputs with `accumulate` and its relatives.

pub mod add;
pub mod batch_norm;
pub mod binary_cross_entropy;
pub mod concat;
pub mod dropout;
pub mod inner_product;
pub mod linear;
pub mod matmul;
pub mod mean;
pub mod mse;
pub mod mul;
pub mod norm_relu_dropout;
pub mod relu;
pub mod reverse_gradient;
pub mod scale;
pub mod sigmoid;
pub mod slice_cols;
pub mod soft_cross_entropy;
pub mod softmax;
pub mod take_rows;
pub mod tanh;
pub mod top_k_softmax;
pub mod weighted_concat;
pub mod weighted_linear;
pub mod weighted_sum;
