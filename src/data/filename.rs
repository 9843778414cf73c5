//! Clip names: the same clip with and without a media extension.

/// Extensions of media files, lower case; only these are removed from a clip's name.
pub const MEDIA_EXTENSIONS: [&str; 19] = [
    "mov", "mp4", "m4v", "avi", "mkv", "webm", "wmv", "flv", "mpg", "mpeg", "ts", "wav", "mp3",
    "m4a", "aac", "flac", "ogg", "oga", "opus",
];

/// The key of a clip: its name without surrounding whitespace and without a media extension (in any
/// case). Everything else is significant, including folders and other extensions.
pub fn clip_key(name: &str) -> &str {
    let name = name.trim();
    match name.rsplit_once('.') {
        Some((stem, extension))
            if !stem.is_empty()
                && MEDIA_EXTENSIONS
                    .iter()
                    .any(|known| extension.eq_ignore_ascii_case(known)) =>
        {
            stem
        }
        _ => name,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_media_extensions_are_cut() {
        for (name, key) in [
            ("A102_ang_int1_ver1.mov", "A102_ang_int1_ver1"),
            (" test_0001.MP4 ", "test_0001"),
            ("A102_ang_int1_ver1", "A102_ang_int1_ver1"),
            ("clip.v2", "clip.v2"),
            ("take.mov.wav", "take.mov"),
            (".mov", ".mov"),
            ("größe.wav", "größe"),
        ] {
            assert_eq!(clip_key(name), key);
        }
    }
}
