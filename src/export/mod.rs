//! A trained model in forms that other programs run.
//!
//! A layer of its own behind `train`: it needs a loaded model, and nothing that trains or reports
//! needs it.

pub mod onnx;
