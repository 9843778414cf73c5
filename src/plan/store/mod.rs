//! A plan's folder: the list of its trials, their files, its log.

pub(crate) mod description;
pub(crate) mod events;
pub(crate) mod list;
pub mod plan_folder;
pub(crate) mod spec;
pub mod trial_files;
pub mod trial_state;
