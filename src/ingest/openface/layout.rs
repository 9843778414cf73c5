//! The layout of a file: which columns contain what, and how cells become numbers.

use super::{CHALLENGE_COLUMNS, ColumnSelection, Group, Tool};
use crate::Result;
use crate::formats::csv::reader::CsvReader;

/// Classes of OpenFace 3's emotion, from 0 (AffectNet's order).
const OPENFACE3_EMOTIONS: [&str; 8] = [
    "neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt",
];

/// The format of cells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// A number.
    Number,
    /// A list of numbers, nested or not.
    List,
    /// A list of points: all x, then all y.
    Points,
    /// A class number, which becomes columns of 0 and 1.
    Class,
}

/// The columns of a file that are used.
pub(super) struct Layout {
    pub tool: Tool,
    /// The frame number; without it all rows are faces of one image.
    frame: Option<usize>,
    /// The file that py-feat read: its frame numbers begin anew in each.
    input: Option<usize>,
    /// Which face a row is of.
    face: Option<usize>,
    /// The clip or picture that a row is of.
    source: Option<usize>,
    /// Whether a face was detected.
    found: Option<usize>,
    confidence: Option<usize>,
    fields: Vec<(usize, Form)>,
}

/// The detection of a row's face.
#[derive(Clone, Copy, Debug)]
pub(super) struct Detection {
    pub found: bool,
    /// 1 if the file has no such column.
    pub confidence: f64,
}

impl Layout {
    /// Finds the columns by their names in the header.
    ///
    /// # Errors
    /// [`crate::Error::Csv`] if the file is not from a known program, or lacks selected columns.
    pub fn of(rows: &CsvReader, selection: &ColumnSelection) -> Result<Layout> {
        let column = |name: &str| rows.column(name);
        let missing = |reason: String| Err(rows.fault(Some(1), None, reason));
        let (tool, frame, found, confidence) = if let Some(face) = column("face_detection") {
            (
                Tool::OpenFace3,
                column("frame_index"),
                Some(face),
                Some(face),
            )
        } else if let Some(score) = column("FaceScore") {
            (Tool::PyFeat, column("frame"), Some(score), Some(score))
        } else if column("success").is_some() || column("confidence").is_some() {
            let (success, confidence) = (column("success"), column("confidence"));
            (Tool::OpenFace2, column("frame"), success, confidence)
        } else {
            return missing(
                "is not an output of OpenFace 2 (which has a column success or confidence), OpenFace 3 (face_detection) or py-feat (FaceScore)"
                    .into(),
            );
        };
        let mut fields = Vec::new();
        if *selection == ColumnSelection::Challenge {
            for name in CHALLENGE_COLUMNS {
                let Some(column) = column(name) else {
                    return missing(format!(
                        "has no column {name}, one of the challenge's 31; choose different groups"
                    ));
                };
                fields.push((column, Form::Number));
            }
        } else {
            for &group in selection.groups() {
                let before = fields.len();
                for (column, name) in rows.columns().iter().enumerate() {
                    if Group::of(name) == Some(group) {
                        fields.push((column, form(tool, name)));
                    }
                }
                if fields.len() == before && *selection != ColumnSelection::Paper {
                    return missing(format!("has no columns of the group {group}"));
                }
            }
        }
        if fields.is_empty() {
            return missing("has neither landmarks nor action units, gaze or head pose".into());
        }
        for (at, &(column, _)) in fields.iter().enumerate() {
            let name = &rows.columns()[column];
            let same = |&&(other, _): &&(usize, Form)| rows.columns()[other] == *name;
            if fields[..at].iter().any(|field| same(&field)) {
                return missing(format!("column {name} appears twice; keep one"));
            }
        }
        let source = match tool {
            Tool::OpenFace3 => column("video_path"),
            Tool::PyFeat => column("input"),
            Tool::OpenFace2 => ["filename", "file", "video", "input"]
                .into_iter()
                .find_map(column),
        };
        let (face, input) = match tool {
            Tool::OpenFace2 | Tool::OpenFace3 => (column("face_id"), None),
            Tool::PyFeat => (column("Identity"), column("input")),
        };
        Ok(Layout {
            tool,
            frame,
            input,
            face,
            source,
            found,
            confidence,
            fields,
        })
    }

    /// Whether frames have a confidence.
    pub fn has_confidence(&self) -> bool {
        self.confidence.is_some()
    }

    /// The input and the frame of a row; both are empty if all rows are of one image.
    ///
    /// # Errors
    /// [`crate::Error::Csv`] if a cell is not UTF-8.
    pub fn frame<'a>(&self, rows: &'a CsvReader) -> Result<(&'a str, &'a str)> {
        let cell = |column: Option<usize>| column.map_or(Ok(""), |column| rows.cell(column));
        Ok((cell(self.input)?, cell(self.frame)?))
    }

    /// The face of a row; `None` if the file does not tell.
    ///
    /// # Errors
    /// As [`Layout::frame`].
    pub fn face<'a>(&self, rows: &'a CsvReader) -> Result<Option<&'a str>> {
        self.face.map(|column| rows.cell(column)).transpose()
    }

    /// The clip or picture that a row is of; `None` if the file does not tell.
    ///
    /// # Errors
    /// As [`Layout::frame`].
    pub fn source<'a>(&self, rows: &'a CsvReader) -> Result<Option<&'a str>> {
        self.source.map(|column| rows.cell(column)).transpose()
    }

    /// Whether a row has a face, and with which confidence.
    ///
    /// # Errors
    /// [`crate::Error::Csv`] for cells that are not numbers.
    pub fn detection(&self, rows: &CsvReader) -> Result<Detection> {
        if let (Tool::OpenFace3, Some(column)) = (self.tool, self.found) {
            if rows.cell(column)?.is_empty() {
                return Ok(Detection {
                    found: false,
                    confidence: 0.0,
                });
            }
            let mut face = Vec::new();
            self.list(rows, column, &mut face)?;
            let Some(&confidence) = face.get(4) else {
                let reason = format!(
                    "expected [x1, y1, x2, y2, confidence, …], found {} numbers",
                    face.len()
                );
                return Err(rows.cell_fault(column, reason));
            };
            return Ok(Detection {
                found: true,
                confidence,
            });
        }
        let number = |column: Option<usize>| {
            column
                .map(|column| match rows.cell(column)? {
                    // pandas' form of 1 and 0.
                    word if word.eq_ignore_ascii_case("true") => Ok(Some(1.0)),
                    word if word.eq_ignore_ascii_case("false") => Ok(Some(0.0)),
                    _ => rows.number(column),
                })
                .transpose()
        };
        let found = match (self.tool, number(self.found)?) {
            (_, None) => true,
            (Tool::PyFeat, Some(score)) => score.is_some_and(|score| !score.is_nan()),
            (_, Some(success)) => success == Some(1.0),
        };
        let confidence = match number(self.confidence)? {
            None => 1.0,
            Some(Some(confidence)) if !confidence.is_nan() => confidence,
            // Below any threshold.
            Some(_) => f64::NEG_INFINITY,
        };
        Ok(Detection { found, confidence })
    }

    /// Keeps those of some fields that are empty in the current row.
    ///
    /// # Errors
    /// As [`Layout::frame`].
    pub fn keep_empty(&self, rows: &CsvReader, fields: &mut Vec<usize>) -> Result<()> {
        let mut kept = Vec::new();
        for &field in fields.iter() {
            if rows.cell(self.fields[field].0)?.is_empty() {
                kept.push(field);
            }
        }
        *fields = kept;
        Ok(())
    }

    /// All fields.
    pub fn fields(&self) -> Vec<usize> {
        (0..self.fields.len()).collect()
    }

    /// Leaves fields out that are empty in every frame with a face, the first of which is on `line`; returns the
    /// names of their columns.
    ///
    /// # Errors
    /// [`crate::Error::Csv`] if none would remain.
    pub fn leave_out(
        &mut self,
        fields: &[usize],
        line: u64,
        rows: &CsvReader,
    ) -> Result<Vec<String>> {
        let names = fields
            .iter()
            .map(|&field| rows.columns()[self.fields[field].0].clone());
        let names: Vec<String> = names.collect();
        if let Some(first) = names.first()
            && names.len() == self.fields.len()
        {
            let reason = "is empty in every frame with a face, like all selected columns; choose other groups";
            return Err(rows.fault(Some(line), Some(first), reason.into()));
        }
        let mut field = 0;
        self.fields.retain(|_| {
            field += 1;
            !fields.contains(&(field - 1))
        });
        Ok(names)
    }

    /// Appends the values of a row.
    ///
    /// # Errors
    /// [`crate::Error::Csv`] for cells that are not finite numbers.
    pub fn values(&self, rows: &CsvReader, out: &mut Vec<f64>) -> Result<()> {
        for &(column, form) in &self.fields {
            let start = out.len();
            match form {
                _ if rows.cell(column)?.is_empty() => {
                    let reason = "is empty in a frame with a face; fix the row, or choose groups without this column";
                    return Err(rows.cell_fault(column, reason.into()));
                }
                Form::Number => out.extend(rows.number(column)?),
                Form::List => self.list(rows, column, out)?,
                Form::Points => {
                    self.list(rows, column, out)?;
                    let points = out.split_off(start);
                    let axis = |first| points.iter().skip(first).step_by(2);
                    out.extend(axis(0).chain(axis(1)));
                }
                Form::Class => {
                    let class = rows.number(column)?.unwrap_or(f64::NAN);
                    let classes = 0..OPENFACE3_EMOTIONS.len();
                    if !classes.clone().any(|known| known as f64 == class) {
                        let reason = format!("expected a class from 0 to 7, found {class}");
                        return Err(rows.cell_fault(column, reason));
                    }
                    out.extend(classes.map(|known| f64::from(u8::from(known as f64 == class))));
                }
            }
            if let Some(value) = out[start..].iter().find(|value| !value.is_finite()) {
                let reason = format!("expected a finite number, found {value}");
                return Err(rows.cell_fault(column, reason));
            }
        }
        Ok(())
    }

    /// Names of the values of a row; lists are as long as in the current row.
    ///
    /// # Errors
    /// As [`Layout::values`].
    pub fn names(&self, rows: &CsvReader) -> Result<Vec<String>> {
        let mut names = Vec::new();
        for &(column, form) in &self.fields {
            let name = &rows.columns()[column];
            let mut list = Vec::new();
            if matches!(form, Form::List | Form::Points) {
                self.list(rows, column, &mut list)?;
            }
            match form {
                Form::Number => names.push(name.clone()),
                Form::List => names.extend((0..list.len()).map(|n| format!("{name}_{n}"))),
                Form::Points => {
                    let axis = |axis| (0..list.len() / 2).map(move |n| format!("{axis}_{n}"));
                    names.extend(axis("x").chain(axis("y")));
                }
                Form::Class => {
                    names.extend(OPENFACE3_EMOTIONS.map(|class| format!("{name}_{class}")))
                }
            }
        }
        Ok(names)
    }

    /// Names of the values, if none of them is a list.
    pub fn fixed_names(&self, rows: &CsvReader) -> Option<Vec<String>> {
        let fixed = self.fields.iter().all(|(_, form)| *form == Form::Number);
        let names = self.fields.iter();
        fixed.then(|| {
            names
                .map(|&(column, _)| rows.columns()[column].clone())
                .collect()
        })
    }

    /// Appends the numbers of a list as printed by Python, nested or not.
    fn list(&self, rows: &CsvReader, column: usize, out: &mut Vec<f64>) -> Result<()> {
        let text = rows.cell(column)?;
        let numbers = serde_json::from_str(text).ok().and_then(|value| {
            let mut numbers = Vec::new();
            flatten(&value, &mut numbers).then_some(numbers)
        });
        let Some(numbers) = numbers else {
            let shown: String = text.chars().take(20).collect();
            return Err(rows.cell_fault(
                column,
                format!("expected a list of numbers, found {shown:?}"),
            ));
        };
        out.extend(numbers);
        Ok(())
    }
}

fn form(tool: Tool, name: &str) -> Form {
    match (tool, name) {
        (Tool::OpenFace3, "landmarks") => Form::Points,
        (Tool::OpenFace3, "action_units") => Form::List,
        (Tool::OpenFace3, "emotion") => Form::Class,
        _ => Form::Number,
    }
}

fn flatten(value: &serde_json::Value, out: &mut Vec<f64>) -> bool {
    match value {
        serde_json::Value::Array(values) => values.iter().all(|value| flatten(value, out)),
        value => value.as_f64().map(|number| out.push(number)).is_some(),
    }
}
