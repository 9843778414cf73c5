//! Details of errors that a program can match.

use std::fmt;
use std::path::PathBuf;

/// A kind of file or folder that this program writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Artifact {
    /// The folder of a trained model.
    Model,
    /// The weights of a trained model.
    Weights,
    /// The folder of a plan of trials, or its description.
    Plan,
    /// A figure of an analysis.
    Figure,
}

impl fmt::Display for Artifact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Artifact::Model => "the folder of a trained model",
            Artifact::Weights => "a file trained by this program",
            Artifact::Plan => "the folder of cv, sweep, tune, ablate, baseline or repro",
            Artifact::Figure => "a figure written by analyze",
        })
    }
}

/// What an output folder already contains.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Occupant {
    /// The path, or one of its parents, is this file.
    File(PathBuf),
    /// Other files, not those of a run.
    NoRun,
    /// Other files, not those of a plan.
    NoPlan,
    /// A run, finished or not.
    Run,
    /// A plan of the same command.
    Plan,
    /// A plan of another command.
    PlanOf {
        /// Its command.
        found: String,
        /// The command that was to write here.
        expected: String,
    },
}

impl fmt::Display for Occupant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Occupant::File(file) => write!(
                f,
                "{} is a file; expected a new or empty folder",
                file.display()
            ),
            Occupant::NoRun => {
                f.write_str("contains files but no run to resume (no manifest.json)")
            }
            Occupant::NoPlan => f.write_str("contains files but no plan (no plan.json)"),
            Occupant::Run => f.write_str("already contains a run"),
            Occupant::Plan => f.write_str("already contains a plan"),
            Occupant::PlanOf { found, expected } => {
                write!(f, "contains a plan of `{found}`, not of `{expected}`")
            }
        }
    }
}

/// What differs between a run and the one that should be resumed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Difference {
    /// The configuration.
    Configuration,
    /// The validation fold.
    Fold,
    /// The input files.
    Inputs,
    /// Whether rows are shuffled.
    RowOrder,
    /// The initial weights.
    InitialWeights,
    /// The micro-kernel of the matrix products.
    Kernel,
    /// The version of this program.
    Program,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Difference::Configuration => "another configuration",
            Difference::Fold => "another fold",
            Difference::Inputs => "other input files",
            Difference::RowOrder => "another order of rows",
            Difference::InitialWeights => "other initial weights",
            Difference::Kernel => {
                "another micro-kernel (BLENDFUSE_KERNEL), which changes the last bits"
            }
            Difference::Program => "another version of this program",
        })
    }
}

/// What needs the features of an encoder.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum NeededBy {
    /// A trained model.
    Model,
    /// The test split of a data folder, since the training split has the encoder.
    TestSplit {
        /// The table of its clips.
        table: PathBuf,
        /// Number of clips.
        clips: usize,
    },
}

impl NeededBy {
    /// What to do.
    pub(super) fn advice(&self) -> &'static str {
        match self {
            NeededBy::Model => "add the file, or predict without it",
            NeededBy::TestSplit { .. } => "add the file or leave the encoder out (data.encoders)",
        }
    }
}

impl fmt::Display for NeededBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            NeededBy::Model => f.write_str("the model was trained with this encoder"),
            NeededBy::TestSplit { table, clips } => write!(
                f,
                "the training split has this encoder and {} lists {clips} clips",
                table.display()
            ),
        }
    }
}

/// What is wrong with a parameter of a sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParameterFault {
    /// There is no parameter at all.
    Absent,
    /// It cannot be parsed; the reason.
    Invalid(String),
    /// A range without a number of steps, in a grid.
    NoSteps,
    /// Its key is given twice.
    Repeated,
    /// Its key is the seed.
    Seed,
    /// Its key changes the folds.
    Folds,
}

impl fmt::Display for ParameterFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ParameterFault::Absent => {
                "nothing to sweep; expected at least one, as in model.top_k=2,10,22"
            }
            ParameterFault::Invalid(reason) => reason,
            ParameterFault::NoSteps => {
                "a grid needs to know how many values; end the range with /5 for five of them, or search at random or with TPE"
            }
            ParameterFault::Repeated => {
                "this key is given twice; give all its values in one parameter"
            }
            ParameterFault::Folds => {
                "all configurations are compared on the same folds; set it for all of them"
            }
            ParameterFault::Seed => {
                "the seed is not a parameter to choose; train everything with several seeds instead"
            }
        })
    }
}

/// Why rows cannot be appended to a feature file.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AppendMismatch {
    /// The file's type is none that aggregation writes.
    ElementType {
        /// Type of the file.
        found: String,
    },
    /// Another precision was requested than the file has.
    Precision {
        /// Type of the file.
        found: String,
    },
    /// Other statistics were requested than the file has.
    Statistics {
        /// Those of the file.
        found: Vec<String>,
        /// Those requested.
        requested: Vec<String>,
    },
    /// The file says that another command made it.
    MadeBy {
        /// The command.
        command: String,
    },
}

impl fmt::Display for AppendMismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AppendMismatch::ElementType { found } => {
                write!(
                    f,
                    "contains {found}; rows can be appended to f2 and f4 only"
                )
            }
            AppendMismatch::Precision { found } => write!(
                f,
                "contains {found}; appended rows take the precision of the file"
            ),
            AppendMismatch::Statistics { found, requested } => write!(
                f,
                "was made with the statistics {}; append with the same, not with {}",
                found.join(","),
                requested.join(",")
            ),
            AppendMismatch::MadeBy { command } => write!(
                f,
                "says that `{command}` made it, which rows of other frames would not be; add to it with that \
                 command, or write another file"
            ),
        }
    }
}
