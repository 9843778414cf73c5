//! The program from outside, as a user runs it: every test starts `blendfuse` in a folder of its own.
//!
//! One program of tests, since linking takes longer than most of them; `cargo test --test program
//! plans::` runs those of one file.
#![cfg(feature = "cli")]

mod command;
mod frames;
mod onnx_graph;
mod small_data;

mod aggregate;
mod aggregate_choices;
mod analysis;
mod anomaly;
mod bad_input;
mod cli;
mod cli_errors;
mod crashes;
mod degenerate;
mod determinism;
mod encoder_files;
mod experiments;
mod extracted;
mod faulty_trainings;
mod file_faults;
mod foreign_features;
mod foreign_labels;
mod inspect;
mod interrupts;
mod kernels;
mod labels_and_folds;
mod manners;
mod mapped_features;
mod nested;
mod onnx;
mod per_actor;
mod plan_elsewhere;
mod plans;
mod report_figures;
mod report_numbers;
mod reports;
mod resume;
mod scored_by;
mod serving;
mod side_by_side;
mod slurm;
mod span;
mod studies;
mod tasks;
