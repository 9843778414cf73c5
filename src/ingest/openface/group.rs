//! Groups of columns, recognised by their names.

use std::fmt;
use std::str::FromStr;

use crate::suggest::meant;
use crate::{Error, Result};

/// Columns that belong together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Group {
    /// Action units: `AU01_r` (intensity), `AU01_c` (presence), py-feat's `AU01`, OpenFace 3's
    /// `action_units`.
    Au,
    /// Gaze: `gaze_0_x` … `gaze_angle_y`, `gaze_yaw`, `gaze_pitch`, `gaze_angle`.
    Gaze,
    /// Head pose: `pose_Tx` … `pose_Rz`, py-feat's `Pitch`, `Roll`, `Yaw`, `X`, `Y`, `Z`.
    Pose,
    /// Facial landmarks in pixels: `x_0` … `y_67`, OpenFace 3's `landmarks`.
    Landmarks,
    /// Facial landmarks in millimetres: `X_0` … `Z_67`.
    Landmarks3d,
    /// Landmarks of the eyes: `eye_lmk_…`.
    Eyes,
    /// Parameters of the point distribution model: `p_scale` … `p_33`.
    Shape,
    /// Emotions according to the program; OpenFace 3's class becomes eight columns of 0 and 1.
    Emotion,
    /// py-feat's `valence` and `arousal`.
    Affect,
    /// py-feat's `Identity_1` … `Identity_512`.
    Identity,
    /// py-feat's `mesh_x_0` … `mesh_z_477`.
    Mesh,
    /// py-feat's blend shapes, `browDownLeft` … `noseSneerRight`.
    BlendShapes,
}

/// All groups with their names.
const NAMES: [(Group, &str); 12] = [
    (Group::Au, "au"),
    (Group::Gaze, "gaze"),
    (Group::Pose, "pose"),
    (Group::Landmarks, "landmarks"),
    (Group::Landmarks3d, "landmarks3d"),
    (Group::Eyes, "eyes"),
    (Group::Shape, "shape"),
    (Group::Emotion, "emotion"),
    (Group::Affect, "affect"),
    (Group::Identity, "identity"),
    (Group::Mesh, "mesh"),
    (Group::BlendShapes, "blendshapes"),
];

/// The paper's groups, in its order.
const DEFAULT: [Group; 4] = [Group::Landmarks, Group::Au, Group::Gaze, Group::Pose];

/// The columns of the challenge's own OpenFace features, in its order: 17 intensities of action
/// units, head rotation and position, gaze. These are the 31 of the registry.
pub const CHALLENGE_COLUMNS: [&str; 31] = [
    "AU01_r",
    "AU02_r",
    "AU04_r",
    "AU05_r",
    "AU06_r",
    "AU07_r",
    "AU09_r",
    "AU10_r",
    "AU12_r",
    "AU14_r",
    "AU15_r",
    "AU17_r",
    "AU20_r",
    "AU23_r",
    "AU25_r",
    "AU26_r",
    "AU45_r",
    "pose_Rx",
    "pose_Ry",
    "pose_Rz",
    "pose_Tx",
    "pose_Ty",
    "pose_Tz",
    "gaze_0_x",
    "gaze_0_y",
    "gaze_0_z",
    "gaze_1_x",
    "gaze_1_y",
    "gaze_1_z",
    "gaze_angle_x",
    "gaze_angle_y",
];

/// py-feat's emotions, in the spellings of its detectors.
const EMOTIONS: [&str; 11] = [
    "anger",
    "disgust",
    "fear",
    "happiness",
    "happy",
    "sadness",
    "sad",
    "surprise",
    "neutral",
    "contempt",
    "emotion",
];

impl Group {
    /// The group of a column, if it belongs to any.
    pub fn of(column: &str) -> Option<Group> {
        let numbered = |prefixes: &[&str]| {
            prefixes.iter().any(|prefix| {
                column.strip_prefix(prefix).is_some_and(|rest| {
                    !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit())
                })
            })
        };
        let starts = |prefixes: &[&str]| prefixes.iter().any(|prefix| column.starts_with(prefix));
        let unit = column
            .strip_suffix("_r")
            .or_else(|| column.strip_suffix("_c"))
            .unwrap_or(column);
        if unit.strip_prefix("AU").is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        }) || column == "action_units"
        {
            Some(Group::Au)
        } else if starts(&["gaze_"]) {
            Some(Group::Gaze)
        } else if starts(&["pose_"]) || ["Pitch", "Roll", "Yaw", "X", "Y", "Z"].contains(&column) {
            Some(Group::Pose)
        } else if numbered(&["x_", "y_"]) || column == "landmarks" {
            Some(Group::Landmarks)
        } else if numbered(&["X_", "Y_", "Z_"]) {
            Some(Group::Landmarks3d)
        } else if starts(&["eye_lmk_"]) {
            Some(Group::Eyes)
        } else if starts(&["p_"]) {
            Some(Group::Shape)
        } else if EMOTIONS.contains(&column.to_ascii_lowercase().as_str()) {
            Some(Group::Emotion)
        } else if ["valence", "arousal"].contains(&column) {
            Some(Group::Affect)
        } else if numbered(&["Identity_"]) {
            Some(Group::Identity)
        } else if numbered(&["mesh_x_", "mesh_y_", "mesh_z_"]) {
            Some(Group::Mesh)
        } else if column == "_neutral"
            || starts(&[
                "brow",
                "cheek",
                "eyeBlink",
                "eyeLook",
                "eyeSquint",
                "eyeWide",
            ])
            || starts(&["jaw", "mouth", "noseSneer"])
        {
            Some(Group::BlendShapes)
        } else {
            None
        }
    }
}

impl fmt::Display for Group {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = NAMES.iter().find(|(group, _)| group == self);
        f.write_str(name.map_or("", |(_, name)| name))
    }
}

/// Which columns to read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum ColumnSelection {
    /// Those of landmarks, action units, gaze and head pose that the file has.
    #[default]
    Paper,
    /// [`CHALLENGE_COLUMNS`].
    Challenge,
    /// These groups, in this order; the file must have all of them.
    Groups(Vec<Group>),
}

impl fmt::Display for ColumnSelection {
    /// As it is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ColumnSelection::Paper => f.write_str("paper"),
            ColumnSelection::Challenge => f.write_str("challenge"),
            ColumnSelection::Groups(groups) => {
                let names: Vec<String> = groups.iter().map(Group::to_string).collect();
                f.write_str(&names.join(","))
            }
        }
    }
}

impl FromStr for ColumnSelection {
    type Err = Error;

    /// Parses `paper`, `challenge`, or group names separated by commas.
    ///
    /// # Errors
    /// [`Error::Data`] for an unknown group, or one that is listed twice.
    fn from_str(text: &str) -> Result<ColumnSelection> {
        match text.trim() {
            "paper" => return Ok(ColumnSelection::Paper),
            "challenge" => return Ok(ColumnSelection::Challenge),
            _ => {}
        }
        let mut groups = Vec::new();
        for name in text.split(',').map(str::trim) {
            let known = NAMES.iter().find(|(_, known)| *known == name);
            let Some(&(group, _)) = known else {
                let names = NAMES.map(|(_, name)| name);
                let all = names.into_iter().chain(["paper", "challenge"]);
                let names = names.join(", ");
                return Err(Error::Data(format!(
                    "no such group of columns: {name:?}; expected paper, challenge, or some of {names}{}",
                    meant(name, all)
                )));
            };
            if groups.contains(&group) {
                return Err(Error::Data(format!("group {name} is listed twice")));
            }
            groups.push(group);
        }
        Ok(ColumnSelection::Groups(groups))
    }
}

impl ColumnSelection {
    /// The paper's groups of which a file has no column, where files may lack some.
    pub fn absent(&self, columns: &[String]) -> Vec<Group> {
        let of = |group: Group| {
            let is_one = |name: &String| match group {
                // OpenFace 3's list, with a number for each.
                Group::Au if name.starts_with("action_units_") => true,
                _ => Group::of(name) == Some(group),
            };
            !columns.iter().any(is_one)
        };
        match self {
            ColumnSelection::Paper => DEFAULT.into_iter().filter(|&group| of(group)).collect(),
            _ => Vec::new(),
        }
    }

    /// The groups to look for.
    pub(super) fn groups(&self) -> &[Group] {
        match self {
            ColumnSelection::Groups(groups) => groups,
            _ => &DEFAULT,
        }
    }
}
