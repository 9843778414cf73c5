//! Export of trained models for other programs.
//!
//! A layer of its own behind `train`: it needs a loaded model, and nothing that trains or reports
//! needs it.

pub mod onnx;
