//! All flags of all commands as one table: the same flag means the same everywhere.

use std::collections::BTreeMap;

use clap::{Arg, Command};

use crate::cli::program;

/// Commands whose output is a shell script, not JSON.
const WITHOUT_JSON: [&str; 1] = ["completions"];

/// The first two words of a help text, without trailing punctuation.
fn first_words(help: &str) -> String {
    let words = help.split_whitespace().take(2);
    let words = words.map(|word| word.trim_end_matches([',', ':', ';']));
    words.collect::<Vec<_>>().join(" ")
}

fn value_of(arg: &Arg) -> String {
    if !arg.get_action().takes_values() {
        return String::new();
    }
    let names = arg.get_value_names().unwrap_or_default();
    names.iter().map(ToString::to_string).collect()
}

fn commands() -> Vec<Command> {
    let mut program = program();
    program.build();
    let commands = program.get_subcommands();
    let commands = commands.filter(|command| command.get_name() != "help");
    commands.cloned().collect()
}

#[test]
fn a_flag_has_one_value_and_one_meaning_in_every_command() {
    let mut known: BTreeMap<String, (String, String)> = BTreeMap::new();
    let mut wrong = Vec::new();
    for command in commands() {
        for arg in command.get_arguments() {
            let value = value_of(arg);
            let name = match arg.get_long() {
                // A folder or a file, depending on the value's name.
                Some("out") => format!("--out {value}"),
                Some(long) => format!("--{long}"),
                None => format!("<{value}>"),
            };
            let place = format!("{} {name}", command.get_name());
            let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
            if help.is_empty() {
                wrong.push(format!("{place}: no help"));
            }
            if name == "--json" {
                if !(help.starts_with("Print ") && help.ends_with(" as one JSON object on stdout"))
                {
                    wrong.push(format!("{place}: {help}"));
                }
                continue;
            }
            let meaning = format!("{value}: {}", first_words(&help));
            let (first, expected) = known
                .entry(name)
                .or_insert_with(|| (place.clone(), meaning.clone()));
            if *expected != meaning {
                wrong.push(format!("{place}: {meaning}; {first}: {expected}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_value_of_out_says_whether_it_is_a_folder_or_a_file() {
    for command in commands() {
        for arg in command.get_arguments() {
            let value = value_of(arg);
            if arg.get_long() == Some("out") {
                let well = value == "DIR" || value == "FILE" || value.starts_with("FILE.");
                assert!(well, "{} --out {value}", command.get_name());
            }
        }
    }
}

#[test]
fn every_command_has_json_and_quiet() {
    for command in commands() {
        let has = |flag: &str| {
            command
                .get_arguments()
                .any(|arg| arg.get_long() == Some(flag))
        };
        let name = command.get_name();
        assert_eq!(has("json"), !WITHOUT_JSON.contains(&name), "{name}");
        assert!(has("quiet"), "{name}");
    }
}

/// A terminal has 80 columns; longer lines would wrap anywhere.
#[test]
fn texts_after_the_flags_fit_a_terminal_and_list_the_exit_codes() {
    let mut wide = Vec::new();
    for command in commands().into_iter().chain([program()]) {
        let text = command.get_after_help().map(ToString::to_string);
        let text = text.unwrap_or_default();
        let name = command.get_name();
        let last = text.lines().rev().nth(1).unwrap_or_default();
        assert!(
            last.starts_with(super::exit_codes::IN_HELP),
            "{name}: {last}"
        );
        let lines = text.lines().filter(|line| line.chars().count() > 80);
        wide.extend(lines.map(|line| format!("{name}: {line}")));
    }
    assert!(wide.is_empty(), "{}", wide.join("\n"));
}
