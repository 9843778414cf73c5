//! Ctrl-C, SIGTERM and SIGHUP: the first signal makes training save its state and stop, the second
//! ends the process at once.

use std::sync::OnceLock;

use super::flags::common::quoted;
use super::invocation;
use super::output::console;
use crate::train::Stop;

/// The conventional exit code after Ctrl-C.
pub const EXIT_CODE: u8 = 130;

static STOP: OnceLock<Stop> = OnceLock::new();

/// Installs the signal handler and returns the cancellation flag that it sets. Before the first call a
/// signal ends the process, as in commands that have nothing to save.
pub fn stop_on_signal() -> Stop {
    let first = STOP.get().is_none();
    let stop = STOP.get_or_init(Stop::default);
    if first {
        let asked = stop.clone();
        let handled = ctrlc::set_handler(move || {
            if asked.is_asked() {
                // Files are written atomically, so it is safe to exit at any time.
                std::process::exit(EXIT_CODE.into());
            }
            asked.ask();
            console::line("interrupted: saving the state (interrupt again to quit at once)");
        });
        if let Err(error) = handled {
            console::warning(&format!("an interruption will lose unsaved work ({error})"));
        }
    }
    stop.clone()
}

/// The command line that resumes the interrupted work.
pub fn resume_command() -> String {
    let args = invocation::arguments().into_iter();
    let mut words: Vec<String> = args.map(|word| quoted(word.as_ref())).collect();
    if !words.iter().any(|word| word == "--resume") {
        words.push("--resume".into());
    }
    format!("blendfuse {}", words.join(" "))
}
