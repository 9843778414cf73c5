//! The operations, one file each. A new one is that file and its line here.

pub mod batch_norm;
pub mod binary_cross_entropy;
pub mod concat;
pub mod dropout;
pub mod inner_product;
pub mod linear;
pub mod norm_relu_dropout;
pub mod relu;
pub mod reverse_gradient;
pub mod soft_cross_entropy;
pub mod take_rows;
pub mod top_k_softmax;
pub mod weighted_concat;
pub mod weighted_sum;
