//! Files as memory: read-only maps, so that data larger than memory can be worked on.
//!
//! A map is only as steady as its file. Numbers that another program writes into the file appear in
//! the map; pages that it cuts off are gone, and the system answers their use with a signal
//! (SIGBUS). So a map knows what its file looked like ([`FileMap::is_unchanged`]), and a program may
//! ask to end with a message of its own where pages are lost ([`end_where_pages_are_lost`]).

use std::fs::File;
use std::io;
use std::ops::{Deref, Range};
use std::time::SystemTime;

use memmap2::Mmap;
#[cfg(all(unix, not(miri)))]
use memmap2::UncheckedAdvice;

/// A whole file, mapped for reading; dereferences to its bytes.
#[derive(Debug)]
pub struct FileMap {
    map: Mmap,
    file: File,
    state: State,
}

/// By what a changed file is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct State {
    bytes: u64,
    modified: Option<SystemTime>,
}

impl State {
    fn of(file: &File) -> io::Result<State> {
        let metadata = file.metadata()?;
        Ok(State {
            bytes: metadata.len(),
            modified: metadata.modified().ok(),
        })
    }
}

impl FileMap {
    /// Maps a file as it is now.
    ///
    /// # Errors
    /// If the system refuses: the file is empty, or lies where nothing can be mapped.
    pub fn new(file: File) -> io::Result<FileMap> {
        let state = State::of(&file)?;
        // SAFETY: the map is read-only and its bytes are handed out as `u8` alone, of which every
        // pattern is a value. Another process may write the file meanwhile; then the bytes change
        // under the shared slice, for which the language gives no guarantee. No code here reads a
        // byte twice to rely on both readings being equal, and callers throw away what they computed
        // once `is_unchanged` denies it. A file that is cut short raises SIGBUS, which ends the
        // process and cannot corrupt it.
        let map = unsafe { Mmap::map(&file) }?;
        Ok(FileMap { map, file, state })
    }

    /// Whether the file still has the size and the time of modification that it had when it was
    /// mapped. A file that was replaced under its name counts as unchanged: the map keeps the old.
    ///
    /// # Errors
    /// If the system does not tell.
    pub fn is_unchanged(&self) -> io::Result<bool> {
        Ok(State::of(&self.file)? == self.state)
    }

    /// Tells the system that these bytes are not needed soon: they no longer count as this process's
    /// memory, and are taken from the file, or what the system keeps of it, when they are read again.
    /// Does nothing where the system cannot be told.
    pub fn release(&self, bytes: Range<usize>) {
        let bytes = bytes.start..bytes.end.min(self.map.len());
        if bytes.is_empty() {
            return;
        }
        #[cfg(all(unix, not(miri)))]
        {
            let (advice, length) = (UncheckedAdvice::DontNeed, bytes.len());
            // SAFETY: the map is read-only and of a file, so no page holds anything that the file does
            // not, and whoever reads a page that was given up gets the file's bytes again.
            let told = unsafe { self.map.unchecked_advise_range(advice, bytes.start, length) };
            // Advice that is not taken changes nothing but the use of memory.
            let _ = told;
        }
    }
}

impl Deref for FileMap {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.map
    }
}

/// From now on, ends the process with exit code 1 and `message` on stderr where a mapped page turns
/// out to be lost, because another process cut the file short or the disk failed. For programs, not
/// for libraries: the handler counts for the whole process. Does nothing where there is no such
/// signal.
pub fn end_where_pages_are_lost(message: &'static str) {
    #[cfg(all(target_os = "linux", not(miri)))]
    lost_pages::install(message);
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = message;
}

#[cfg(all(target_os = "linux", not(miri)))]
mod lost_pages {
    use std::sync::OnceLock;

    static MESSAGE: OnceLock<&'static str> = OnceLock::new();

    pub(super) fn install(message: &'static str) {
        if MESSAGE.set(message).is_err() {
            return;
        }
        let handler = end as extern "C" fn(libc::c_int);
        // SAFETY: `end` has the signature of a handler and calls only what a handler may call.
        unsafe { libc::signal(libc::SIGBUS, handler as *const () as libc::sighandler_t) };
    }

    extern "C" fn end(_: libc::c_int) {
        // Reading what was set before the handler was installed neither locks nor allocates.
        let message = MESSAGE.get().copied().unwrap_or_default().as_bytes();
        // SAFETY: `write` may be called in a signal handler; the message lives for ever.
        unsafe { libc::write(libc::STDERR_FILENO, message.as_ptr().cast(), message.len()) };
        // SAFETY: `_exit` may be called in a signal handler.
        unsafe { libc::_exit(1) };
    }
}

#[cfg(all(test, not(miri)))]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(name: &str, bytes: &[u8]) -> std::path::PathBuf {
        let path = std::env::temp_dir().join(format!("{name}-{}", std::process::id()));
        std::fs::write(&path, bytes).unwrap();
        path
    }

    #[test]
    fn a_map_holds_the_file_and_notices_that_it_changed() {
        let path = file("blendfuse-map", b"abc");
        let map = FileMap::new(File::open(&path).unwrap()).unwrap();
        assert_eq!(&map[..], b"abc");
        assert!(map.is_unchanged().unwrap());
        map.release(1..9);
        map.release(5..9);
        assert_eq!(&map[..], b"abc");
        let mut writer = File::options().append(true).open(&path).unwrap();
        writer.write_all(b"d").unwrap();
        assert!(!map.is_unchanged().unwrap());
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_file_that_was_replaced_stays_mapped_as_it_was() {
        let path = file("blendfuse-replaced", b"abc");
        let map = FileMap::new(File::open(&path).unwrap()).unwrap();
        let other = file("blendfuse-replacement", b"xyz");
        std::fs::rename(other, &path).unwrap();
        assert_eq!(&map[..], b"abc");
        assert!(map.is_unchanged().unwrap());
        std::fs::remove_file(path).unwrap();
    }
}
