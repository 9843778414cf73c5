//! `blendfuse completions`.

use clap::{Args, CommandFactory};
use clap_complete::{Shell, generate};

use super::{Cli, console};
use crate::Result;

/// Print the completions of a shell
///
/// Commands, flags and the values of flags that have a fixed set of them.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse completions bash > ~/.local/share/bash-completion/completions/blendfuse
  blendfuse completions zsh > ~/.zfunc/_blendfuse               (a folder in $fpath)
  blendfuse completions fish > ~/.config/fish/completions/blendfuse.fish")]
pub struct Completions {
    /// The shell
    #[arg(value_enum)]
    shell: Shell,
}

impl Completions {
    /// Prints.
    ///
    /// # Errors
    /// [`crate::Error::Write`].
    pub fn run(&self) -> Result<()> {
        let mut script = Vec::new();
        generate(self.shell, &mut Cli::command(), "blendfuse", &mut script);
        console::print(&String::from_utf8_lossy(&script))
    }
}
