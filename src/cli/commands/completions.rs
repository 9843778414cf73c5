//! `blendfuse completions`.

use clap::Args;
use clap_complete::{Shell, generate};

use crate::Result;
use crate::cli::output::console;
use crate::cli::program;

/// Print what a shell needs to complete commands and flags
///
/// Completes commands, flags, keys of the configuration after --set and --param, and the values of
/// flags that have a fixed set of them.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse completions bash \\
      > ~/.local/share/bash-completion/completions/blendfuse
  blendfuse completions zsh > ~/.zfunc/_blendfuse
  blendfuse completions fish > ~/.config/fish/completions/blendfuse.fish

For zsh, ~/.zfunc stands for a folder in $fpath: put `fpath+=~/.zfunc` before
`autoload -U compinit; compinit` in ~/.zshrc.")]
pub struct Completions {
    /// Shell to print them for
    #[arg(value_enum)]
    shell: Shell,
}

/// What bash runs instead of the generated function: after `model.top_k=` its value follows, so no
/// blank is wanted there. (fish knows that by itself.)
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

/// The same for zsh: keys without a blank after them.
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
