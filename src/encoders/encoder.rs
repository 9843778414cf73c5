//! An encoder, as a data set has it, a network takes it, and a weights file lists it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// What an encoder looks at; in the paper's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Modality {
    /// Frames or faces.
    Video,
    /// Audio.
    Audio,
    /// Several modalities, or vision-language models.
    Multimodal,
    /// Unknown.
    Other,
}

impl Modality {
    /// Its name, as files hold it.
    pub fn name(self) -> &'static str {
        match self {
            Modality::Video => "video",
            Modality::Audio => "audio",
            Modality::Multimodal => "multimodal",
            Modality::Other => "other",
        }
    }
}

impl fmt::Display for Modality {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One encoder.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Encoder {
    /// Name of its feature file, without `.npz`; part of its parameters' names.
    pub name: String,
    /// What it looks at.
    pub modality: Modality,
    /// D_m, columns of its feature file.
    pub width: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_holds_the_name_the_modality_and_the_width() {
        for modality in [
            Modality::Video,
            Modality::Audio,
            Modality::Multimodal,
            Modality::Other,
        ] {
            let encoder = Encoder {
                name: "faces".into(),
                modality,
                width: 7,
            };
            let text = format!(r#"{{"name":"faces","modality":"{modality}","width":7}}"#);
            assert_eq!(serde_json::to_string(&encoder).unwrap(), text);
            assert_eq!(serde_json::from_str::<Encoder>(&text).unwrap(), encoder);
        }
    }
}
