//! `docs/dependencies.md` lists every direct dependency, and no other crate.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

const MANIFESTS: [&str; 6] = [
    "Cargo.toml",
    "engine/Cargo.toml",
    "kernels/Cargo.toml",
    "benches/Cargo.toml",
    "fuzz/Cargo.toml",
    "python/native/Cargo.toml",
];

/// The crates that a manifest names in any table of dependencies, itself left out.
fn named(manifest: &toml::Table, found: &mut BTreeSet<String>) {
    for (key, value) in manifest {
        let Some(table) = value.as_table() else {
            continue;
        };
        if key.ends_with("dependencies") {
            found.extend(table.keys().cloned());
        } else if ["target", "cfg"].iter().any(|word| key.starts_with(word)) {
            named(table, found);
        }
    }
}

#[test]
fn the_page_names_every_direct_dependency_and_no_other() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut expected = BTreeSet::new();
    for path in MANIFESTS {
        // The package on the registry has neither benches, fuzz targets nor the Python module.
        if let Ok(text) = fs::read_to_string(root.join(path)) {
            named(&text.parse().unwrap(), &mut expected);
        }
    }
    for (folder, only_there) in [
        (
            "benches",
            &["criterion", "faer", "gemm", "matrixmultiply"][..],
        ),
        ("fuzz", &["cpu-time", "libfuzzer-sys"]),
        ("python/native", &["numpy", "pyo3"]),
    ] {
        if !root.join(folder).is_dir() {
            expected.extend(only_there.iter().map(|name| name.to_string()));
        }
    }
    expected.remove("blendfuse");
    let page = fs::read_to_string(root.join("docs/dependencies.md")).unwrap();
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `"));
    let listed: BTreeSet<String> = rows
        .filter_map(|row| row.split_once('`'))
        .map(|(name, _)| name.to_owned())
        .collect();
    assert_eq!(listed, expected);
}
