//! Files and folders that cannot be read or written, that disappear, or that change while in use: one
//! line each, and nothing written that looks complete.
#![cfg(all(feature = "cli", unix))]

use std::fs;
use std::io::{Seek, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use crate::command::{Place, Ran, SMALL};

/// The usual ID of an unprivileged user.
const NOBODY: &str = "65534";

/// The program as a user to whom permissions apply; `None`, with a line, if that is not possible.
fn bound(place: &Place, args: &[&str]) -> Option<Ran> {
    let may_write_everywhere = {
        let probe = place.path("probe");
        fs::create_dir(&probe).unwrap();
        fs::set_permissions(&probe, fs::Permissions::from_mode(0o555)).unwrap();
        let written = fs::write(probe.join("file"), "x").is_ok();
        fs::remove_dir_all(&probe).unwrap();
        written
    };
    if !may_write_everywhere {
        return Some(place.run(args));
    }
    // A copy where that user can reach it. Made by another process: a child that a test beside this one
    // starts would inherit the file open for writing, and such a file cannot be run.
    let program = place.path("blendfuse");
    let mut copy = Command::new("cp");
    let copied = copy.arg(env!("CARGO_BIN_EXE_blendfuse")).arg(&program);
    assert!(copied.status().unwrap().success());
    for path in [&place.path("."), &program] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    let as_nobody = ["--reuid", NOBODY, "--regid", NOBODY, "--clear-groups"];
    let run = |args: &[&str]| {
        let mut command = Command::new("setpriv");
        command.args(as_nobody).arg(&program).args(args);
        command
            .current_dir(place.path("."))
            .env_remove("BLENDFUSE_KERNEL")
            .output()
    };
    let works = run(&["--version"]).is_ok_and(|output| output.status.success());
    if !works {
        eprintln!("skipped: permissions do not bind this user, and setpriv cannot run as another");
        return None;
    }
    Some(Ran::of(run(args).unwrap()))
}

fn train<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let base = ["train", "data", "--out", out, "--fold", "0"];
    [&base[..], SMALL, more].concat()
}

fn only_error(ran: &Ran) -> String {
    let lines = ran.stderr.lines();
    let errors: Vec<&str> = lines
        .filter_map(|line| line.strip_prefix("error: "))
        .collect();
    assert_eq!(errors.len(), 1, "{}", ran.stderr);
    errors[0].to_owned()
}

fn readable_by_all(path: &Path) {
    let mode = if path.is_dir() { 0o755 } else { 0o644 };
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    if path.is_dir() {
        for entry in fs::read_dir(path).unwrap() {
            readable_by_all(&entry.unwrap().path());
        }
    }
}

#[test]
fn a_folder_that_may_not_be_written_is_named() {
    let place = Place::with_data(&[]);
    readable_by_all(&place.path("data"));
    fs::create_dir(place.path("mine")).unwrap();
    fs::set_permissions(place.path("mine"), fs::Permissions::from_mode(0o555)).unwrap();
    for (args, named) in [
        (
            train("mine/run", &["--set", "train.max_epochs=1"]),
            "mine/run",
        ),
        (
            vec!["synth", "--out", "mine/new", "--preset", "tiny"],
            "mine/new",
        ),
        (
            [&["cv", "data", "--out", "mine/cv"], SMALL].concat(),
            "mine/cv",
        ),
    ] {
        let Some(ran) = bound(&place, &args) else {
            return;
        };
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        let error = only_error(&ran);
        assert!(
            error.starts_with(&format!("cannot write {named}")),
            "{error}"
        );
        assert!(error.contains("Permission denied"), "{error}");
        assert_eq!(fs::read_dir(place.path("mine")).unwrap().count(), 0);
    }
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let place = Place::with_data(&[]);
    readable_by_all(&place.path("data"));
    for name in ["data/features/train/clip.npz", "data/train_metadata.csv"] {
        let path = place.path(name);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).unwrap();
        let Some(ran) = bound(&place, &["inspect", "data"]) else {
            return;
        };
        // `inspect` lists every error; `train` ends at the first.
        assert!(
            ran.stdout.contains(name) || ran.stderr.contains(name),
            "{}",
            ran.stderr
        );
        let ran = bound(&place, &["train", "data", "--out", "data/run"]).unwrap();
        assert_eq!(ran.code, 2, "{}", ran.stderr);
        let error = only_error(&ran);
        assert!(
            error.contains(name) && error.contains("Permission denied"),
            "{error}"
        );
        readable_by_all(&path);
    }
}

/// A run that has begun.
fn begun(place: &Place, args: &[&str]) -> Child {
    let mut command = place.command(args);
    let mut child = command
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    while !place.path("run/manifest.json").exists() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended early");
        std::thread::sleep(Duration::from_millis(2));
    }
    child
}

#[test]
fn a_file_that_vanishes_while_in_use_is_read_to_the_end() {
    let place = Place::with_data(&[]);
    let settings = [
        "--set",
        "train.max_epochs=60",
        "--set",
        "train.early_stop_patience=60",
    ];
    let child = begun(&place, &train("run", &settings));
    fs::rename(
        place.path("data/features/train/clip.npz"),
        place.path("away.npz"),
    )
    .unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    // The next command reports it missing.
    let line = place.refused(&[
        "predict", "run", "data", "--split", "train", "--out", "p.json",
    ]);
    assert!(line.contains("clip.npz: missing"), "{line}");
    fs::rename(
        place.path("away.npz"),
        place.path("data/features/train/clip.npz"),
    )
    .unwrap();
    place.ok(&train("undisturbed", &settings));
    for name in ["weights.safetensors", "history.csv"] {
        let [a, b] =
            ["run", "undisturbed"].map(|run| fs::read(place.path(run).join(name)).unwrap());
        assert!(a == b, "{name} differs");
    }
}

#[test]
fn a_file_that_changes_while_in_use_ends_the_run() {
    let place = Place::with_data(&[]);
    let endless = [
        "--set",
        "train.max_epochs=1000000",
        "--set",
        "train.early_stop_patience=1000000",
    ];
    let child = begun(&place, &train("run", &endless));
    let path = place.path("data/features/train/clip.npz");
    let mut file = fs::File::options().write(true).open(path).unwrap();
    file.seek(std::io::SeekFrom::Start(5000)).unwrap();
    file.write_all(&[0x3f; 64]).unwrap();
    drop(file);
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert!(
        ran.code == 1 || ran.code == 2,
        "{}: {}",
        ran.code,
        ran.stderr
    );
    let error = only_error(&ran);
    assert!(
        error.contains("features/train/clip.npz: was changed by another program"),
        "{error}"
    );
}
