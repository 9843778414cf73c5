//! Tells the program the commit that it is built from, where that can be known: from git, or from what
//! `cargo package` notes. Release builds only: every commit builds them anew.

use std::path::Path;
use std::process::Command;

/// Digits of a commit that are shown.
const DIGITS: usize = 9;

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    if std::env::var("PROFILE").as_deref() != Ok("release") {
        return;
    }
    if let Some(commit) = packaged().or_else(from_git) {
        let shown: String = commit.chars().take(DIGITS).collect();
        println!("cargo:rustc-env=BLENDFUSE_COMMIT={shown}");
    }
}

/// A package tells it in a file beside the manifest.
fn packaged() -> Option<String> {
    let text = std::fs::read_to_string(".cargo_vcs_info.json").ok()?;
    let (_, rest) = text.split_once("\"sha1\"")?;
    let commit = rest.split('"').nth(1)?;
    let hexadecimal = commit.chars().all(|c| c.is_ascii_hexdigit());
    (hexadecimal && !commit.is_empty()).then(|| commit.to_owned())
}

/// Of a clone of this repository; not of another one that holds these sources.
fn from_git() -> Option<String> {
    if !Path::new(".git").exists() {
        return None;
    }
    let git = |arguments: &[&str]| {
        let output = Command::new("git").args(arguments).output().ok()?;
        let text = String::from_utf8(output.stdout).ok()?;
        output.status.success().then(|| text.trim().to_owned())
    };
    let log = git(&["rev-parse", "--git-path", "logs/HEAD"])?;
    if Path::new(&log).exists() {
        println!("cargo:rerun-if-changed={log}");
    }
    git(&["rev-parse", "HEAD"])
}
