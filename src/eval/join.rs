//! Joins predictions with true emotions, and reports what is missing on either side.

use std::collections::HashMap;

use crate::data::filename::clip_key;
use crate::data::label::Blend;
use crate::{Error, Result};

/// The clips that have both a prediction and a truth, and the names of the others.
#[derive(Clone, Debug, PartialEq)]
pub struct Joined<'a> {
    /// `(truth, predicted)` in the order of the predictions; what every measure is taken over.
    pub pairs: Vec<(&'a Blend, &'a Blend)>,
    /// Their names as the predictions write them.
    pub names: Vec<&'a str>,
    /// Clips with a truth that nobody predicted. Scores leave them out, as the official code does,
    /// so omitting hard clips raises a score: tell the reader.
    pub missing: Vec<&'a str>,
    /// Predicted clips without a truth; no score counts them.
    pub unknown: Vec<&'a str>,
}

/// Matches predictions with truths by clip name, with or without a media extension on either side.
///
/// # Errors
/// [`Error::Data`] for a clip that is listed twice in one of the lists, and if no predicted clip has
/// a truth (with an example of each side's names).
pub fn join<'a>(
    predictions: &'a [(String, Blend)],
    truths: &'a [(String, Blend)],
) -> Result<Joined<'a>> {
    let predicted = index(predictions, "predictions")?;
    let known = index(truths, "truth")?;
    let mut joined = Joined {
        pairs: Vec::new(),
        names: Vec::new(),
        missing: Vec::new(),
        unknown: Vec::new(),
    };
    for (name, prediction) in predictions {
        match known.get(clip_key(name)) {
            Some(&at) => {
                joined.pairs.push((&truths[at].1, prediction));
                joined.names.push(name);
            }
            None => joined.unknown.push(name),
        }
    }
    let unpredicted = truths.iter().map(|(name, _)| name.as_str());
    joined.missing = unpredicted
        .filter(|name| !predicted.contains_key(clip_key(name)))
        .collect();
    if joined.pairs.is_empty() {
        let example = |list: &[(String, Blend)]| match list.first() {
            Some((name, _)) => format!("`{name}`"),
            None => "nothing".into(),
        };
        return Err(Error::Data(format!(
            "no predicted clip has labels: the predictions name {}, the labels {}",
            example(predictions),
            example(truths)
        )));
    }
    Ok(joined)
}

fn index<'a>(list: &'a [(String, Blend)], what: &str) -> Result<HashMap<&'a str, usize>> {
    let mut places = HashMap::with_capacity(list.len());
    for (place, (name, _)) in list.iter().enumerate() {
        if places.insert(clip_key(name), place).is_some() {
            return Err(Error::Data(format!(
                "clip `{}` is listed twice in the {what}",
                clip_key(name)
            )));
        }
    }
    Ok(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(names: &[&str]) -> Vec<(String, Blend)> {
        let clips = names.iter().enumerate();
        clips
            .map(|(class, name)| (name.to_string(), Blend::single(class)))
            .collect()
    }

    #[test]
    fn joins_by_name_whatever_the_extension_and_tells_what_is_left() {
        let predictions = list(&["b.mov", "x", "a"]);
        let truths = list(&["a.mov", "b", "c", "d.mov"]);
        let joined = join(&predictions, &truths).unwrap();
        assert_eq!(joined.names, ["b.mov", "a"]);
        assert_eq!(joined.pairs[0], (&Blend::single(1), &Blend::single(0)));
        assert_eq!(joined.missing, ["c", "d.mov"]);
        assert_eq!(joined.unknown, ["x"]);
    }

    #[test]
    fn refuses_doubles_and_lists_that_share_no_clip() {
        let error = join(&list(&["a", "a.mov"]), &list(&["a"])).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("`a` is listed twice in the predictions")
        );
        let error = join(&list(&["a"]), &list(&["b", "b"])).unwrap_err();
        assert!(error.to_string().contains("twice in the truth"));
        let error = join(&list(&["a"]), &list(&[])).unwrap_err().to_string();
        assert!(error.contains("name `a`, the labels nothing"), "{error}");
    }
}
