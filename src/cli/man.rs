//! `blendfuse man`.

use std::io::Write;
use std::path::PathBuf;

use clap::{Args, CommandFactory};
use clap_mangen::Man as Page;

use super::args::{check_new_folder, quoted};
use super::{Cli, console};
use crate::{Error, Result};

/// Write the manual pages
///
/// One page for the program and one for each command, made from the same text as --help.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse man --out man1 && man -l man1/blendfuse-train.1
  blendfuse man --out pages && cp pages/*.1 ~/.local/share/man/man1/")]
pub struct Man {
    /// Folder for the pages; made if need be, refused if it holds anything
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// The page with the text after the flags in lines as they are: filled, commands would break anywhere.
fn examples_as_they_stand(page: &str) -> String {
    let Some((before, after)) = page.split_once(".SH EXTRA\n") else {
        return page.to_owned();
    };
    let (text, rest) = match after.find("\n.SH ") {
        Some(end) => after.split_at(end + 1),
        None => (after, ""),
    };
    format!("{before}.SH NOTES\n.nf\n{text}.fi\n{rest}")
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
        let mut program = Cli::command();
        program.build();
        let commands = program.get_subcommands().filter(|c| c.get_name() != "help");
        let pages = commands.map(|command| {
            let name = format!("blendfuse-{}", command.get_name());
            (name.clone(), command.clone().name(name))
        });
        let mut pages: Vec<_> = pages.collect();
        pages.push(("blendfuse".into(), program.clone()));
        for (name, command) in &pages {
            let path = self.out.join(format!("{name}.1"));
            let mut page = Vec::new();
            let rendered = Page::new(command.clone()).render(&mut page);
            rendered.map_err(|source| Error::Write {
                path: path.clone(),
                source,
            })?;
            let page = examples_as_they_stand(&String::from_utf8_lossy(&page));
            crate::atomic::write(&path, |out| out.write_all(page.as_bytes()))?;
        }
        console::print(&format!(
            "wrote {} pages into {}\n",
            pages.len(),
            quoted(&self.out)
        ))
    }
}
