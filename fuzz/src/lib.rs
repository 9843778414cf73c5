//! Shared parts of the fuzz targets: an in-memory file for each input, a time limit per input, and
//! mutations that keep checksums and lengths valid.

pub mod mutate;

#[path = "../../tests/library/readers.rs"]
pub mod readers;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use cpu_time::ProcessTime;

/// The limit of CPU time per input. Unlike libFuzzer's own limit it is not wall-clock time, because the
/// machine may be busy.
const LIMIT: Duration = Duration::from_secs(1);

static PLACE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = Path::new("/dev/shm");
    let base = if memory.is_dir() {
        memory.to_path_buf()
    } else {
        std::env::temp_dir()
    };
    let folder = base.join(format!("blendfuse-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder for inputs");
    folder.join("input")
});

/// Writes the input to a file and reads it.
pub fn run(data: &[u8], read: fn(&Path)) {
    let path = &*PLACE;
    std::fs::write(path, data).expect("the input in a file");
    let began = ProcessTime::now();
    read(path);
    let took = began.elapsed();
    assert!(took < LIMIT, "took {took:?}");
}

/// A target: the reader of that name, and the mutations that suit it.
#[macro_export]
macro_rules! target {
    ($read:ident) => {
        libfuzzer_sys::fuzz_target!(|data: &[u8]| {
            $crate::run(data, $crate::readers::$read);
        });
    };
    ($read:ident, $mutate:ident) => {
        $crate::target!($read);
        libfuzzer_sys::fuzz_mutator!(|data: &mut [u8], size: usize, max: usize, seed: u32| {
            $crate::mutate::$mutate(data, size, max, seed)
        });
    };
}
