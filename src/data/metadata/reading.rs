//! How a metadata table is read.

use super::actors::ActorPattern;
use super::folds::NewFolds;
use crate::config::DataConfig;
use crate::error::Result;

/// The choices that a table leaves to its reader. The default takes the table as it is.
#[derive(Clone, Debug, Default)]
pub struct Reading<'a> {
    /// The classes in this order; `None`: those of the table.
    pub classes: Option<&'a [String]>,
    /// Whether class columns are counts (votes, 0/1 flags, percentages), each row of which is divided by
    /// its sum.
    pub normalise_labels: bool,
    /// Whether class columns that are 0 throughout are classes too.
    pub keep_empty_classes: bool,
    /// What finds the actor in a name, in place of the column `actor`.
    pub actor_pattern: Option<ActorPattern>,
    /// Folds to make, for a table that has none.
    pub folds: Option<NewFolds>,
}

impl<'a> Reading<'a> {
    /// As a configuration says.
    ///
    /// # Errors
    /// As [`ActorPattern::new`].
    pub fn of(config: &'a DataConfig) -> Result<Self> {
        let pattern = config.actor_pattern.as_deref();
        Ok(Self {
            classes: config.classes.as_deref(),
            normalise_labels: config.normalise_labels,
            keep_empty_classes: false,
            actor_pattern: pattern.map(ActorPattern::new).transpose()?,
            folds: config.folds.map(|count| NewFolds {
                count,
                seed: config.fold_seed,
            }),
        })
    }

    /// The same for a split that is not cross-validated.
    pub fn without_folds(&self) -> Self {
        Self {
            folds: None,
            ..self.clone()
        }
    }
}
