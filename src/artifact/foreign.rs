//! Files and names of weights that other programs write, recognised to say what they are.

/// What a file that is not safetensors seems to be, and what to do with it.
pub(super) fn format(bytes: &[u8]) -> Option<&'static str> {
    let starts: [(&[u8], &str); 5] = [
        (
            b"PK\x03\x04",
            "a zip, such as PyTorch's .pt; save the weights with safetensors.torch.save_file(model.state_dict(), path)",
        ),
        (
            b"\x80",
            "a pickle, such as an old .pt of PyTorch, which is never unpickled; save the weights with safetensors.torch.save_file(model.state_dict(), path)",
        ),
        (
            b"\x89HDF",
            "HDF5, such as Keras writes; save the weights with safetensors",
        ),
        (
            b"\x93NUMPY",
            "a NumPy array; save the weights with safetensors",
        ),
        (b"{", "JSON; give the .safetensors file"),
    ];
    // The length of a header that safetensors begins with has zeros here.
    if bytes.get(4..8) == Some(&[0; 4]) {
        return None;
    }
    let found = starts.iter().find(|(start, _)| bytes.starts_with(start));
    found.map(|&(_, what)| what)
}

/// Why names do not fit if all of them are those of a model behind the same first word, such as
/// `module.` or `model.`.
pub(super) fn prefix<'a>(
    names: impl Iterator<Item = &'a str> + Clone,
    is_known: impl Fn(&str) -> bool,
) -> Option<String> {
    let first = names.clone().next()?;
    let (word, _) = first.split_once('.')?;
    let prefix = format!("{word}.");
    let mut known = false;
    for name in names {
        known |= is_known(name.strip_prefix(&prefix)?);
        if is_known(name) {
            return None;
        }
    }
    let by = match word {
        "module" => ", as torch.nn.DataParallel writes them",
        "_orig_mod" => ", as torch.compile writes them",
        _ => "",
    };
    known.then(|| {
        format!(
            "every name begins with {prefix:?}{by}; save it without: {{name.removeprefix({prefix:?}): x for name, x in state_dict.items()}}"
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_common_prefix_before_known_names_is_named() {
        let known = |name: &str| ["a.weight", "a.bias"].contains(&name);
        let prefixed = |names: &[&str]| prefix(names.iter().copied(), known);
        let text = prefixed(&["module.a.weight", "module.a.bias", "module.more"]).unwrap();
        assert!(
            text.contains("\"module.\", as torch.nn.DataParallel"),
            "{text}"
        );
        assert!(prefixed(&["model.a.weight"]).is_some());
        for names in [
            &["a.weight", "a.bias"][..],
            &["model.a.weight", "a.bias"],
            &["model.b.weight"],
            &["weight"],
            &[],
        ] {
            assert_eq!(prefixed(names), None, "{names:?}");
        }
    }

    #[test]
    fn files_of_other_programs_are_named() {
        assert!(format(b"PK\x03\x04...").unwrap().contains(".pt"));
        assert!(format(b"\x80\x02c").unwrap().contains("pickle"));
        assert_eq!(format(b"\x80\x02\0\0\0\0\0\0{}"), None);
        assert_eq!(format(b"\x10\0\0\0\0\0\0\0{}"), None);
    }
}
