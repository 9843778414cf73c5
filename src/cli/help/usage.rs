//! Advice that is added to clap's usage errors.

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Command, Error};

use crate::cli::invocation;
use crate::config::Config;
use crate::suggest::nearest;

/// Suggests `--set` for a flag that is a configuration key (`--lr 1e-3`), and the nearest command where
/// clap suggests none (`help trian`).
pub fn with_advice(mut error: Error, program: &Command) -> Error {
    if error.kind() == ErrorKind::InvalidSubcommand {
        let known_better = error.get(ContextKind::SuggestedSubcommand).is_some();
        let given = match error.get(ContextKind::InvalidSubcommand) {
            Some(ContextValue::String(given)) if !known_better => given.clone(),
            _ => return error,
        };
        let commands = program.get_subcommands().map(Command::get_name);
        if let Some(meant) = nearest(&given, commands) {
            let meant = ContextValue::Strings(vec![meant.to_owned()]);
            error.insert(ContextKind::SuggestedSubcommand, meant);
        }
        return error;
    }
    let unknown = error.kind() == ErrorKind::UnknownArgument;
    let known_better = error.get(ContextKind::SuggestedArg).is_some();
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    if !unknown || known_better || !takes_settings(program) {
        return error;
    }
    let wanted = flag.trim_start_matches('-').replace('-', "_");
    let keys: Vec<String> = Config::keys().into_iter().map(|(key, _)| key).collect();
    let lasts = keys.iter().map(|key| key.rsplit('.').next().unwrap_or(key));
    let meant = nearest(&wanted, lasts.clone());
    let place = meant.and_then(|meant| lasts.clone().position(|last| last == meant));
    if let Some(key) = place.and_then(|place| keys.get(place)) {
        let tip = format!("settings are given with --set: --set {key}=VALUE");
        let tips = ContextValue::StyledStrs(vec![tip.into()]);
        error.insert(ContextKind::Suggested, tips);
    }
    error
}

/// Whether the command that was called has `--set`.
fn takes_settings(program: &Command) -> bool {
    let mut words = invocation::arguments().into_iter();
    let command = words.find_map(|word| program.find_subcommand(word));
    command.is_some_and(|command| {
        let mut flags = command.get_arguments();
        flags.any(|flag| flag.get_long() == Some("set"))
    })
}
