//! Reading a clip, frame by frame.

use std::cmp::Ordering;
use std::collections::HashMap;
use std::path::Path;

use super::choice::FaceChoice;
use super::layout::{Detection, Layout};
use super::{CHALLENGE_THRESHOLD, Counts, FaceFrames, FaceOptions, Tool};
use crate::Result;
use crate::formats::csv::reader::CsvReader;

/// Most values of one clip in memory: 1 GiB.
const MAX_VALUES: usize = 1 << 27;

/// The best face of a frame.
struct Frame {
    /// Its number as written.
    number: String,
    detection: Detection,
    /// Empty if the face is not needed.
    values: Vec<f64>,
}

/// Reads the output of a face-analysis program for one clip, in memory bounded by one line, the kept values
/// and the numbers of the frames. The file is read twice.
///
/// A clip without any good frame gives no values and is not an error: the encoder is missing for it.
///
/// # Errors
/// [`crate::Error::Read`] if the file cannot be opened; [`crate::Error::Csv`] with line and column
/// if it is not from a known program, lacks selected columns, is malformed, or contains an empty
/// cell or a non-finite value in a kept frame, or only empty cells in all selected columns.
pub fn read(path: &Path, options: &FaceOptions) -> Result<FaceFrames> {
    let mut rows = CsvReader::open(path)?;
    let mut layout = Layout::of(&rows, &options.selection)?;
    if (options.min_confidence.is_some() || options.interpolate) && !layout.has_confidence() {
        let reason = "has no column confidence to select frames by".into();
        return Err(rows.fault(Some(1), None, reason));
    }
    let mut clip = Clip::new(options);
    let is_good = |detection: Detection| detection.found && clip.is_sure(detection);
    let choice = FaceChoice::of(path, &layout, &is_good)?;
    clip.counts.rival_face = choice.rival;
    let empty_columns = layout.leave_out(&choice.empty, choice.first_line, &rows)?;
    while rows.advance()? {
        let other = choice.is_other(layout.face(&rows)?);
        clip.row(&rows, &layout, other)?;
        if clip.held > MAX_VALUES {
            let reason = format!(
                "has more than {MAX_VALUES} values; shorten the clip, or choose fewer groups"
            );
            return Err(rows.fault(Some(rows.line()), None, reason));
        }
    }
    clip.end();
    if clip.columns.is_none() {
        clip.columns = layout.fixed_names(&rows);
    }
    if options.interpolate {
        clip.by_the_challenges_rule();
    }
    Ok(FaceFrames {
        tool: layout.tool,
        columns: clip.columns.unwrap_or_default(),
        empty_columns,
        values: clip.values,
        counts: clip.counts,
    })
}

impl Counts {
    /// Counts a frame that is dropped.
    fn drop(&mut self, frame: &Frame) {
        self.no_face += usize::from(!frame.detection.found);
        self.low_confidence += usize::from(frame.detection.found);
    }
}

/// A clip that is being read.
struct Clip {
    interpolate: bool,
    threshold: Option<f64>,
    columns: Option<Vec<String>>,
    /// All frames, in the order of the file until it ends.
    all: Vec<Frame>,
    /// Positions of the frames by input and number.
    places: HashMap<(String, String), usize>,
    /// Whether rows of a frame were apart from each other.
    scattered: bool,
    /// Values of the kept frames.
    values: Vec<f64>,
    /// Number of values in memory.
    held: usize,
    counts: Counts,
}

impl Clip {
    fn new(options: &FaceOptions) -> Self {
        let fallback = options.interpolate.then_some(CHALLENGE_THRESHOLD);
        Self {
            interpolate: options.interpolate,
            threshold: options.min_confidence.or(fallback),
            columns: None,
            all: Vec::new(),
            places: HashMap::new(),
            scattered: false,
            values: Vec::new(),
            held: 0,
            counts: Counts::default(),
        }
    }

    fn is_sure(&self, detection: Detection) -> bool {
        self.threshold
            .is_none_or(|least| detection.confidence >= least)
    }

    /// Processes the current row; one of another face than the chosen one only shows that its frame exists.
    fn row(&mut self, rows: &CsvReader, layout: &Layout, other_face: bool) -> Result<()> {
        let detection = layout.detection(rows)?;
        let (at, new) = self.frame_of(layout.frame(rows)?);
        if other_face || !new {
            self.counts.other_faces += 1;
        }
        if other_face || !self.is_better(at, detection) {
            return Ok(());
        }
        let mut values = Vec::new();
        if detection.found && (self.interpolate || self.is_sure(detection)) {
            layout.values(rows, &mut values)?;
            if self.columns.is_none() {
                self.columns = Some(layout.names(rows)?);
            }
            let columns = self.columns.as_ref();
            if columns.is_some_and(|names| names.len() != values.len()) {
                let reason = "its lists differ in length from those of earlier frames".into();
                return Err(rows.fault(Some(rows.line()), None, reason));
            }
        } else if self.interpolate && layout.tool == Tool::OpenFace2 {
            // Unreadable values only matter if they are needed.
            if layout.values(rows, &mut values).is_err() {
                values.clear();
            }
        }
        if self.is_better(at, detection) {
            let frame = &mut self.all[at];
            self.held = self.held + values.len() - frame.values.len();
            (frame.detection, frame.values) = (detection, values);
        }
        Ok(())
    }

    /// The position of a row's frame, and whether no row of the chosen face was read for it yet.
    fn frame_of(&mut self, (input, number): (&str, &str)) -> (usize, bool) {
        let last = self.all.len().wrapping_sub(1);
        let key = (input.to_owned(), number.to_owned());
        if let Some(&at) = self.places.get(&key) {
            self.scattered |= at != last;
            return (at, self.all[at].detection.confidence.is_nan());
        }
        self.places.insert(key, self.all.len());
        self.all.push(Frame {
            number: number.to_owned(),
            // No confidence yet: any face is better.
            detection: Detection {
                found: false,
                confidence: f64::NAN,
            },
            values: Vec::new(),
        });
        (self.all.len() - 1, true)
    }

    /// Whether a face is better than the frame's best so far.
    fn is_better(&self, at: usize, new: Detection) -> bool {
        let best = self.all[at].detection;
        let rank = |face: Detection| (face.found, face.confidence);
        best.confidence.is_nan() || rank(new) > rank(best)
    }

    /// Puts the frames in order, counts them and keeps the values of the good ones.
    fn end(&mut self) {
        self.places = HashMap::new();
        self.counts.frames = self.all.len();
        let number = |frame: &Frame| frame.number.trim().parse::<f64>().ok();
        if self.scattered && self.all.iter().all(|frame| number(frame).is_some()) {
            // Rows that were sorted by face: frames that only another face has came last.
            let order = |a: &Frame, b: &Frame| number(a).partial_cmp(&number(b));
            self.all
                .sort_by(|a, b| order(a, b).unwrap_or(Ordering::Equal));
        }
        if self.interpolate {
            return;
        }
        for frame in std::mem::take(&mut self.all) {
            if self.is_good(&frame) {
                self.counts.kept += 1;
                self.values.extend(frame.values);
            } else {
                self.counts.drop(&frame);
            }
        }
    }

    fn is_good(&self, frame: &Frame) -> bool {
        frame.detection.found && self.is_sure(frame.detection)
    }

    /// Interpolates the bad frames, or uses all frames unchanged; see the module docs.
    fn by_the_challenges_rule(&mut self) {
        let all = std::mem::take(&mut self.all);
        let goods: Vec<usize> = (0..all.len())
            .filter(|&at| self.is_good(&all[at]))
            .collect();
        let (Some(&first), Some(&last)) = (goods.first(), goods.last()) else {
            // No face at all: the encoder is missing for the clip. (The script uses the values anyway.)
            all.iter().for_each(|frame| self.counts.drop(frame));
            return;
        };
        let share = |count: usize| count as f64 / all.len() as f64;
        let found = all.iter().filter(|frame| frame.detection.found).count();
        let sure = all
            .iter()
            .filter(|frame| self.is_sure(frame.detection))
            .count();
        let calls = |share: f64| (CHALLENGE_THRESHOLD..1.0).contains(&share);
        if !calls(share(found)) && !calls(share(sure)) {
            for frame in all {
                if frame.values.is_empty() {
                    self.counts.drop(&frame);
                } else {
                    self.counts.kept += 1;
                    self.values.extend(frame.values);
                }
            }
            return;
        }
        all[..first]
            .iter()
            .for_each(|frame| self.counts.drop(frame));
        self.counts.kept = all.len() - first;
        self.counts.interpolated = all.len() - first - goods.len();
        for pair in goods.windows(2) {
            let (from, to) = (pair[0], pair[1]);
            for at in from..to {
                let part = (at - from) as f64 / (to - from) as f64;
                let ends = all[from].values.iter().zip(&all[to].values);
                self.values.extend(ends.map(|(a, b)| a + (b - a) * part));
            }
        }
        for _ in last..all.len() {
            self.values.extend(&all[last].values);
        }
    }
}
