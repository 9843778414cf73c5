//! Many runs as one plan: which there are, where their results are kept, and who executes them.
//!
//! A [`trial::Trial`] is one run of training. A [`planned::Plan`] lists trials, a
//! [`run::live_plan::LivePlan`] is one that is worked on, [`run::workers::Workers`] run those that have no
//! result yet, side by side. Nothing here knows what the trials are for; [`crate::experiments`] does.

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
