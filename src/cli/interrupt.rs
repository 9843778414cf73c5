//! Ctrl-C, SIGTERM and SIGHUP: the first one asks the training to save its state and end, a second
//! one ends the process at once.

use std::sync::OnceLock;

use super::flags::common::quoted;
use super::output::console;
use crate::train::Stop;

/// What a shell says of a process that Ctrl-C ended.
pub const EXIT_CODE: u8 = 130;

static STOP: OnceLock<Stop> = OnceLock::new();

/// From now on an interruption is a wish that whoever is given this heeds. Before the first call it
/// ends the process, as in commands that have nothing to save.
pub fn heeded() -> Stop {
    let first = STOP.get().is_none();
    let stop = STOP.get_or_init(Stop::default);
    if first {
        let asked = stop.clone();
        let handled = ctrlc::set_handler(move || {
            if asked.is_asked() {
                // Files appear whole or not at all, so any moment will do.
                std::process::exit(EXIT_CODE.into());
            }
            asked.ask();
            console::line("interrupted: saving the state (once more ends at once)");
        });
        if let Err(error) = handled {
            console::warning(&format!(
                "an interruption will lose what is not saved yet ({error})"
            ));
        }
    }
    stop.clone()
}

/// The command line that goes on with the interrupted work.
pub fn command_to_go_on() -> String {
    let args = std::env::args_os().skip(1);
    let mut words: Vec<String> = args.map(|word| quoted(word.as_ref())).collect();
    if !words.iter().any(|word| word == "--resume") {
        words.push("--resume".into());
    }
    format!("blendfuse {}", words.join(" "))
}
