//! Runs the program from the command line in a temporary folder.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A folder to run in.
pub struct Place {
    folder: TempDir,
}

/// How a run of the program ended.
pub struct Ran {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Place {
    pub fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
        }
    }

    /// With a tiny synthetic data set in `data`.
    pub fn with_data(flags: &[&str]) -> Self {
        let place = Self::new();
        let base = ["synth", "--out", "data", "--preset", "tiny"];
        place.ok(&[
            &base[..],
            &["--train-clips", "141", "--test-clips", "33"],
            flags,
        ]
        .concat());
        place
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_blendfuse"));
        command
            .args(args)
            .current_dir(self.folder.path())
            .env_remove("BLENDFUSE_KERNEL")
            .env_remove("RAYON_NUM_THREADS")
            .env_remove("NO_COLOR")
            .env_remove("CLICOLOR")
            .env_remove("CLICOLOR_FORCE")
            .stdin(Stdio::null());
        command
    }

    pub fn run(&self, args: &[&str]) -> Ran {
        Ran::of(self.command(args).output().unwrap())
    }

    /// Runs and expects success; returns stdout.
    #[track_caller]
    pub fn ok(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
        ran.stdout
    }

    /// Runs with `--json` and expects one object on stdout.
    #[track_caller]
    pub fn json(&self, args: &[&str]) -> Value {
        let stdout = self.ok(&[args, &["--json"]].concat());
        let value: Value = serde_json::from_str(&stdout).unwrap();
        assert!(value.is_object());
        value
    }

    /// Runs and expects exit code 2 and a one-line error, which is returned without `error: `.
    #[track_caller]
    pub fn refused(&self, args: &[&str]) -> String {
        let ran = self.run(args);
        assert_eq!(ran.code, 2, "{args:?}: {}{}", ran.stdout, ran.stderr);
        let errors: Vec<&str> = ran
            .stderr
            .lines()
            .filter_map(|line| line.strip_prefix("error: "))
            .collect();
        let [error] = errors[..] else {
            panic!("expected one line of error: {}", ran.stderr);
        };
        assert!(ran.stderr.trim_end().ends_with(error), "{}", ran.stderr);
        error.to_owned()
    }

    /// The logs of all trials of a plan, one after the other.
    pub fn trial_logs(&self, plan: &str) -> String {
        let files = self.contents(&format!("{plan}/trials")).into_iter();
        let logs = files.filter(|(path, _)| path.to_string_lossy().ends_with(".log.jsonl"));
        logs.map(|(_, bytes)| String::from_utf8(bytes).unwrap())
            .collect()
    }

    /// The files of a plan but those that say where and when (logs, manifests), and Slurm's.
    pub fn plan_files(&self, plan: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let root = self.path(plan);
        let files = self.contents(plan).into_iter();
        files
            .map(|(path, bytes)| (path.strip_prefix(&root).unwrap().to_owned(), bytes))
            .filter(|(path, _)| {
                let name = path.file_name().unwrap().to_string_lossy();
                let told = ["manifest.json", ".lock"].contains(&name.as_ref());
                !told && !name.ends_with("log.jsonl") && !path.starts_with("slurm")
            })
            .collect()
    }

    /// The same names and bytes in two plans' folders.
    #[track_caller]
    pub fn assert_same_plans(&self, a: &str, b: &str) {
        let (a, b) = (self.plan_files(a), self.plan_files(b));
        let names = |files: &[(PathBuf, Vec<u8>)]| -> Vec<PathBuf> {
            files.iter().map(|(path, _)| path.clone()).collect()
        };
        assert_eq!(names(&a), names(&b));
        for ((path, a), (_, b)) in a.iter().zip(&b) {
            assert!(a == b, "{} differs", path.display());
        }
    }

    /// Everything below the folder, with its bytes.
    pub fn contents(&self, name: &str) -> Vec<(PathBuf, Vec<u8>)> {
        let mut found = Vec::new();
        walk(&self.path(name), &mut found);
        found.sort();
        found
    }
}

fn walk(path: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    if path.is_dir() {
        for entry in std::fs::read_dir(path).unwrap() {
            walk(&entry.unwrap().path(), found);
        }
    } else if path.is_file() {
        found.push((path.to_owned(), std::fs::read(path).unwrap()));
    }
}

impl Ran {
    pub fn of(output: Output) -> Self {
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Self {
            code: output.status.code().unwrap_or(-1),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

/// A model that trains quickly.
pub const SMALL: &[&str] = &[
    "--set",
    "model.projection_dim=16",
    "--set",
    "model.shared_dim=24",
    "--set",
    "model.gate_hidden=8",
    "--set",
    "model.head_hidden=12",
    "--set",
    "model.top_k=4",
    "--set",
    "train.lr=0.003",
];
