//! The exit codes, for the help and the manual page of every command.

use clap::Command;

/// The codes with their meanings.
pub const EXIT_CODES: [(u8, &str); 4] = [
    (0, "success"),
    (1, "failed while running"),
    (2, "wrong usage or bad input"),
    (130, "interrupted"),
];

/// Adds them to the end of a command's help.
pub fn in_help(command: Command) -> Command {
    let codes = of(&command).map(|(code, meaning)| format!("{code} {meaning}"));
    let [first @ .., last] = &codes;
    let line = format!("{IN_HELP}{},\n            {last}", first.join(", "));
    let text = match command.get_after_help() {
        Some(before) => format!("{before}\n\n{line}"),
        None => line,
    };
    command.after_help(text)
}

/// The codes of a command.
fn of(command: &Command) -> [(u8, String); 4] {
    let resumes = resumes(command);
    EXIT_CODES.map(|(code, meaning)| match code {
        130 if resumes => (
            code,
            format!("{meaning} (state saved; continue with --resume)"),
        ),
        _ => (code, meaning.to_owned()),
    })
}

/// Whether a command, or one of its subcommands, can be resumed.
fn resumes(command: &Command) -> bool {
    let mut flags = command.get_arguments();
    flags.any(|flag| flag.get_long() == Some("resume")) || command.get_subcommands().any(resumes)
}

/// As a section of a manual page.
pub fn in_manual(command: &Command) -> String {
    let codes = of(command).map(|(code, meaning)| {
        let meaning = meaning.replace('-', "\\-");
        format!(".TP\n{code}\n{meaning}\n")
    });
    format!(".SH \"EXIT STATUS\"\n{}", codes.concat())
}

/// The start of the line in the help that [`in_manual`] replaces.
pub const IN_HELP: &str = "Exit codes: ";
