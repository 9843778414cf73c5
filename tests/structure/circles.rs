//! Which file uses which, and where files use each other in a circle.
//!
//! A folder's `mod.rs` and the files below it are one subject in several files, so arrows between
//! them do not count; nor do tests.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::scan::{Token, text, tokens};

/// A module's path below the crate, such as `["eval", "grid"]`.
pub type Module = Vec<String>;

/// Source texts by module. Files that hold tests only are to be left out.
pub type Sources = BTreeMap<Module, String>;

type Arrows = BTreeMap<Module, BTreeSet<Module>>;

/// Groups of modules that use each other, directly or through one another; each group and the list
/// are sorted.
pub fn circles(sources: &Sources) -> Vec<Vec<String>> {
    let arrows = arrows(sources);
    let reach: BTreeMap<&Module, BTreeSet<&Module>> = arrows
        .keys()
        .map(|module| (module, reachable(&arrows, module)))
        .collect();
    let mut found = BTreeSet::new();
    for (module, reached) in &reach {
        if reached.contains(module) {
            let back = |other: &&Module| reach[*other].contains(module);
            let circle: BTreeSet<String> = reached
                .iter()
                .copied()
                .filter(back)
                .map(|module| module.join("::"))
                .collect();
            found.insert(circle);
        }
    }
    found
        .into_iter()
        .map(|circle| circle.into_iter().collect())
        .collect()
}

fn reachable<'a>(arrows: &'a Arrows, from: &Module) -> BTreeSet<&'a Module> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&Module> = arrows[from].iter().collect();
    while let Some(module) = open.pop() {
        if reached.insert(module) {
            open.extend(&arrows[module]);
        }
    }
    reached
}

fn arrows(sources: &Sources) -> Arrows {
    let without_tests: BTreeMap<&Module, Vec<Token>> = sources
        .iter()
        .map(|(module, source)| (module, without_tests(tokens(source))))
        .collect();
    let mut re_exports = HashMap::new();
    for (module, tokens) in &without_tests {
        for path in re_exported(tokens) {
            let mut name = (*module).clone();
            name.extend(path.last().cloned());
            re_exports.insert(name, [(*module).clone(), path].concat());
        }
    }
    let mut arrows = Arrows::new();
    for (module, tokens) in &without_tests {
        let used = paths(tokens, module)
            .into_iter()
            .filter_map(|path| module_of(sources, &re_exports, path))
            .filter(|used| !used.starts_with(module) && !module.starts_with(used));
        arrows.insert((*module).clone(), used.collect());
    }
    arrows
}

/// The file that holds what a path names, re-exports followed.
fn module_of(
    sources: &Sources,
    re_exports: &HashMap<Module, Module>,
    mut path: Module,
) -> Option<Module> {
    for end in 1..=path.len() {
        if let Some(meant) = re_exports.get(&path[..end]) {
            path = [&meant[..], &path[end..]].concat();
            break;
        }
    }
    let ends = (1..=path.len()).rev();
    ends.map(|end| path[..end].to_vec())
        .find(|module| sources.contains_key(module))
}

/// The tokens outside inline modules, which hold tests or a few helpers of the file itself.
fn without_tests(tokens: Vec<Token>) -> Vec<Token> {
    let (mut kept, mut i) = (Vec::new(), 0);
    while i < tokens.len() {
        if tokens[i].text == "mod" && text(&tokens, i + 2) == "{" {
            let mut depth = 0;
            loop {
                match text(&tokens, i) {
                    "{" => depth += 1,
                    "}" => depth -= 1,
                    _ => {}
                }
                i += 1;
                if i >= tokens.len() || (depth == 0 && text(&tokens, i - 1) == "}") {
                    break;
                }
            }
        } else {
            kept.push(tokens[i].clone());
            i += 1;
        }
    }
    kept
}

/// What `pub use child::{X, Y}` in a `mod.rs` gives other names to, relative to the module.
fn re_exported(tokens: &[Token]) -> Vec<Module> {
    let mut found = Vec::new();
    for i in 0..tokens.len() {
        let public =
            text(tokens, i.wrapping_sub(1)) == "pub" || text(tokens, i.wrapping_sub(1)) == ")";
        let relative = !matches!(text(tokens, i + 1), "crate" | "super" | "self" | "std");
        if tokens[i].text == "use" && public && relative {
            found.extend(leaves(tokens, i + 1));
        }
    }
    found
}

/// Paths from the crate's root that `module` names.
fn paths(tokens: &[Token], module: &Module) -> Vec<Module> {
    let mut found = Vec::new();
    for i in 0..tokens.len() {
        if text(tokens, i + 1) != "::" || text(tokens, i.wrapping_sub(1)) == "::" {
            continue;
        }
        let base = match tokens[i].text.as_str() {
            "crate" => &[][..],
            "super" => &module[..module.len().saturating_sub(1)],
            _ => continue,
        };
        let paths = leaves(tokens, i + 2);
        found.extend(paths.into_iter().map(|path| [base, &path].concat()));
    }
    found
}

/// The paths that begin at token `i`, one for each name at the end of a tree `a::{b, c::{d, e}}`.
fn leaves(tokens: &[Token], i: usize) -> Vec<Module> {
    fn tree(tokens: &[Token], mut i: usize, path: &mut Module, found: &mut Vec<Module>) -> usize {
        let depth = path.len();
        loop {
            match text(tokens, i) {
                "{" => {
                    i += 1;
                    while !matches!(text(tokens, i), "}" | "") {
                        i = tree(tokens, i, path, found);
                        while !matches!(text(tokens, i), "," | "}" | "") {
                            i += 1;
                        }
                        if text(tokens, i) == "," {
                            i += 1;
                        }
                    }
                    i += 1;
                    break;
                }
                name => {
                    path.push(name.to_owned());
                    i += 1;
                    if text(tokens, i) != "::" || text(tokens, i + 1) == "<" {
                        found.push(path.clone());
                        break;
                    }
                    i += 1;
                }
            }
        }
        path.truncate(depth);
        i
    }
    let (mut path, mut found) = (Vec::new(), Vec::new());
    tree(tokens, i, &mut path, &mut found);
    found
}

fn sources(files: &[(&str, &str)]) -> Sources {
    let module = |path: &str| path.split("::").map(str::to_owned).collect();
    let entry = |(path, source): &(&str, &str)| (module(path), (*source).to_owned());
    files.iter().map(entry).collect()
}

#[test]
fn sees_circles_through_every_spelling_and_through_re_exports() {
    for (a, b) in [
        ("use super::b::X;", "use crate::room::a::Y;"),
        ("use super::b::{X, Z};", "fn f() -> super::a::Y { todo!() }"),
        ("use crate::{error::E, room::{b::X}};", "use super::{a, c};"),
        ("use crate::room::X;", "use super::a::Y;"),
    ] {
        let room = "mod a; mod b; pub use b::{W, X};";
        let files = sources(&[
            ("room", room),
            ("room::a", a),
            ("room::b", b),
            ("error", ""),
        ]);
        assert_eq!(circles(&files), [["room::a", "room::b"]], "{a} {b}");
    }
    let three = sources(&[
        ("a", "use crate::b::X;"),
        ("b", "use crate::c::X;"),
        ("c", "use crate::a::X;"),
        ("d", "use crate::a::X;"),
    ]);
    assert_eq!(circles(&three), [["a", "b", "c"]]);
}

#[test]
fn lets_pass_what_is_no_circle() {
    let files = sources(&[
        ("room", "mod a; mod b; use a::X; pub struct Y;"),
        ("room::a", "use super::Y; use super::b::X;"),
        (
            "room::b",
            "use super::Y; mod tests { use super::super::a::X; }",
        ),
    ]);
    assert_eq!(circles(&files), Vec::<Vec<String>>::new());
}
