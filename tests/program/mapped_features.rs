//! Memory-mapped features: training on a data set larger than the memory limit gives the same bytes,
//! and a file that is truncated meanwhile ends the run with a message.
#![cfg(all(feature = "cli", target_os = "linux"))]
#![expect(clippy::print_stdout, reason = "says what was skipped")]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use blendfuse::testing::formats::npz::write;
use blendfuse::testing::formats::npz::write::Precision;

use crate::command::{Place, Ran};

/// Anonymous memory that a process may take, in KiB; without data it takes less than half of it.
const LIMIT: usize = 24 << 10;

const CLIPS: usize = 2048;

/// Columns of each of four encoders in `f64`: four times the limit in all.
const COLUMNS: usize = 4 * (LIMIT << 10) / (4 * 8 * CLIPS);

const SMALLER: [&str; 12] = [
    "--set",
    "model.projection_dim=4",
    "--set",
    "model.shared_dim=8",
    "--set",
    "model.gate_hidden=8",
    "--set",
    "model.top_k=2",
    "--set",
    "train.batch_size=32",
    "--set",
    "train.max_epochs=2",
];

/// Writes a data folder of four wide encoders.
fn write(data: &Path) {
    let features = data.join("features/train");
    fs::create_dir_all(&features).unwrap();
    let names: Vec<String> = (0..CLIPS).map(|clip| format!("clip{clip}")).collect();
    let row = |(clip, name): (usize, &String)| {
        let emotion = ["ang", "hap", "sad"][clip % 3];
        format!("{name},{},{emotion}\n", clip % 2)
    };
    let rows: String = names.iter().enumerate().map(row).collect();
    let table = format!("filename,fold,emotion_1\n{rows}");
    fs::write(data.join("train_metadata.csv"), table).unwrap();
    for encoder in 0..4 {
        let file = features.join(format!("encoder{encoder}.npz"));
        write::write(&file, |npz| {
            npz.rows("X", Precision::F64, [CLIPS, COLUMNS], |row, out| {
                for (column, x) in out.iter_mut().enumerate() {
                    let mixed = (row * 31 + column * 17 + encoder * 7) % 101;
                    *x = mixed as f64 / 50.0 - 1.0 + (row % 3) as f64;
                }
            })?;
            npz.names("filenames", &names)
        })
        .unwrap();
    }
}

/// Runs the program with a limit on anonymous memory; `None` if a limit cannot be set.
fn limited(place: &Place, args: &[&str]) -> Option<Ran> {
    let shell = |script: &str| {
        let mut shell = Command::new("sh");
        shell.args(["-c", script, "sh", env!("CARGO_BIN_EXE_blendfuse")]);
        shell.stdin(Stdio::null()).env_remove("BLENDFUSE_KERNEL");
        shell
    };
    let script = format!("ulimit -d {LIMIT} && exec \"$@\"");
    let mut probe = shell(&script);
    if !probe
        .arg("--version")
        .output()
        .is_ok_and(|ran| ran.status.success())
    {
        println!("skipped: this shell cannot limit memory (ulimit -d)");
        return None;
    }
    let mut command = shell(&script);
    command.args(args).current_dir(place.path("."));
    Some(Ran::of(command.output().unwrap()))
}

#[test]
fn a_data_set_four_times_the_memory_limit_trains_to_the_same_bytes() {
    let place = Place::new();
    write(&place.path("data"));
    let args = |out| {
        let base = [
            "train",
            "data",
            "--out",
            out,
            "--fold",
            "0",
            "--threads",
            "2",
        ];
        [&base[..], &SMALLER].concat()
    };
    let Some(ran) = limited(&place, &args("limited")) else {
        return;
    };
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    place.ok(&args("free"));
    for file in ["weights.safetensors", "history.csv"] {
        let read = |run: &str| fs::read(place.path(run).join(file)).unwrap();
        assert!(read("limited") == read("free"), "{file}");
    }
    // Writing a probability table too needs no more memory.
    let predict = |run| {
        let base = ["predict", run, "data", "--split", "train", "--threads", "2"];
        [&base[..], &["--probs"]].concat()
    };
    let ran = limited(
        &place,
        &[&predict("limited")[..], &["limited.csv"]].concat(),
    );
    assert_eq!(ran.map(|ran| ran.code), Some(0));
    place.ok(&[&predict("free")[..], &["free.csv"]].concat());
    let read = |name: &str| fs::read(place.path(name)).unwrap();
    assert!(read("limited.csv") == read("free.csv"));

    // The limit is effective: the same file in big-endian order, which must be read, does not fit.
    let file = place.path("data/features/train/encoder0.npz");
    let bytes = fs::read(&file).unwrap();
    let at = bytes.windows(3).position(|three| three == b"<f8").unwrap();
    let mut swapped = bytes.clone();
    swapped[at] = b'>';
    fs::write(&file, swapped).unwrap();
    let Some(ran) = limited(&place, &args("read")) else {
        return;
    };
    assert_ne!(ran.code, 0);
}

/// Whatever a header claims, a file is refused before any memory for it is taken.
#[test]
fn malformed_files_are_refused_within_the_memory_limit() {
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    for (folder, manifest) in [
        ("npy_variants", "manifest.json"),
        ("npy_variants_more", "manifest_dev.json"),
    ] {
        let folder = shared.join(folder);
        let Ok(text) = fs::read_to_string(folder.join(manifest)) else {
            println!("skipped: no {}", folder.display());
            continue;
        };
        let manifest: serde_json::Value = serde_json::from_str(&text).unwrap();
        let place = Place::new();
        let features = place.path("data/features/train");
        fs::create_dir_all(&features).unwrap();
        let table = "filename,fold,emotion_1\nclip0,0,ang\nclip1,1,hap\n";
        fs::write(place.path("data/train_metadata.csv"), table).unwrap();
        for (name, entry) in manifest.as_object().unwrap() {
            if entry["valid"] != false || !name.ends_with(".npz") {
                continue;
            }
            fs::copy(folder.join(name), features.join("alpha.npz")).unwrap();
            let args = ["train", "data", "--out", "run", "--threads", "2"];
            let Some(ran) = limited(&place, &args) else {
                return;
            };
            assert_eq!(ran.code, 2, "{name}: {}", ran.stderr);
            let said = ran.stderr.trim_end();
            assert!(said.contains("alpha.npz"), "{name}: {said}");
            assert_eq!(said.lines().count(), 1, "{name}: {said}");
            assert!(!place.path("run").exists(), "{name}");
        }
    }
}

#[test]
fn a_file_that_is_truncated_while_training_ends_the_run_with_a_message() {
    let place = Place::new();
    write(&place.path("data"));
    let base = [
        "train",
        "data",
        "--out",
        "run",
        "--set",
        "train.max_epochs=1000000",
    ];
    let mut command = place.command(&[&base[..], &SMALLER[..10]].concat());
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let begun = place.path("run/manifest.json");
    while !begun.exists() {
        assert!(child.try_wait().unwrap().is_none(), "the run ended early");
        std::thread::sleep(Duration::from_millis(5));
    }
    let file = place.path("data/features/train/encoder3.npz");
    fs::File::options()
        .write(true)
        .open(file)
        .unwrap()
        .set_len(4096)
        .unwrap();
    let ran = Ran::of(child.wait_with_output().unwrap());
    assert!(
        ran.code == 1 || ran.code == 2,
        "{}: {}",
        ran.code,
        ran.stderr
    );
    let said = [
        "truncated by another program",
        "was changed by another program",
    ];
    assert!(
        said.iter().any(|said| ran.stderr.contains(said)),
        "{}",
        ran.stderr
    );
    assert!(!place.path("run/weights.safetensors").exists());
}
