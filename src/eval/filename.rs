//! What the challenge's clip names say: actor, emotions and saliences.
//!
//! `A102_ang_int1_ver1` (single, with an intensity), `A303_neu_sit2_ver1` (single, with a
//! situation), `A102_mix_ang_disg_70_30_ver1` (blend).

use crate::data::label::{Blend, Classes, Part};
use crate::suggest::meant;
use crate::{Error, Result};

/// How far the saliences of a name may be from 100 together.
const SUM_TOLERANCE: f64 = 0.1;

/// The truth that a clip's name tells, as BlEmoRE's `parse_filename` reads it: parts between `_`;
/// a second part `mix` announces two emotions, their saliences in percent and a version, anything
/// else is one emotion, an intensity or situation and a version. Folders before the name (`/` or
/// `\`) and anything after the version's digit (such as `.mov`) do not matter.
///
/// Stricter than the official parser, which lets these pass and scores nonsense: unknown emotions,
/// an emotion mixed with itself, an empty second emotion, saliences that are no numbers above 0 or
/// do not sum to 100 (within 0.1).
///
/// # Errors
/// [`Error::Data`] naming the clip, what is wrong with it and the form expected. The names of the
/// challenge's test clips (`test_0001.mov`) tell nothing and are such an error.
pub fn truth(name: &str, classes: &Classes) -> Result<Blend> {
    let base = name.rsplit(['/', '\\']).next().unwrap_or(name);
    let parts: Vec<&str> = base.split('_').collect();
    let found = match parts[..] {
        [_, "mix", first, second, share_1, share_2, version, ..] => {
            version_of(version).and_then(|()| blend([first, second], [share_1, share_2], classes))
        }
        [_, "mix", ..] => Err("a blend's name has seven parts between `_`".to_owned()),
        [_, emotion, _, version, ..] => version_of(version)
            .and_then(|()| class_of(emotion, classes))
            .map(Blend::single),
        _ => Err("a name that tells its emotion has four parts between `_`".to_owned()),
    };
    found.map_err(|reason| {
        Error::Data(format!(
            "clip `{name}`: {reason}; expected a name like A102_ang_int1_ver1 or \
             A102_mix_ang_disg_70_30_ver1"
        ))
    })
}

type Found<T> = std::result::Result<T, String>;

/// The official parser reads the fourth character of `ver1`.
fn version_of(part: &str) -> Found<()> {
    match part.chars().nth(3) {
        Some(_) => Ok(()),
        None => Err(format!("`{part}` is not a version")),
    }
}

fn class_of(emotion: &str, classes: &Classes) -> Found<usize> {
    classes.index(emotion).ok_or_else(|| {
        let names = classes.names();
        let meant = meant(emotion, names.iter().map(String::as_str));
        format!(
            "unknown emotion `{emotion}` (known: {}){meant}",
            names.join(", ")
        )
    })
}

fn blend(emotions: [&str; 2], shares: [&str; 2], classes: &Classes) -> Found<Blend> {
    let [first, second] = emotions;
    if first == second {
        return Err(format!("`{first}` is mixed with itself"));
    }
    let part = |emotion: &str, share: &str| -> Found<Part> {
        let salience: f64 = share.parse().unwrap_or(f64::NAN);
        if !(salience.is_finite() && salience > 0.0) {
            return Err(format!("`{share}` is not a salience in percent"));
        }
        let class = class_of(emotion, classes)?;
        Ok(Part { class, salience })
    };
    let parts = vec![part(first, shares[0])?, part(second, shares[1])?];
    let sum = parts[0].salience + parts[1].salience;
    if (sum - 100.0).abs() <= SUM_TOLERANCE {
        Ok(Blend::new(parts))
    } else {
        Err(format!("the saliences sum to {sum}, not 100"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str) -> Vec<(usize, f64)> {
        let blend = truth(name, &Classes::challenge()).unwrap();
        let parts = blend.parts().iter();
        parts.map(|part| (part.class, part.salience)).collect()
    }

    #[test]
    fn reads_singles_and_blends_with_and_without_folder_and_extension() {
        for name in [
            "A102_ang_int1_ver1",
            "clips/A102_ang_int1_ver1.mov",
            "A102_ang_sit2_ver10",
        ] {
            assert_eq!(shown(name), [(0, 100.0)], "{name}");
        }
        for name in [
            "A1_mix_ang_disg_70_30_ver1",
            r"face_aligned\A1_mix_disg_ang_30_70_ver2.MOV",
        ] {
            assert_eq!(shown(name), [(0, 70.0), (1, 30.0)], "{name}");
        }
        assert_eq!(shown("face_aligned/A303_neu_sit2_ver1"), [(5, 100.0)]);
    }

    #[test]
    fn tells_what_is_wrong_with_other_names() {
        for (name, part) in [
            ("test_0001.mov", "four parts"),
            ("", "four parts"),
            ("A102_mix_ang_hap_30_70", "seven parts"),
            ("A102_ang_int1_ver", "`ver` is not a version"),
            ("A1_mix_ang_hap_30_70_ver", "`ver` is not a version"),
            ("A1_mix_ang_hap_xx_yy_ver1", "`xx` is not a salience"),
            ("A1_mix_ang_hap_NaN_50_ver1", "`NaN` is not a salience"),
            ("A1_mix_ang_hap_0_100_ver1", "`0` is not a salience"),
            ("A1_mix_ang_hap_70_70_ver1", "sum to 140"),
            ("A1_mix_ang_ang_70_30_ver1", "mixed with itself"),
            ("A1_mix_ang__70_30_ver1", "unknown emotion ``"),
            ("A102_surprise_int1_ver1", "unknown emotion `surprise`"),
        ] {
            let error = truth(name, &Classes::challenge()).unwrap_err().to_string();
            assert!(error.contains(part), "{name}: {error}");
            assert!(error.contains(&format!("`{name}`")), "{error}");
        }
    }
}
