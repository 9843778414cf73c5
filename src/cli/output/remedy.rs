//! The message of an error, with the flags that help: the library's errors name none.

use std::io::ErrorKind;
use std::path::Path;

use crate::Error;
use crate::error::{AppendMismatch, Artifact, Difference, NeededBy, Occupant, ParameterFault};
use crate::experiments::{CrossValidate, Study};
use crate::plan::store::plan_folder::final_model;
use crate::plan::store::trial_files::TrialFiles;
use crate::suggest::path_instead;

/// The message of an error and what to do about it.
pub fn message(error: &Error) -> String {
    match error {
        Error::Read { path, source } if source.kind() == ErrorKind::NotFound => format!(
            "cannot read {}: no such file or folder{}",
            path.display(),
            path_instead(path)
        ),
        Error::Parameter { parameter, fault } => {
            let flag = format!("--param {parameter}");
            format!("{}: {fault}{}", flag.trim_end(), remedy(error))
        }
        _ => format!("{}{}", in_flags(&error.to_string()), remedy(error)),
    }
}

/// A message of the library with the flags of configuration keys in their place.
pub fn in_flags(message: &str) -> String {
    let flags = [
        ("data.folds=", "--folds "),
        ("data.folds", "--folds"),
        ("data.normalise_labels=true", "--normalise-labels"),
        ("data.actor_pattern=", "--actor-pattern "),
    ];
    // Where a key is at fault, it is what the user wrote, in a file perhaps.
    match message.starts_with("configuration: ") {
        true => message.to_owned(),
        false => flags.iter().fold(message.to_owned(), |text, (key, flag)| {
            text.replace(key, flag)
        }),
    }
}

/// What follows the library's message: the flags that help, or what was probably meant.
fn remedy(error: &Error) -> String {
    let text = match error {
        Error::Occupied { by, .. } => return of_occupied(by).to_owned(),
        Error::InUse { .. } => ", or choose another --out",
        Error::DifferentRun { differs, .. } => match differs {
            Difference::RowOrder => " (see --no-shuffle), or choose another --out",
            Difference::InitialWeights => " (see --init), or choose another --out",
            Difference::Fold => " (see --fold), or choose another --out",
            _ => ", or choose another --out",
        },
        Error::Unrecognised { path, expected, .. } => match expected {
            Artifact::Model => return model_inside(path),
            Artifact::Weights => " (for PyTorch weights: train --init)",
            Artifact::Figure => "; run analyze again with --force",
            Artifact::Plan => "",
        },
        Error::Trials { .. } => ", --resume retries these",
        Error::NonFinite {
            traceable: true, ..
        } => " (train --detect-anomaly)",
        Error::NoFiles {
            unsearched: true, ..
        } => "; --recursive searches subfolders",
        Error::NoMatch { .. } => "; correct --pattern, or leave it out",
        Error::NoNameColumn { .. } => "; choose one with --name-column",
        Error::DuplicateClip { frames: true, .. } => {
            ", or other names (--names path keeps folders in them, --array picks one array of each .npz)"
        }
        Error::Unlabelled { clip: None, .. } => "; give the labels with --metadata",
        Error::MissingFeatures {
            encoder,
            needed_by: NeededBy::Model,
            ..
        } => return format!(" (--drop {encoder})"),
        Error::Parameter { fault, .. } => match fault {
            ParameterFault::NoSteps => " (--random N, --tpe N)",
            ParameterFault::Seed => " (--seeds N)",
            _ => "",
        },
        Error::UnknownTrial { path, command, .. } => {
            return format!(
                "; `blendfuse plan {command} DATA --out {} --print`, with the plan's other flags, lists the waiting ones",
                path.display()
            );
        }
        Error::WeightsNotKept { command, .. } => {
            return match command.as_str() {
                CrossValidate::NAME => format!("; run {command} again without --drop-weights"),
                _ => format!("; run {command} again with --keep-weights and another --out"),
            };
        }
        Error::CannotAppend { differs, .. } => match differs {
            AppendMismatch::Precision { .. } => ": leave out --dtype",
            AppendMismatch::Statistics { .. } => " (see --stats)",
            _ => "",
        },
        Error::Command { .. } => "; --executor slurm needs Slurm's commands",
        Error::NoTargetRows { .. } => " (--fold N)",
        _ => "",
    };
    text.to_owned()
}

fn of_occupied(by: &Occupant) -> &'static str {
    match by {
        Occupant::File(_) => "",
        Occupant::Run => "; choose another --out, or use --resume to continue the run there",
        Occupant::Plan => {
            "; use --resume to continue it without repeating finished trials, or choose another --out"
        }
        _ => "; choose another --out",
    }
}

/// The model that was meant by the folder of a plan: its final one, or one of its trials'.
fn model_inside(folder: &Path) -> String {
    if let Some(model) = final_model(folder) {
        return format!("; did you mean {}?", model.display());
    }
    match TrialFiles::of(folder).models().min() {
        Some(model) => format!(", such as {}", model.display()),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_command_line_names_flags() {
        let path = || "out".into();
        let parameter = |fault| Error::Parameter {
            parameter: "train.lr=0.1..0.2".into(),
            fault,
        };
        let cases = [
            (
                Error::Occupied {
                    path: path(),
                    by: Occupant::Run,
                },
                "out: already contains a run; choose another --out, or use --resume to continue the run there",
            ),
            (
                Error::InUse {
                    path: path(),
                    pid: Some(7),
                },
                "out: another process (pid 7) is using this folder; wait for it, or choose another --out",
            ),
            (
                Error::DifferentRun {
                    path: path(),
                    differs: Difference::RowOrder,
                },
                "out: was written with another order of rows; resume with the same (see --no-shuffle), or choose another --out",
            ),
            (
                Error::MissingFeatures {
                    path: path(),
                    encoder: "clip".into(),
                    needed_by: NeededBy::Model,
                },
                "out: missing, but the model was trained with this encoder; add the file, or predict without it (--drop clip)",
            ),
            (
                Error::Unlabelled {
                    clip: None,
                    purpose: "to search thresholds on",
                },
                "no clip has a label to search thresholds on; give the labels with --metadata",
            ),
            (
                Error::WeightsNotKept {
                    path: path(),
                    models: 5,
                    label: "model.top_k=1".into(),
                    command: "sweep".into(),
                },
                "out: none of the 5 fold models of model.top_k=1 has its weights; run sweep again with --keep-weights and another --out",
            ),
            (
                parameter(ParameterFault::Seed),
                "--param train.lr=0.1..0.2: the seed is not a parameter to choose; train everything with several seeds instead (--seeds N)",
            ),
        ];
        for (error, shown) in cases {
            assert_eq!(message(&error), shown);
            assert!(!error.to_string().contains("--"), "{error}");
        }
    }
}
