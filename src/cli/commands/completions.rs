//! `blendfuse completions`.

use clap::Args;
use clap_complete::{Shell, generate};

use crate::Result;
use crate::cli::output::console;
use crate::cli::program;

/// Print the completion script for a shell
///
/// Completes commands, flags, configuration keys after --set and --param, and the values of flags
/// that take a fixed set of them.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse completions bash \\
      > ~/.local/share/bash-completion/completions/blendfuse
  blendfuse completions zsh > ~/.zfunc/_blendfuse
  blendfuse completions fish > ~/.config/fish/completions/blendfuse.fish

For zsh, ~/.zfunc must be in $fpath: put `fpath+=~/.zfunc` before
`autoload -U compinit; compinit` in ~/.zshrc.")]
pub struct Completions {
    /// Shell to print the script for
    #[arg(value_enum)]
    shell: Shell,
}

/// A wrapper around the generated bash function: a value follows `model.top_k=`, so bash must not add
/// a space there. (fish does this by itself.)
const BASH_KEYS: &str = r#"
_blendfuse_keys() {
    _blendfuse "$@"
    if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
        compopt -o nospace
    fi
}
"#;

fn bash(script: &str) -> String {
    let script = script.replace("complete -F _blendfuse ", "complete -F _blendfuse_keys ");
    match script.rfind("\nif [[ ") {
        Some(end) => format!("{}{BASH_KEYS}{}", &script[..end], &script[end..]),
        None => script,
    }
}

/// The same for zsh: no space after keys.
fn zsh(script: &str) -> String {
    let lines = script.lines().map(|line| {
        let keys = line
            .split_once(":(")
            .filter(|(before, _)| {
                before.ends_with("]:KEY=VALUE") || before.ends_with("]:KEY=VALUES")
            })
            .and_then(|(before, after)| Some((before, after.rsplit_once(')')?)));
        match keys {
            Some((before, (keys, after))) => {
                format!("{before}:{{compadd -S \"\" -- {keys}}}{after}\n")
            }
            None => format!("{line}\n"),
        }
    });
    lines.collect()
}

impl Completions {
    /// Prints.
    ///
    /// # Errors
    /// [`crate::Error::Write`].
    pub fn run(&self) -> Result<()> {
        let mut script = Vec::new();
        generate(self.shell, &mut program(), "blendfuse", &mut script);
        let script = String::from_utf8_lossy(&script);
        console::print_raw(&match self.shell {
            Shell::Bash => bash(&script),
            Shell::Zsh => zsh(&script),
            _ => script.into_owned(),
        })
    }
}
