//! "Did you mean": suggestions for unknown names and paths.

use std::path::{Component, Path, PathBuf};

/// The similarity of two names, from 0 to 1, from which one is suggested for the other. Below it, a wrong
/// suggestion would do more harm than none.
const NEAR: f64 = 0.72;

/// Most names that a message lists.
const LISTED: usize = 40;

/// The known name that was meant, where one is near enough; the first of equally near ones.
///
/// Case is ignored. Names are similar too if one starts with the other (`happiness`, `hap`), consists of
/// its initials (`learning_rate`, `lr`), or contains its words (`epochs`, `max_epochs`).
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let mut best: Option<(&str, f64)> = None;
    for candidate in known {
        let alike = alike(name, candidate);
        if alike >= NEAR && best.is_none_or(|(_, most)| alike > most) {
            best = Some((candidate, alike));
        }
    }
    best.map(|(candidate, _)| candidate)
}

/// `; did you mean NAME?` for a name that does not exist, where a near one does; for a message that
/// already tells what there is.
pub fn meant<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let meant = nearest(name, known);
    meant.map_or_else(String::new, |meant| format!("; did you mean {meant}?"))
}

/// What ends a message about a name that does not exist: the one that was meant, and those that there
/// are. Begins with `; `.
pub fn instead<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    if known.is_empty() {
        return "; there are none".into();
    }
    let more = match known.len().saturating_sub(LISTED) {
        0 => String::new(),
        more => format!(", … and {more} more"),
    };
    let listed = known[..known.len().min(LISTED)].join(", ");
    match nearest(name, known.iter().copied()) {
        Some(meant) => format!("; did you mean {meant}? found: {listed}{more}"),
        None => format!("; found: {listed}{more}"),
    }
}

/// The path that was meant by one that does not exist: the same with its first missing part replaced
/// by what stands there under a near name. `None` where nothing near stands there, or the rest of the
/// path is missing too.
pub fn nearest_path(path: &Path) -> Option<PathBuf> {
    let mut there = PathBuf::new();
    let mut parts = path.components();
    for part in parts.by_ref() {
        let with = there.join(part);
        if with.exists() {
            there = with;
            continue;
        }
        let Component::Normal(missing) = part else {
            return None;
        };
        let missing = missing.to_str()?;
        let folder = if there.as_os_str().is_empty() {
            Path::new(".")
        } else {
            &there
        };
        let entries = std::fs::read_dir(folder).ok()?;
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        // The order of directory entries is arbitrary.
        names.sort();
        let rest = parts.as_path();
        let whole = |name: &str| {
            let found = there.join(name);
            if rest.as_os_str().is_empty() {
                found
            } else {
                found.join(rest)
            }
        };
        names.retain(|name| whole(name).exists());
        return nearest(missing, names.iter().map(String::as_str)).map(whole);
    }
    None
}

/// `; did you mean PATH?` for a path that does not exist, where something near it does.
pub fn path_instead(path: &Path) -> String {
    nearest_path(path).map_or_else(String::new, |meant| {
        format!("; did you mean {}?", meant.display())
    })
}

/// The similarity of two names, from 0 to 1.
fn alike(name: &str, known: &str) -> f64 {
    let (name, known) = (name.to_lowercase(), known.to_lowercase());
    if name == known {
        return 1.0;
    }
    let begins = |long: &str, short: &str| short.chars().count() >= 2 && long.starts_with(short);
    let initials = |words: &str| -> String {
        let words = words.split(['_', '-']).filter(|word| !word.is_empty());
        words.filter_map(|word| word.chars().next()).collect()
    };
    let same_initials = known.chars().count() >= 2 && initials(&name) == known;
    if begins(&name, &known) || begins(&known, &name) || same_initials {
        return 0.95;
    }
    let words = |text: &str| -> Vec<String> {
        let words = text.split(['_', '-']).map(str::to_owned);
        words.filter(|word| word.chars().count() > 1).collect()
    };
    let (of_name, of_known) = (words(&name), words(&known));
    if !of_name.is_empty() && of_name.iter().all(|word| of_known.contains(word)) {
        return 0.9;
    }
    // One slip, or two letters swapped, is one slip in a short name too.
    if known.chars().count() >= 3 && strsim::damerau_levenshtein(&name, &known) == 1 {
        return 0.85;
    }
    let slips = strsim::normalized_damerau_levenshtein(&name, &known);
    strsim::jaro(&name, &known).max(slips)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_the_one_that_was_meant() {
        let encoders = ["clip", "openface2", "wavlm_large", "hicmae"];
        for (name, meant) in [
            ("clpi", Some("clip")),
            ("CLIP", Some("clip")),
            ("openface", Some("openface2")),
            ("wavlm", Some("wavlm_large")),
            ("wavlm-large", Some("wavlm_large")),
            ("hubert", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, encoders), meant, "{name}");
        }
        let classes = ["ang", "disg", "fea", "hap", "sad", "neu"];
        for (name, meant) in [
            ("happiness", Some("hap")),
            ("neutral", Some("neu")),
            ("SAD", Some("sad")),
            ("nue", Some("neu")),
            ("joy", None),
        ] {
            assert_eq!(nearest(name, classes), meant, "{name}");
        }
        assert_eq!(nearest("learning_rate", ["lr", "min_lr"]), Some("lr"));
        assert_eq!(
            nearest("epochs", ["seed", "max_epochs"]),
            Some("max_epochs")
        );
        assert_eq!(nearest("a", []), None);
    }

    #[test]
    fn a_message_ends_with_what_was_meant_and_what_there_is() {
        let known = ["clip", "hicmae"];
        assert_eq!(
            instead("clpi", known),
            "; did you mean clip? found: clip, hicmae"
        );
        assert_eq!(instead("x", known), "; found: clip, hicmae");
        assert_eq!(instead("x", []), "; there are none");
        let many = vec!["abc"; LISTED + 2];
        assert!(instead("x", many).ends_with(", … and 2 more"));
    }

    #[test]
    fn a_path_is_mended_at_its_first_missing_part() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        std::fs::create_dir_all(at("data/features")).unwrap();
        std::fs::write(at("data/train_metadata.csv"), "").unwrap();
        std::fs::create_dir_all(at("dat_")).unwrap();
        assert_eq!(
            nearest_path(&at("dtaa/train_metadata.csv")),
            Some(at("data/train_metadata.csv"))
        );
        assert_eq!(nearest_path(&at("data/fetures")), Some(at("data/features")));
        assert_eq!(nearest_path(&at("data/fetures/none")), None);
        assert_eq!(nearest_path(&at("data/features")), None);
        assert_eq!(nearest_path(&at("zzz")), None);
    }
}
