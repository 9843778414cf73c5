//! Scripts for `sbatch`, and calling it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::round::place;
use crate::error::{Error, Result};
use crate::plan::store::description::PlanDescription;

/// The parts that all scripts of a plan share.
#[derive(Debug)]
pub(super) struct Script {
    /// The plan's command, for the names of the jobs.
    pub(super) command: String,
    /// `slurm` in the plan's folder.
    place: PathBuf,
    /// The first lines of every script.
    head: String,
    /// The program that jobs run, shell-quoted.
    program: String,
    /// The plan's folder, shell-quoted.
    folder: String,
}

impl Script {
    /// For the plan in a folder, given by its absolute path.
    pub(super) fn new(folder: &Path, plan: &PlanDescription, program: &Path) -> Result<Self> {
        Ok(Self {
            command: plan.command.clone(),
            place: place(folder),
            head: format!(
                "#!/bin/sh\n# Written by blendfuse for a plan of `{}`.\nexport BLENDFUSE_KERNEL={}\n",
                plan.command, plan.kernel
            ),
            program: quoted(program)?,
            folder: quoted(folder)?,
        })
    }

    /// Writes what an array needs into its own folder: the script, and `tasks`, one line of trials per
    /// task. Returns the script and the path of the tasks' outputs.
    pub(super) fn array(&self, name: &str, tasks: &str) -> Result<(PathBuf, String)> {
        let folder = self.place.join(name);
        std::fs::create_dir_all(&folder).map_err(|source| Error::Write {
            path: folder.clone(),
            source,
        })?;
        let list = folder.join("tasks");
        write(&list, tasks)?;
        let script = folder.join("task.sh");
        // `exec` replaces the shell, so that the program gets Slurm's signals and saves its state.
        write(
            &script,
            &format!(
                "{}trials=$(sed -n \"${{SLURM_ARRAY_TASK_ID}}p\" {})\nexec {} work {} --threads \"${{SLURM_CPUS_PER_TASK:-1}}\" $trials\n",
                self.head,
                quoted(&list)?,
                self.program,
                self.folder
            ),
        )?;
        Ok((script, pattern(&folder.join("task-"), "%a.txt")))
    }

    /// Writes the script of the job that continues the plan; returns it and the path of its output.
    pub(super) fn go_on(&self) -> Result<(PathBuf, String)> {
        let script = self.place.join("go-on.sh");
        write(
            &script,
            &format!(
                "{}exec {} collect {} --go-on --threads \"${{SLURM_CPUS_PER_TASK:-1}}\"\n",
                self.head, self.program, self.folder
            ),
        )?;
        Ok((script, pattern(&self.place.join("go-on.txt"), "")))
    }
}

/// A path escaped for Slurm's file patterns, with a suffix.
fn pattern(path: &Path, end: &str) -> String {
    path.display().to_string().replace('%', "%%") + end
}

/// A shell-quoted path.
fn quoted(path: &Path) -> Result<String> {
    let text = path.to_string_lossy();
    let quoted = shlex::try_quote(&text).map_err(|error| {
        Error::Data(format!(
            "{}: this path cannot be quoted for a shell ({error})",
            path.display()
        ))
    })?;
    Ok(quoted.into_owned())
}

fn write(path: &Path, text: &str) -> Result<()> {
    crate::files::atomic_file::write(path, |out| std::io::Write::write_all(out, text.as_bytes()))
}

/// Submits a script and returns the job's number. Tasks that Slurm preempts are requeued.
pub(super) fn sbatch(options: &[String], of_user: &[String], script: &Path) -> Result<u64> {
    let mut command = Command::new("sbatch");
    command
        .args(["--parsable", "--requeue", "--open-mode=append"])
        .args(options)
        .args(of_user)
        .arg(script);
    let output = command.output().map_err(|source| Error::Command {
        program: "sbatch",
        source,
    })?;
    let told = String::from_utf8_lossy(&output.stdout);
    // `--parsable` prints the number, and the cluster after a semicolon where there are several.
    let number = told
        .trim()
        .split(';')
        .next()
        .and_then(|number| number.parse().ok());
    match number {
        Some(number) if output.status.success() => Ok(number),
        _ => Err(Error::Data(format!(
            "sbatch refused {}: {}",
            script.display(),
            String::from_utf8_lossy(&output.stderr)
                .trim()
                .replace('\n', " ")
        ))),
    }
}
