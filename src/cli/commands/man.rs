//! `blendfuse man`.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Command};
use clap_mangen::Man as Page;
use serde_json::json;

use crate::cli::flags::common::{check_new_folder, quoted};
use crate::cli::help::exit_codes;
use crate::cli::output::console;
use crate::cli::program;
use crate::{Error, Result};

/// Write the manual pages
///
/// One page for the program and one per command, with the same text as --help.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse man --out man1 && man -l man1/blendfuse-train.1
  blendfuse man --out pages && cp pages/*.1 ~/.local/share/man/man1/")]
pub struct Man {
    /// Folder for the pages; created if needed, must be empty
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print what was written as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// A page by clap_mangen, with these changes: the usage is that of the help, the text after the flags
/// keeps its lines (filling would break commands anywhere), and the exit codes are a separate section.
fn page(name: &str, command: &Command) -> io::Result<String> {
    let usage = command.clone().render_usage().to_string();
    let usage = usage.trim_start_matches("Usage: ").replace('-', "\\-");
    let page = Page::new(command.clone().name(name.to_owned()));
    let mut out = Vec::new();
    page.render_title(&mut out)?;
    page.render_name_section(&mut out)?;
    writeln!(out, ".SH SYNOPSIS\n{usage}")?;
    page.render_description_section(&mut out)?;
    page.render_options_section(&mut out)?;
    if command.has_subcommands() {
        page.render_subcommands_section(&mut out)?;
    }
    let mut after = Vec::new();
    page.render_extra_section(&mut after)?;
    let after = String::from_utf8_lossy(&after);
    // Without the heading and the exit codes.
    let after = after.split_once(".SH EXTRA\n").map_or("", |(_, text)| text);
    let text = after.split(exit_codes::IN_HELP).next().unwrap_or_default();
    writeln!(out, ".SH NOTES\n.nf\n{}\n.fi", text.trim_end())?;
    out.write_all(exit_codes::in_manual(command).as_bytes())?;
    if command.get_version().is_some() {
        page.render_version_section(&mut out)?;
    }
    Ok(String::from_utf8_lossy(&out).into_owned())
}

impl Man {
    /// Writes.
    ///
    /// # Errors
    /// [`Error::Data`] for a folder that holds anything; [`Error::Write`].
    pub fn run(&self) -> Result<()> {
        check_new_folder(&self.out, "")?;
        std::fs::create_dir_all(&self.out).map_err(|source| Error::Write {
            path: self.out.clone(),
            source,
        })?;
        let mut program = program().disable_help_subcommand(true);
        program.build();
        let commands = program.get_subcommands();
        let commands =
            commands.map(|command| (format!("blendfuse-{}", command.get_name()), command));
        let pages = commands.chain([("blendfuse".to_owned(), &program)]);
        let mut names = Vec::new();
        for (name, command) in pages {
            let path = self.out.join(format!("{name}.1"));
            let text = page(&name, command).map_err(|source| Error::Write {
                path: path.clone(),
                source,
            })?;
            crate::files::atomic_file::write(&path, |out| out.write_all(text.as_bytes()))?;
            names.push(name);
        }
        if self.json {
            return console::print_json(&json!({ "out": self.out, "pages": names }));
        }
        console::print(&format!(
            "wrote {} pages into {}\n",
            names.len(),
            quoted(&self.out)
        ))
    }
}
