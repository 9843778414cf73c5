//! Completions, manual pages and the version, as a user meets them.
#![cfg(feature = "cli")]

mod command;

use std::process::{Command, Stdio};

use command::Place;

fn there(program: &str) -> bool {
    let mut command = Command::new(program);
    let ran = command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ran.is_ok_and(|status| status.success())
}

/// What bash offers after some words.
fn offered(place: &Place, words: &[&str]) -> Vec<String> {
    let list = words
        .iter()
        .map(|word| format!("'{word}'"))
        .collect::<Vec<_>>()
        .join(" ");
    let last = words.len() - 1;
    let (current, before) = (words[last], words[last - 1]);
    let script = format!(
        "source completions.bash; COMP_WORDS=({list}); COMP_CWORD={last}; COMPREPLY=(); \
         _blendfuse blendfuse '{current}' '{before}'; printf '%s\\n' \"${{COMPREPLY[@]}}\""
    );
    let output = Command::new("bash")
        .args(["--noprofile", "--norc", "-c", &script])
        .current_dir(place.path("."))
        .output()
        .unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(|line| line.trim().to_owned()).collect()
}

#[test]
fn bash_completes_commands_flags_and_values() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = place.ok(&["completions", shell]);
        assert!(
            script.contains("blendfuse") && script.contains("held-out"),
            "{shell}"
        );
        std::fs::write(place.path(&format!("completions.{shell}")), script).unwrap();
    }
    if !there("bash") {
        eprintln!("skipped: no bash");
        return;
    }
    assert_eq!(offered(&place, &["blendfuse", "aggr"]), ["aggregate"]);
    assert_eq!(
        offered(&place, &["blendfuse", "predict", "--held"]),
        ["--held-out"]
    );
    let kinds = offered(&place, &["blendfuse", "predict", "--split", ""]);
    assert!(
        ["train", "test"]
            .iter()
            .all(|kind| kinds.iter().any(|k| k == kind)),
        "{kinds:?}"
    );
}

#[test]
fn every_command_has_a_page_that_renders() {
    let place = Place::new();
    place.ok(&["man", "--out", "pages"]);
    let help = place.ok(&["--help"]);
    let commands = help
        .lines()
        .skip_while(|line| !line.starts_with("Commands:"))
        .skip(1);
    let commands = commands.take_while(|line| !line.is_empty());
    let names = commands.filter_map(|line| line.split_whitespace().next());
    let names: Vec<&str> = names.filter(|name| *name != "help").collect();
    assert!(names.len() > 15, "{names:?}");
    let mut pages = vec!["blendfuse".to_owned()];
    pages.extend(names.iter().map(|name| format!("blendfuse-{name}")));
    let written = std::fs::read_dir(place.path("pages")).unwrap().count();
    assert_eq!(written, pages.len());
    let groff = there("groff");
    if !groff {
        eprintln!("skipped: no groff to render the pages with");
    }
    for page in pages {
        let path = place.path(&format!("pages/{page}.1"));
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(".TH") && text.contains("NAME"), "{page}");
        if groff {
            let render = ["-Kutf8", "-man", "-Tutf8", "-ww", "-rLL=80n", "-z"];
            let output = Command::new("groff")
                .args(render)
                .arg(&path)
                .output()
                .unwrap();
            let warnings = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(
                output.status.success() && warnings.is_empty(),
                "{page}: {warnings}"
            );
        }
    }
    // What stands there stays.
    assert!(
        place
            .refused(&["man", "--out", "pages"])
            .contains("is not empty")
    );
}

#[test]
fn the_version_names_the_kernel() {
    let place = Place::new();
    let long = place.ok(&["--version"]);
    let kernels = ["portable", "avx2", "avx512"];
    let line = long
        .lines()
        .find_map(|line| line.strip_prefix("kernel "))
        .unwrap();
    assert!(kernels.contains(&line), "{long}");
    assert_eq!(
        place.ok(&["-V"]),
        format!("blendfuse {}\n", env!("CARGO_PKG_VERSION"))
    );
}
