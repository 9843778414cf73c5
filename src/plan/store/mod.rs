//! A plan's folder: the list of its trials, their files, its log.

pub mod description;
pub mod events;
pub mod list;
pub mod plan_folder;
pub mod spec;
pub mod trial_files;
pub mod trial_state;
