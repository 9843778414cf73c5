//! A step of Adam as a kernel takes it that does it between multiply-adds.

use crate::shape::PANEL;

/// A step of Adam on 32 elements of a parameter, rounded as
/// [`AdamStep::apply`](crate::adam::AdamStep::apply) with fused multiply-adds rounds it.
#[derive(Debug)]
pub struct AdamRow<'a> {
    /// Gradient.
    pub g: &'a [f32; PANEL],
    /// Parameter.
    pub p: &'a mut [f32; PANEL],
    /// First moment.
    pub m: &'a mut [f32; PANEL],
    /// Second moment.
    pub v: &'a mut [f32; PANEL],
    /// The numbers of the step.
    pub numbers: &'a AdamNumbers<f32>,
}

/// The numbers of a step of Adam as kernels read them.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct AdamNumbers<T> {
    /// What the weight is multiplied by first.
    pub weight_factor: T,
    /// What the gradient is multiplied by.
    pub gradient_scale: T,
    /// L2 penalty added to the gradient.
    pub weight_decay: T,
    /// 1 − β₁.
    pub rest1: T,
    /// β₂.
    pub beta2: T,
    /// 1 − β₂.
    pub rest2: T,
    /// What m is multiplied by.
    pub step_size: T,
    /// Added to the root of v.
    pub eps: T,
}
