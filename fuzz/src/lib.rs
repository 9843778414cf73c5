//! What the fuzz targets share: a file in memory for each input, a limit on the time of an input, and
//! mutations that keep checksums and lengths right.

pub mod mutate;

#[path = "../../tests/library/readers.rs"]
pub mod readers;

use std::path::{Path, PathBuf};
use std::sync::LazyLock;
use std::time::Duration;

use cpu_time::ProcessTime;

/// More processor time than an input may take. Not time by the clock, as libFuzzer's own limit has
/// it: the machine may be busy with other things.
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

/// Writes the input to a file and has it read.
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
