//! The commands in `blendfuse --help`, grouped by stage of work.

use clap::Command;

/// Stages with their commands, in the order in which they are used.
const STAGES: [(&str, &[&str]); 6] = [
    ("Getting started", &["demo", "synth"]),
    (
        "Prepare a data folder",
        &[
            "extract",
            "aggregate",
            "openface",
            "vectors",
            "inspect",
            "folds",
        ],
    ),
    ("Train a model", &["train", "cv", "tune"]),
    (
        "Run experiments",
        &[
            "repro", "baseline", "ablate", "sweep", "plan", "work", "status", "collect",
        ],
    ),
    (
        "Use and explain a model",
        &[
            "predict", "decode", "evaluate", "compare", "explain", "analyze", "report", "export",
        ],
    ),
    (
        "Program and machine",
        &["config", "bench", "completions", "man"],
    ),
];

/// Orders the commands by stage, and lists them by stage in the help.
pub fn in_help(mut program: Command) -> Command {
    let styles = program.get_styles().clone();
    let (header, literal) = (styles.get_header(), styles.get_literal());
    let commands: Vec<(String, String)> = program
        .get_subcommands()
        .map(|command| {
            let about = command.get_about().map(ToString::to_string);
            (command.get_name().to_owned(), about.unwrap_or_default())
        })
        .collect();
    let widest = commands.iter().map(|(name, _)| name.len()).max();
    let widest = widest.unwrap_or(0);
    let mut text = String::new();
    let mut order = 0;
    for (stage, names) in STAGES {
        text += &format!("{header}{stage}:{header:#}\n");
        for name in names {
            if let Some((name, about)) = commands.iter().find(|(known, _)| known == name) {
                text += &format!("  {literal}{name:<widest$}{literal:#}  {about}\n");
                order += 1;
                program = program.mut_subcommand(name, |command| command.display_order(order));
            }
        }
        text.push('\n');
    }
    program.help_template(format!(
        "{{before-help}}{{about-with-newline}}\n{{usage-heading}} {{usage}}\n\n\
         {text}{header}Options:{header:#}\n{{options}}{{after-help}}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_of_one_stage_and_its_line_fits() {
        let names: Vec<&str> = STAGES
            .iter()
            .flat_map(|(_, names)| *names)
            .copied()
            .collect();
        let program = crate::cli::program();
        for command in program.get_subcommands() {
            let name = command.get_name();
            let times = names.iter().filter(|known| **known == name).count();
            assert_eq!(times, 1, "{name} is of {times} stages");
            let about = command.get_about().unwrap().to_string();
            assert!(about.len() <= 65, "{name}: {} bytes: {about}", about.len());
        }
    }
}
