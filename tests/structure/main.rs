//! The architecture as a test: layers look down only, nothing unsafe outside `kernels/`, nothing
//! printed below the command line, the environment read where it is known, every op complete in its file.
//!
//! A scan of tokens, comments and strings left out: it cannot see names that macros build, nor what
//! another module re-exports (the re-exports of `lib.rs` it follows).

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

mod circles;
mod dependencies;
mod scan;

use scan::{declares_module, first_names, op_defects, text, tokens, unexplained_unsafe};

/// A room uses only rooms of its own group and of groups before it.
const LAYERS: &[&[&str]] = &[
    // The base.
    &["kernels"],
    &["error", "encoders", "suggest", "files", "rng"],
    &["config"],
    // The engine.
    &["autograd"],
    &["nn"],
    &["prelude"],
    &["model"],
    // The data.
    &["formats"],
    &["data"],
    &["eval"],
    &["ingest"],
    // Where the two meet.
    &["artifact"],
    &["predict"],
    &["train"],
    &["baseline", "bench", "export"],
    &["plan"],
    &["experiments"],
    &["analysis"],
    &["report"],
    &["cli"],
    // What only tests, benches and fuzz targets see.
    &["testing"],
];

const ENGINE: &[&str] = &["autograd", "nn", "model"];

/// The engine and the data are two stacks that know nothing of each other: metrics and feature files
/// can be used without the engine.
const APART: &[(&str, &[&str])] = &[
    ("formats", ENGINE),
    ("data", ENGINE),
    ("eval", ENGINE),
    ("ingest", ENGINE),
];

const PRINTERS: &[&str] = &["print", "println", "eprint", "eprintln", "dbg"];

/// What `src/lib.rs` re-exports, and the layer it comes from: `pub use error::{Error, Result}`.
fn re_exports(lib: &str) -> HashMap<String, String> {
    let tokens = tokens(lib);
    let mut found = HashMap::new();
    for i in 0..tokens.len() {
        if text(&tokens, i) != "use" || text(&tokens, i + 2) != "::" {
            continue;
        }
        let at = if text(&tokens, i + 1) == "crate" {
            i + 3
        } else {
            i + 1
        };
        let layer = text(&tokens, at);
        if group_of(layer).is_none() {
            continue;
        }
        for token in tokens[at + 1..]
            .iter()
            .take_while(|token| token.text != ";")
        {
            found.insert(token.text.clone(), layer.to_string());
        }
    }
    found
}

fn group_of(layer: &str) -> Option<usize> {
    LAYERS.iter().position(|group| group.contains(&layer))
}

fn may_use(layer: &str, used: &str) -> bool {
    let apart = APART
        .iter()
        .any(|(from, to)| *from == layer && to.contains(&used));
    !apart && group_of(used) <= group_of(layer)
}

/// Lines of `source` that break the layering. `depth` is 1 for the file that is the layer's own
/// module, 2 for its children, and so on.
fn layer_violations(
    layer: &str,
    depth: usize,
    source: &str,
    re_exports: &HashMap<String, String>,
) -> Vec<(usize, String)> {
    let (tokens, lines) = (tokens(source), source.lines().collect::<Vec<_>>());
    let mut found = Vec::new();
    // Braces, true where an inline module opened one: `super` in it is this file's own module.
    let mut braces: Vec<bool> = Vec::new();
    for (i, token) in tokens.iter().enumerate() {
        let follows = |words: &[&str]| {
            words
                .iter()
                .enumerate()
                .all(|(k, word)| text(&tokens, i + 1 + k) == *word)
        };
        match token.text.as_str() {
            "{" => braces.push(i >= 2 && tokens[i - 2].text == "mod"),
            "}" => {
                braces.pop();
            }
            "crate" | "self" if follows(&["as"]) => {
                let renames_crate =
                    token.text == "crate" || text(&tokens, i.wrapping_sub(1)) == "crate";
                if renames_crate {
                    found.push((token.line, "gives the crate another name".into()));
                }
            }
            // A file of the same folder keeps its place; another folder's would not be seen as such.
            "path"
                if text(&tokens, i.wrapping_sub(1)) == "["
                    && follows(&["="])
                    && lines[token.line - 1].contains('/') =>
            {
                found.push((token.line, "#[path] into another folder".into()));
            }
            "crate" | "super" if follows(&["::"]) => {
                let inline = braces.iter().filter(|module| **module).count();
                let at_root = token.text == "crate" || depth + inline == 1;
                for name in first_names(&tokens, i + 2) {
                    let used = re_exports.get(&name.text).unwrap_or(&name.text);
                    if token.text == "super" && name.text == "super" {
                        found.push((
                            name.line,
                            "super::super: write the path from crate::".into(),
                        ));
                    } else if at_root && matches!(name.text.as_str(), "*" | "self") {
                        found.push((name.line, "takes the whole crate".into()));
                    } else if at_root && group_of(used).is_some() && !may_use(layer, used) {
                        found.push((name.line, format!("`{layer}` may not use `{used}`")));
                    }
                }
            }
            _ => {}
        }
    }
    found
}

// The repository

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    let Ok(entries) = fs::read_dir(folder) else {
        return files;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            // The benches have a target folder of their own, with code that dependencies generate.
            if !path.ends_with("target") {
                files.extend(rust_files(&path));
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files.sort();
    files
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn place(path: &Path, line: usize) -> String {
    format!(
        "{}:{line}",
        path.strip_prefix(root()).unwrap_or(path).display()
    )
}

/// The folders with the sources of the crates that have layers; the engine's are a part of them.
const SOURCES: [&str; 2] = ["src", "engine/src"];

/// Every file with layers, of the program and of the engine.
fn layered_files() -> Vec<PathBuf> {
    let folders = SOURCES
        .iter()
        .map(|folder| rust_files(&root().join(folder)));
    folders.flatten().collect()
}

/// The layer of a file in one of the [`SOURCES`], and the depth of its module below the crate; none
/// for `lib.rs` and `main.rs`.
fn layer_of(path: &Path) -> Option<(String, usize)> {
    let mut folders = SOURCES.iter().map(|folder| root().join(folder));
    let inside = folders
        .find_map(|folder| path.strip_prefix(folder).ok().map(Path::to_owned))
        .unwrap()
        .with_extension("");
    let mut parts: Vec<String> = inside
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if parts.last().is_some_and(|last| last == "mod") {
        parts.pop();
    }
    let outside = parts.len() == 1 && matches!(parts[0].as_str(), "lib" | "main");
    (!outside).then(|| (parts[0].clone(), parts.len()))
}

#[track_caller]
fn assert_none(what: &str, found: &[String]) {
    assert!(found.is_empty(), "{what}:\n  {}", found.join("\n  "));
}

#[test]
fn modules_look_down_only() {
    let re_exports = re_exports(&read(&root().join("src/lib.rs")));
    let mut found = Vec::new();
    for path in layered_files() {
        let Some((layer, depth)) = layer_of(&path) else {
            continue;
        };
        if group_of(&layer).is_none() {
            found.push(format!(
                "{}: `{layer}` is no layer; give it a place in LAYERS",
                place(&path, 1)
            ));
            continue;
        }
        for (line, why) in layer_violations(&layer, depth, &read(&path), &re_exports) {
            found.push(format!("{}: {why}", place(&path, line)));
        }
    }
    assert_none("layering", &found);
}

/// The modules of a crate that are not tests, with their sources.
fn modules(folder: &str) -> circles::Sources {
    let src = root().join(folder);
    let mut found = circles::Sources::new();
    for path in rust_files(&src) {
        let inside = path.strip_prefix(&src).unwrap().with_extension("");
        let mut module: circles::Module = inside
            .iter()
            .map(|part| part.to_string_lossy().into_owned())
            .collect();
        if module.last().is_some_and(|last| last == "mod") {
            module.pop();
        }
        let last = module.last().unwrap();
        let tests = last == "tests" || last.ends_with("_tests") || last == "fixture";
        if !tests && !matches!(last.as_str(), "lib" | "main") {
            found.insert(module, read(&path));
        }
    }
    found
}

#[test]
fn no_file_uses_one_that_uses_it() {
    for folder in ["src", "kernels/src"] {
        let found = circles::circles(&modules(folder));
        let found: Vec<String> = found.iter().map(|circle| circle.join(" ↔ ")).collect();
        assert_none(&format!("circles in {folder}"), &found);
    }
}

#[test]
fn only_the_library_root_declares_layers() {
    let main = root().join("src/main.rs");
    let tokens = tokens(&read(&main));
    let found: Vec<String> = tokens
        .iter()
        .filter(|token| token.text == "mod")
        .map(|token| format!("{}: a module of its own", place(&main, token.line)))
        .collect();
    assert_none("main.rs calls the library and declares nothing", &found);
}

#[test]
fn nothing_unsafe_outside_the_kernels() {
    let mut found = Vec::new();
    for name in ["src/lib.rs", "src/main.rs", "engine/src/lib.rs"] {
        let path = root().join(name);
        let joined: String = tokens(&read(&path))
            .iter()
            .map(|token| token.text.as_str())
            .collect();
        if !joined.contains("#![forbid(unsafe_code)]") {
            found.push(format!(
                "{}: lacks #![forbid(unsafe_code)]",
                place(&path, 1)
            ));
        }
    }
    let python = rust_files(&root().join("python/native"));
    for path in layered_files().into_iter().chain(python) {
        let tokens = tokens(&read(&path));
        let unsafe_lines = tokens.iter().filter(|token| token.text == "unsafe");
        found.extend(unsafe_lines.map(|token| format!("{}: unsafe", place(&path, token.line))));
    }
    assert_none("unsafe code", &found);
}

#[test]
fn every_unsafe_in_the_kernels_is_justified() {
    let mut found = Vec::new();
    // The benches call the raw interfaces of other libraries.
    let folders = ["kernels", "benches"].map(|folder| rust_files(&root().join(folder)));
    for path in folders.concat() {
        let lines = unexplained_unsafe(&read(&path));
        found.extend(lines.iter().map(|&line| place(&path, line)));
    }
    assert_none("unsafe without SAFETY comment", &found);
}

#[test]
fn only_the_command_line_prints() {
    let mut found = Vec::new();
    for path in layered_files() {
        let in_cli = layer_of(&path).is_some_and(|(layer, _)| layer == "cli");
        if in_cli || path.ends_with("src/main.rs") {
            continue;
        }
        let tokens = tokens(&read(&path));
        for (i, token) in tokens.iter().enumerate() {
            if PRINTERS.contains(&token.text.as_str()) && text(&tokens, i + 1) == "!" {
                found.push(format!("{}: {}!", place(&path, token.line), token.text));
            }
        }
    }
    assert_none("the library prints", &found);
}

/// A variable of the environment that nobody documents changes results, or ends the program where it
/// does not parse. `KERNEL_VARIABLE` is the only one, read where kernels are chosen; builds for tests
/// read which fault to feign where files are written.
#[test]
fn the_environment_is_read_where_it_is_known() {
    let readers = [
        "kernels/src/micro/select.rs",
        "src/files/atomic_file.rs",
        "src/cli/python.rs",
    ]
    .map(|path| root().join(path));
    let mut found = Vec::new();
    for folder in ["src", "engine/src", "kernels/src"] {
        for path in rust_files(&root().join(folder)) {
            let tokens = tokens(&read(&path));
            for (i, token) in tokens.iter().enumerate() {
                let reads = matches!(text(&tokens, i + 2), "var" | "var_os" | "vars" | "vars_os");
                let names = token.text == "env" && text(&tokens, i + 1) == "::";
                if names && reads && !readers.contains(&path) {
                    found.push(place(&path, token.line));
                }
            }
        }
    }
    assert_none("the environment is read", &found);
}

#[test]
fn every_op_is_complete_in_its_file() {
    let folder = root().join("engine/src/autograd/ops");
    let list = folder.join("mod.rs");
    let mut found = Vec::new();
    for path in rust_files(&folder).into_iter().filter(|path| *path != list) {
        let name = path.file_stem().unwrap().to_string_lossy();
        if !declares_module(&read(&list), &name) {
            found.push(format!("{}: not declared in ops/mod.rs", place(&path, 1)));
        }
        for defect in op_defects(&read(&path)) {
            found.push(format!("{}: {defect}", place(&path, 1)));
        }
    }
    assert!(rust_files(&folder).len() > 10, "no ops in {folder:?}");
    assert_none("incomplete ops", &found);
}

// The scanner itself

/// Whether `source` in a child file of `data` is refused.
fn refused(source: &str) -> bool {
    refused_at("data", 2, source)
}

fn refused_at(layer: &str, depth: usize, source: &str) -> bool {
    let lib = "pub use model::{Config, FusionNet}; pub use error::Error;";
    !layer_violations(layer, depth, source, &re_exports(lib)).is_empty()
}

#[test]
fn sees_every_spelling_of_an_upward_import() {
    for source in [
        "use crate::nn::Params;",
        "use crate::{error::Error, nn::Params};",
        "use crate::{\n    error::{Error, Result},\n    nn::{Adam, Params},\n};",
        "use crate::{error::Error, {nn as layers}};",
        "use crate::{nn};",
        "use crate :: nn :: Params;",
        "use crate::\n    nn::Params;",
        "use crate::/* the engine */nn::Params;",
        "pub use crate::train;",
        "fn f() -> crate::nn::Params { todo!() }",
        "fn f() { let x = crate::nn::Params::new(); }",
        "use super::super::nn::Params;",
        "use super::{super::nn, label};",
        "use crate::FusionNet;",
        "use crate::{Error, FusionNet};",
        "use crate::*;",
        "use crate as root;",
        "use crate::{self as root};",
        "#[path = \"../nn/mod.rs\"] mod layers;",
        "const Q: char = '\"'; use crate::nn::Params; const R: char = '\"';",
        "fn f<'a>(x: &'a str) { crate::nn::f(x) } fn g<'b>() {}",
        "const S: &str = \"\\\\\"; use crate::nn::Params;",
        "const S: &str = r\"\\\"; use crate::nn::Params;",
        "#[cfg(test)] mod tests { use crate::nn::Params; }",
    ] {
        assert!(refused(source), "not seen: {source}");
    }
}

#[test]
fn lets_pass_what_looks_like_an_upward_import() {
    for source in [
        "use crate::error::Error;",
        "use crate::{kernels, Error};",
        "// use crate::nn::Params;",
        "//! As [`crate::nn::Params`].",
        "/* outer /* inner */ use crate::nn::Params; */",
        "const S: &str = \"crate::nn::Params\";",
        "const S: &str = r#\"\" crate::nn::Params\"#;",
        "use crate::data::nn::X;",
        "use crate::{data::{nn, model}, error::Error};",
        "use super::nn::X;",
        "use super::*;",
        "#[cfg(test)]\n#[path = \"label_tests.rs\"]\nmod tests;",
        "#[cfg(test)] mod tests { use super::*; }",
        "fn f() { let nn = 1; let model = nn; }",
    ] {
        assert!(!refused(source), "refused: {source}");
    }
}

#[test]
fn super_in_a_layers_own_module_is_the_crate() {
    assert!(refused_at("data", 1, "use super::nn::Params;"));
    assert!(refused_at(
        "data",
        1,
        "use super::{error::Error, nn::Params};"
    ));
    assert!(refused_at("data", 1, "use super::*;"));
    assert!(!refused_at("data", 1, "use super::error::Error;"));
    assert!(!refused_at("data", 1, "mod tests { use super::*; }"));
    assert!(refused_at(
        "data",
        1,
        "mod tests { fn f() {} } use super::nn::Params;"
    ));
}

#[test]
fn layers_are_ordered_and_data_and_eval_stand_apart() {
    for (layer, used, allowed) in [
        ("nn", "autograd", true),
        ("autograd", "nn", false),
        ("error", "rng", true),
        ("rng", "kernels", true),
        ("error", "data", false),
        ("data", "model", false),
        ("eval", "data", true),
        ("eval", "autograd", false),
        ("ingest", "model", false),
        ("model", "config", true),
        ("data", "config", true),
        ("plan", "experiments", false),
        ("train", "eval", true),
        ("train", "model", true),
        ("cli", "report", true),
        ("report", "cli", false),
    ] {
        assert_eq!(may_use(layer, used), allowed, "{layer} on {used}");
    }
}

#[test]
fn reports_the_line() {
    let source = "//! Docs.\n\nuse crate::{\n    error::Error,\n    nn::Params,\n};\n";
    let found = layer_violations("data", 2, source, &HashMap::new());
    assert_eq!(found, [(5, "`data` may not use `nn`".to_string())]);
    let found = layer_violations(
        "data",
        2,
        "const S: &str = \"\n\n\"; use crate::nn::P;",
        &HashMap::new(),
    );
    assert_eq!(found[0].0, 3);
}
