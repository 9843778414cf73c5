//! Output: results on stdout, everything else on stderr, one line each; coloured on terminals unless
//! colours are disabled; less with `--quiet`.

use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use anstream::{AutoStream, ColorChoice};
use anstyle::{AnsiColor, Style};
use serde::Serialize;
use terminal_size::{Height, Width, terminal_size_of};

use crate::report::Table;
use crate::report::terminal;
use crate::{Error, Result};

/// Of errors.
const ERROR: Style = AnsiColor::Red.on_default().bold();
/// Of warnings.
const WARNING: Style = AnsiColor::Yellow.on_default().bold();
/// Of notes.
const NOTE: Style = AnsiColor::Cyan.on_default().bold();

/// Whether progress and notes are suppressed.
static QUIET: AtomicBool = AtomicBool::new(false);

/// Suppresses progress and notes from now on; errors and warnings remain.
pub fn set_quiet() {
    QUIET.store(true, Ordering::Relaxed);
}

/// Whether progress and notes are suppressed.
pub fn is_quiet() -> bool {
    QUIET.load(Ordering::Relaxed)
}

/// Prints a result; on a terminal, long lines are wrapped between words.
///
/// # Errors
/// As [`print_raw`].
pub fn print(text: &str) -> Result<()> {
    match width() {
        Some(width) => print_raw(&wrapped(text, width)),
        None => print_raw(text),
    }
}

/// Wraps lines wider than the terminal, except commands: those are meant to be copied.
fn wrapped(text: &str, width: usize) -> String {
    let lines = text.lines().map(|line| {
        let words = line.trim_start();
        if words.contains("blendfuse ") {
            return format!("{line}\n");
        }
        let mark = if words.starts_with("- ") { 2 } else { 0 };
        let indent = " ".repeat(line.len() - words.len() + mark);
        let lines = terminal::hanging_indent(line, width, &indent);
        lines.iter().map(|line| format!("{line}\n")).collect()
    });
    lines.collect()
}

/// Prints text for another program, unchanged. A closed pipe (`| head`) is not an error.
///
/// # Errors
/// [`Error::Write`] if stdout cannot be written for another reason.
pub fn print_raw(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    match written {
        Err(source) if source.kind() != io::ErrorKind::BrokenPipe => Err(Error::Write {
            path: PathBuf::from("standard output"),
            source,
        }),
        _ => Ok(()),
    }
}

/// Prints a result as one JSON object.
///
/// # Errors
/// As [`print`].
pub fn print_json(value: &impl Serialize) -> Result<()> {
    let text = serde_json::to_string_pretty(value).map_err(|error| Error::Write {
        path: PathBuf::from("standard output"),
        source: error.into(),
    })?;
    print_raw(&(text + "\n"))
}

/// Formats tables: fitted to the width of a terminal, otherwise as Markdown.
pub fn tables(tables: &[&Table]) -> String {
    let stdout = io::stdout();
    let Some(width) = width() else {
        let tables: Vec<String> = tables.iter().map(|table| table.markdown()).collect();
        return tables.join("\n");
    };
    let bold = match AutoStream::choice(&stdout) {
        ColorChoice::Never => Style::new(),
        _ => Style::new().bold(),
    };
    let fitted = tables
        .iter()
        .map(|table| terminal::fitted(table, width, bold));
    fitted.collect::<Vec<_>>().join("\n")
}

/// The width of a terminal; `None` if it is not one.
fn width_of(size: Option<(Width, Height)>) -> Option<usize> {
    size.map(|(Width(width), _)| usize::from(width))
}

/// The width of the terminal on stdout, if it is one.
pub fn width() -> Option<usize> {
    width_of(terminal_size_of(io::stdout()))
}

/// A line on stderr, even with `--quiet`.
pub fn line(text: &str) {
    // If stderr is gone, nothing can be reported.
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// Progress: a line on stderr, unless `--quiet`.
pub fn progress(text: &str) {
    if !is_quiet() {
        line(text);
    }
}

/// A warning: something to know before trusting the results.
pub fn warning(text: &str) {
    labelled("warning:", WARNING, text);
}

/// A note that explains a result, unless `--quiet`.
pub fn note(text: &str) {
    if !is_quiet() {
        labelled("note:", NOTE, text);
    }
}

/// An error.
pub fn error(text: &str) {
    labelled("error:", ERROR, text);
}

/// One line that begins with a word in colour, if stderr shows colours: respects NO_COLOR, CLICOLOR,
/// CLICOLOR_FORCE and TERM.
fn labelled(word: &str, style: Style, text: &str) {
    let stderr = io::stderr();
    let text = text.replace(['\n', '\r'], " ");
    let mut text = format!("{word} {text}");
    if let Some(width) = width_of(terminal_size_of(&stderr)) {
        text = terminal::hanging_indent(&text, width, "").join("\n");
    }
    let plain = AutoStream::choice(&stderr) == ColorChoice::Never;
    let style = if plain { Style::new() } else { style };
    match text.strip_prefix(word) {
        Some(text) => line(&format!("{style}{word}{style:#}{text}")),
        None => line(&text),
    }
}
