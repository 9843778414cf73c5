//! What the first of two passes over a file finds: the face that is read where a clip shows several
//! people, and columns without any value.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::path::Path;

use super::layout::{Detection, Layout};
use crate::Result;
use crate::formats::csv::reader::CsvReader;

/// The rows of one face.
#[derive(Clone, Copy, Default)]
struct Tally {
    /// Order of first appearance.
    order: usize,
    good: usize,
    confidence: f64,
}

/// The clips that a file has rows of.
#[derive(Default)]
struct Sources {
    /// The first frame of each, in order of appearance by its number.
    frames: HashMap<String, (usize, String)>,
    /// Whether one of them has several frames: a clip, not a picture of a clip.
    clips: bool,
}

impl Sources {
    fn add(&mut self, rows: &CsvReader, layout: &Layout) -> Result<()> {
        let Some(source) = layout.source(rows)? else {
            return Ok(());
        };
        let (_, frame) = layout.frame(rows)?;
        match self.frames.get(source) {
            Some((_, first)) => self.clips |= first != frame,
            None => {
                let place = (self.frames.len(), frame.to_owned());
                self.frames.insert(source.to_owned(), place);
            }
        }
        Ok(())
    }

    /// Refuses several clips in one file, whose frames would become one row.
    fn check(self, rows: &CsvReader) -> Result<()> {
        if !self.clips || self.frames.len() < 2 {
            return Ok(());
        }
        let count = self.frames.len();
        let mut names: Vec<(usize, String)> = self
            .frames
            .into_iter()
            .map(|(name, (place, _))| (place, name))
            .collect();
        names.sort_unstable();
        let shown: Vec<String> = names.into_iter().take(2).map(|(_, name)| name).collect();
        let reason = format!(
            "has rows of {count} clips, such as {}; write one file per clip",
            shown.join(" and ")
        );
        Err(rows.fault(None, None, reason))
    }
}

/// Which rows of a clip are read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct FaceChoice {
    /// The face; `None` if the file does not tell faces apart or only one has good frames.
    face: Option<String>,
    /// Good frames of the face that came second, if that is at least half of the chosen one's.
    pub rival: usize,
    /// Fields that are empty in every good frame.
    pub empty: Vec<usize>,
    /// The line of the first good frame.
    pub first_line: u64,
}

impl FaceChoice {
    /// Chooses the face with the most good frames, then with the highest sum of confidences in them, then
    /// the one that appears first. `is_good` says whether a detection suffices.
    ///
    /// # Errors
    /// [`crate::Error::Read`] and [`crate::Error::Csv`] as for the frames themselves.
    pub fn of(path: &Path, layout: &Layout, is_good: &dyn Fn(Detection) -> bool) -> Result<Self> {
        let mut empty = layout.fields();
        let mut first_line = 0;
        let mut rows = CsvReader::open(path)?;
        let mut faces: HashMap<String, Tally> = HashMap::new();
        let mut sources = Sources::default();
        while rows.advance()? {
            sources.add(&rows, layout)?;
            let detection = layout.detection(&rows)?;
            if !is_good(detection) {
                continue;
            }
            layout.keep_empty(&rows, &mut empty)?;
            if first_line == 0 {
                first_line = rows.line();
            }
            let face = layout.face(&rows)?.unwrap_or_default();
            let order = faces.len();
            let tally = match faces.get_mut(face) {
                Some(tally) => tally,
                None => faces.entry(face.to_owned()).or_insert(Tally {
                    order,
                    ..Tally::default()
                }),
            };
            tally.good += 1;
            tally.confidence += detection.confidence;
        }
        sources.check(&rows)?;
        let mut faces: Vec<(String, Tally)> = faces.into_iter().collect();
        faces.sort_by(|(_, a), (_, b)| {
            let by_confidence = b.confidence.total_cmp(&a.confidence);
            let by_frames = Reverse(a.good).cmp(&Reverse(b.good));
            by_frames.then(by_confidence).then(a.order.cmp(&b.order))
        });
        if faces.is_empty() {
            empty.clear();
        }
        Ok(match &faces[..] {
            [(face, first), (_, second), ..] => Self {
                empty,
                first_line,
                face: Some(face.clone()),
                rival: if 2 * second.good >= first.good {
                    second.good
                } else {
                    0
                },
            },
            _ => Self {
                empty,
                first_line,
                ..Self::default()
            },
        })
    }

    /// Whether a row is of another face than the chosen one; one without an identity, as of a frame without
    /// a face, is not.
    pub fn is_other(&self, face: Option<&str>) -> bool {
        match (self.face.as_deref(), face) {
            (Some(chosen), Some(face)) => !face.is_empty() && face != chosen,
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::ingest::openface::{ColumnSelection, FaceFrames, FaceOptions, Group, read};

    /// Reads the action units of a clip.
    fn units(text: &str, interpolate: bool) -> FaceFrames {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("clip.csv");
        std::fs::write(&path, text).unwrap();
        let options = FaceOptions {
            selection: ColumnSelection::Groups(vec![Group::Au]),
            min_confidence: None,
            interpolate,
        };
        read(&path, &options).unwrap()
    }

    /// Two people in four frames: action unit 0 for one, 9 for the other, whose confidence is higher in
    /// every second frame. The first person is lost in no frame, the second in the third.
    fn rows() -> Vec<(usize, String)> {
        let row = |frame: usize, face: usize| {
            let confidence = [[0.97, 0.98], [0.98, 0.97]][frame % 2][face];
            (
                frame,
                format!("{frame},{face},{confidence},1,{}\n", 9 * face),
            )
        };
        let all = (0..4).flat_map(|frame| [row(frame, 0), row(frame, 1)]);
        all.filter(|(_, text)| !text.starts_with("2,1")).collect()
    }

    fn file<'a>(rows: impl IntoIterator<Item = &'a (usize, String)>) -> String {
        let header = "frame,face_id,confidence,success,AU01_r\n".to_owned();
        rows.into_iter().fold(header, |text, row| text + &row.1)
    }

    #[test]
    fn one_face_is_read_per_clip_in_any_order_of_rows() {
        let by_frame = rows();
        let mut by_face = by_frame.clone();
        by_face.sort_by_key(|(_, text)| text.split(',').nth(1).unwrap().to_owned());
        for interpolate in [false, true] {
            for rows in [&by_frame, &by_face] {
                let frames = units(&file(rows), interpolate);
                assert_eq!(frames.values, [0.0; 4]);
                let counts = frames.counts;
                assert_eq!((counts.frames, counts.kept), (4, 4));
                assert_eq!((counts.other_faces, counts.rival_face), (3, 3));
            }
        }
    }

    #[test]
    fn frames_with_only_another_face_have_no_face_and_keep_their_place() {
        // The second person alone in frame 1; the rows are sorted by face.
        let text = "frame,face_id,confidence,success,AU01_r\n\
                    0,0,0.9,1,0\n2,0,0.9,1,4\n3,0,0.9,1,4\n4,0,0.9,1,4\n5,0,0.9,1,4\n\
                    6,0,0.9,1,4\n7,0,0.9,1,4\n1,1,0.9,1,9\n";
        let frames = units(text, false);
        assert_eq!(frames.values, [0.0, 4.0, 4.0, 4.0, 4.0, 4.0, 4.0]);
        assert_eq!((frames.counts.frames, frames.counts.no_face), (8, 1));
        assert_eq!(frames.counts.rival_face, 0);
    }

    #[test]
    fn without_an_identity_rows_of_a_frame_are_found_wherever_they_are() {
        let header = "frame,confidence,success,AU01_r\n";
        let frames = units(
            &format!("{header}0,0.8,1,1\n1,0.9,1,2\n0,0.9,1,3\n1,0.8,1,4\n"),
            false,
        );
        assert_eq!(frames.values, [3.0, 2.0]);
        assert_eq!((frames.counts.frames, frames.counts.other_faces), (2, 2));
    }
}
