//! The tables and files of studies.

use std::path::PathBuf;

use serde_json::Value;

use super::table::Table;
use crate::error::Result;
use crate::experiments::study::Study;
use crate::plan::PlanFolder;

/// What a study found, for people and for programs.
#[derive(Clone, Debug)]
pub struct StudyTables {
    /// Tables in the order in which they are read.
    pub tables: Vec<Table>,
    /// Everything, but for what [`StudyReport::rows`] gives.
    pub json: Value,
}

/// A study whose findings are shown as tables and files.
pub trait StudyReport: Study {
    /// The findings as tables.
    ///
    /// # Errors
    /// Why there are none: trials that failed or have not run.
    fn tables(&self, findings: &Self::Findings) -> Result<StudyTables, String>;

    /// Writes the files of the whole study into its folder and gives their names. `tables` are those of
    /// the same findings.
    ///
    /// # Errors
    /// [`crate::Error::Write`].
    fn write(
        &self,
        findings: &Self::Findings,
        tables: &StudyTables,
        folder: &PlanFolder,
    ) -> Result<Vec<PathBuf>>;

    /// The rows of the study in full, where the JSON of its tables leaves them out because they may be many.
    fn rows(&self, _findings: &Self::Findings) -> Option<Value> {
        None
    }

    /// What to know of the trials that were added so far, such as rows that the data do not allow.
    fn notes(&self, _state: &Self::State) -> Vec<String> {
        Vec::new()
    }

    /// Why the result of the study is not usable, if it is not: training diverged, or learned nothing.
    fn unusable(&self, _findings: &Self::Findings) -> Option<String> {
        None
    }

    /// The file of the configuration that the study chose, by its name in the folder.
    fn chosen_configuration(&self) -> Option<&'static str> {
        None
    }
}
