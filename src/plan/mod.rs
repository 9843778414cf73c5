//! Many runs as one plan: the trials, where their results are kept, and who executes them.
//!
//! A [`trial::Trial`] is one run of training. A [`planned::Plan`] lists trials, a
//! [`run::live_plan::LivePlan`] is a plan in progress, and [`run::workers::Workers`] run the trials
//! without a result in parallel. `store/trial_files.rs` names the files of a trial. Nothing here knows
//! what the trials are for; [`crate::experiments`] does.

pub mod data_folder;
pub mod outcomes;
pub mod planned;
pub mod result;
pub mod run;
pub mod slurm;
pub mod status;
pub mod store;
pub mod trial;

pub use data_folder::DataFolder;
pub use outcomes::Outcomes;
pub use planned::Plan;
pub use run::observer::PlanObserver;
pub use run::workers::Workers;
pub use store::plan_folder::PlanFolder;
pub use trial::{Trial, TrialKind};
