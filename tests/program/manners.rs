//! Completions, manual pages and the version; `--quiet`, colours and widths of the output.

use std::process::{Command, Stdio};

use crate::command::{Place, SMALL};

fn there(program: &str) -> bool {
    let mut command = Command::new(program);
    let ran = command
        .arg("--version")
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    ran.is_ok_and(|status| status.success())
}

/// The completions that bash offers after some words.
fn offered(place: &Place, words: &[&str]) -> Vec<String> {
    let list = words
        .iter()
        .map(|word| format!("'{word}'"))
        .collect::<Vec<_>>()
        .join(" ");
    let last = words.len() - 1;
    let (current, before) = (words[last], words[last - 1]);
    let script = format!(
        "source completions.bash; compopt() {{ echo \"compopt $*\" >> asked; }}; \
         COMP_WORDS=({list}); COMP_CWORD={last}; COMPREPLY=(); \
         $(complete -p blendfuse | sed 's/.*-F \\([^ ]*\\).*/\\1/') blendfuse '{current}' '{before}'; \
         printf '%s\\n' \"${{COMPREPLY[@]}}\""
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
    let presets = offered(&place, &["blendfuse", "synth", "--preset", ""]);
    assert_eq!(presets, ["tiny", "small", "paper"]);
    // Configuration keys, without a space after a unique one.
    for words in [
        &["blendfuse", "train", "--set", "model.top"][..],
        &["blendfuse", "sweep", "--param", "model.top"],
    ] {
        assert_eq!(offered(&place, words), ["model.top_k="]);
        let asked = std::fs::read_to_string(place.path("asked")).unwrap();
        assert_eq!(asked, "compopt -o nospace\n");
        std::fs::remove_file(place.path("asked")).unwrap();
    }
    assert!(offered(&place, &["blendfuse", "train", "--set", "uda."]).len() > 3);
    assert!(!place.path("asked").exists());
}

#[test]
fn zsh_and_fish_load_their_completions() {
    let place = Place::new();
    for (shell, file, script, expected) in [
        (
            "zsh",
            "_blendfuse",
            "fpath=(. $fpath); autoload -Uz compinit; compinit -u -D; autoload +X _blendfuse && echo loaded",
            "loaded\n",
        ),
        (
            "fish",
            "blendfuse.fish",
            "source blendfuse.fish; complete -C 'blendfuse aggr' | string split -f1 \\t; \
             complete -C 'blendfuse train --set model.top' | string split -f1 \\t",
            "aggregate\nmodel.top_k=\n",
        ),
    ] {
        let text = place.ok(&["completions", shell]);
        std::fs::write(place.path(file), text).unwrap();
        if !there(shell) {
            eprintln!("skipped: no {shell}");
            continue;
        }
        let output = Command::new(shell)
            .args(["-c", script])
            .current_dir(place.path("."))
            .env("HOME", place.path("."))
            .output()
            .unwrap();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(errors.is_empty(), "{shell}: {errors}");
        assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{shell}");
    }
}

/// The commands in the program's help, which are grouped between the usage and the options.
fn commands_in(help: &str) -> Vec<&str> {
    let (_, commands) = help.split_once("Usage:").unwrap();
    let (commands, _) = commands.split_once("\nOptions:").unwrap();
    let lines = commands.lines().skip(1);
    let commands = lines.filter(|line| line.starts_with("  "));
    commands
        .filter_map(|line| line.split_whitespace().next())
        .collect()
}

#[test]
fn every_command_has_a_page_that_renders() {
    let place = Place::new();
    place.ok(&["man", "--out", "pages"]);
    let help = place.ok(&["--help"]);
    let names = commands_in(&help);
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
        assert!(
            text.contains(".SH \"EXIT STATUS\"\n.TP\n0\nsuccess\n"),
            "{page}"
        );
        assert!(!text.contains("Exit codes: "), "{page}");
        let usage = page.replacen('-', " ", 1);
        assert!(
            text.contains(&format!(".SH SYNOPSIS\n{usage} [OPTIONS]")),
            "{page}"
        );
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
    // Existing files are kept.
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

#[test]
fn help_tells_the_exit_codes_and_fits_80_columns() {
    let place = Place::new();
    let help = place.ok(&["--help"]);
    for name in commands_in(&help) {
        for flag in ["-h", "--help"] {
            let mut command = place.command(&[name, flag]);
            let output = command.env("COLUMNS", "80").output().unwrap();
            let text = String::from_utf8(output.stdout).unwrap();
            assert!(text.contains("Exit codes: 0 success, 1 failed"), "{name}");
            let wide = text.lines().find(|line| line.chars().count() > 80);
            assert_eq!(wide, None, "{name} {flag}");
        }
    }
    // Wrong usage always exits with 2.
    for args in [&[][..], &["trian"], &["train"], &["train", "--lr", "1"]] {
        assert_eq!(place.run(args).code, 2, "{args:?}");
    }
}

#[test]
fn quiet_leaves_results_errors_and_warnings() {
    let place = Place::with_data(&[]);
    let train = |out: &str, flags: &[&str]| {
        let train = ["train", "data", "--out", out, "--fold", "0", "--resume"];
        let ran = place.run(&[&train[..], flags, &["--set", "train.max_epochs=1"], SMALL].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran
    };
    let loud = train("loud", &[]);
    for part in ["note: --resume", "training on", "epoch  steps"] {
        assert!(loud.stderr.contains(part), "{part}: {}", loud.stderr);
    }
    for (out, flag) in [("short", "-q"), ("long", "--quiet")] {
        let quiet = train(out, &[flag]);
        assert!(quiet.stdout.contains("thresholds: "), "{}", quiet.stdout);
        let warnings = |text: &str| -> Vec<String> {
            let lines = text.lines().filter(|line| line.starts_with("warning: "));
            lines.map(str::to_owned).collect()
        };
        let left: Vec<&str> = quiet.stderr.lines().collect();
        assert_eq!(left, warnings(&loud.stderr));
    }
    // Before the command too, and errors stay.
    let ran = place.run(&["-q", "cv", "data", "--out", "loud"]);
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.starts_with("error: "), "{}", ran.stderr);
    let cv = [
        "--quiet",
        "cv",
        "data",
        "--out",
        "cv",
        "--set",
        "train.max_epochs=1",
    ];
    let ran = place.run(&[&cv[..], SMALL].concat());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stdout.contains("### "), "{}", ran.stdout);
    let progress = ran
        .stderr
        .lines()
        .find(|line| !line.starts_with("warning: "));
    assert_eq!(progress, None);
}

/// The output of the program on a terminal of `columns` columns.
fn in_terminal(place: &Place, columns: usize, before: &str, args: &str) -> Option<String> {
    if !there("script") {
        eprintln!("skipped: no script (util-linux) to make a terminal with");
        return None;
    }
    let program = env!("CARGO_BIN_EXE_blendfuse");
    let line = format!("stty cols {columns} rows 50; {before} '{program}' {args}");
    let mut command = Command::new("script");
    let output = command
        .args(["-qec", &line, "/dev/null"])
        .current_dir(place.path("."))
        .env("TERM", "xterm")
        .env_remove("NO_COLOR")
        .env_remove("CLICOLOR")
        .env_remove("CLICOLOR_FORCE")
        .stdin(Stdio::null())
        .output()
        .unwrap();
    Some(String::from_utf8(output.stdout).unwrap().replace('\r', ""))
}

#[test]
fn colours_follow_the_conventions() {
    let place = Place::new();
    let refused = &["inspect", "none"];
    let with = |variables: &[(&str, &str)]| {
        let mut command = place.command(refused);
        let output = command.envs(variables.iter().copied()).output().unwrap();
        String::from_utf8(output.stderr).unwrap()
    };
    let coloured = |text: &str| text.contains('\u{1b}');
    assert!(!coloured(&with(&[])));
    let forced = with(&[("CLICOLOR_FORCE", "1")]);
    assert!(coloured(&forced) && forced.contains("error:"), "{forced:?}");
    assert!(!coloured(&with(&[
        ("CLICOLOR_FORCE", "1"),
        ("NO_COLOR", "1")
    ])));
    for (variables, colours) in [
        ("", true),
        ("NO_COLOR=", true),
        ("NO_COLOR=1", false),
        ("CLICOLOR=0", false),
        ("TERM=dumb", false),
        ("TERM=dumb CLICOLOR_FORCE=1", true),
    ] {
        // CI counts as a terminal with colours.
        let before = format!("env -u CI {variables}");
        let Some(text) = in_terminal(&place, 80, &before, "inspect none") else {
            return;
        };
        assert!(text.contains("error:"), "{text}");
        assert_eq!(coloured(&text), colours, "{variables}: {text:?}");
        let Some(help) = in_terminal(&place, 80, &before, "--help") else {
            return;
        };
        assert_eq!(coloured(&help), colours, "{variables}: {help:?}");
    }
}

#[test]
fn tables_fit_a_terminal_and_are_markdown_elsewhere() {
    let place = Place::with_data(&[]);
    let flags = "--set train.max_epochs=1 --set model.projection_dim=16 --set model.shared_dim=24 \
         --set model.gate_hidden=8 --set model.head_hidden=12 --param model.top_k=2,4 \
         --param train.lr=1e-3,1e-2";
    let sweep = format!("sweep data --out sweep --resume {flags}");
    let args: Vec<&str> = sweep.split_whitespace().collect();
    let piped = place.ok(&args);
    let wide = |text: &str| text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(piped.contains("\n|---") && wide(&piped) > 100, "{piped}");
    let inspected = place.ok(&["inspect", "data"]);
    assert!(wide(&inspected) > 80, "{inspected}");
    for columns in [60, 80, 120] {
        let Some(text) = in_terminal(&place, columns, "NO_COLOR=1", "inspect data") else {
            return;
        };
        let tables = text.lines().filter(|line| !line.starts_with("  - "));
        let widest = tables.map(|line| line.chars().count()).max();
        assert!(widest <= Some(columns), "{columns}:\n{text}");
        let Some(text) = in_terminal(&place, columns, "NO_COLOR=1", &format!("-q {sweep}")) else {
            return;
        };
        assert!(wide(&text) <= columns, "{columns}:\n{text}");
        assert!(!text.contains("|---") && text.contains("-----"), "{text}");
        assert_eq!(place.ok(&args), piped);
        // Every number of the Markdown form.
        for number in piped.split_whitespace().filter(|word| word.contains("0.")) {
            let number = number.trim_matches(|c: char| !c.is_ascii_digit());
            assert!(text.contains(number), "{number} of {columns}:\n{text}");
        }
    }
}
