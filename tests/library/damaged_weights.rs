//! Weights files that no training could produce are refused with the position of the error, before
//! memory is allocated for the model.

use std::fs;
use std::path::Path;

use blendfuse::predict::Predictor;

/// The seed model of the fuzz corpus (one encoder `a` of two columns, classes joy and neu) after a
/// change of its header and one of its values; returns the error.
fn refusal(change: impl Fn(&str) -> String, values: impl Fn(&mut Vec<u8>, &str)) -> Option<String> {
    let seed = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/safetensors/seed_model");
    // The package on the registry has no corpus.
    let bytes = fs::read(seed).ok()?;
    let (length, rest) = bytes.split_first_chunk().unwrap();
    let (header, data) = rest.split_at(u64::from_le_bytes(*length) as usize);
    let header = std::str::from_utf8(header).unwrap();
    let mut data = data.to_vec();
    values(&mut data, header);
    let changed = change(header);
    let mut file = (changed.len() as u64).to_le_bytes().to_vec();
    file.extend(changed.as_bytes());
    file.extend(data);
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("w.safetensors");
    fs::write(&path, file).unwrap();
    Some(Predictor::load(&path).err().map_or("read".into(), |error| {
        let message = error.to_string();
        message.replace(&path.display().to_string(), "w")
    }))
}

#[track_caller]
fn header_refused(from: &str, to: &str, expected: &str) {
    let change = |header: &str| {
        assert!(header.contains(from), "{header}");
        header.replace(from, to)
    };
    if let Some(message) = refusal(change, |_, _| {}) {
        assert!(message.starts_with(expected), "{message}");
        assert!(!message.contains('\n') && message.len() < 400, "{message}");
    }
}

#[test]
fn the_undamaged_model_is_read() {
    if let Some(message) = refusal(str::to_owned, |_, _| {}) {
        assert_eq!(message, "read");
    }
}

#[test]
fn what_the_metadata_claim_is_checked() {
    let twice = r#"{\"name\": \"a\", \"modality\": \"video\", \"width\": 2}"#;
    header_refused(
        twice,
        &format!("{twice}, {twice}"),
        "w: damaged metadata: the encoder \"a\" is listed twice",
    );
    header_refused(
        r#"[\"joy\", \"neu\"]"#,
        r#"[\"neu\", \"neu\"]"#,
        "w: damaged metadata: the class \"neu\" is listed twice",
    );
    header_refused(
        r#"\"neutral\": \"neu\""#,
        r#"\"neutral\": \"calm\""#,
        "w: damaged metadata: the neutral class \"calm\" is not one of the classes",
    );
    header_refused(
        r#"\"presence\": 0.1"#,
        r#"\"presence\": -0.1"#,
        "w: damaged metadata: a threshold, alpha or beta is -0.1",
    );
    header_refused(
        r#"\"top_k\": 1"#,
        r#"\"top_k\": 0"#,
        "w: damaged metadata: configuration: model.top_k: found 0",
    );
}

#[test]
fn a_model_larger_than_the_file_is_refused_before_it_is_allocated() {
    // 2⁴⁰ weights of 4 bytes.
    let width = r#"\"width\": 2}"#;
    let vast = |header: &str| {
        header.replace(width, r#"\"width\": 1048576}"#).replace(
            r#"\"projection_dim\": 1,"#,
            r#"\"projection_dim\": 1048576,"#,
        )
    };
    if let Some(message) = refusal(vast, |_, _| {}) {
        assert!(message.starts_with("w, key encoders.a."), "{message}");
        assert!(message.contains("the model needs"), "{message}");
    }
}

#[test]
fn a_deviation_that_is_not_above_0_is_refused() {
    for (value, shown) in [
        (0.0f32, "0"),
        (-1.0, "-1"),
        (f32::NAN, "NaN"),
        (f32::INFINITY, "inf"),
    ] {
        let set = |data: &mut Vec<u8>, header: &str| {
            let header: serde_json::Value = serde_json::from_str(header).unwrap();
            let start = header["input.a.std"]["data_offsets"][0].as_u64().unwrap() as usize;
            data[start + 4..start + 8].copy_from_slice(&value.to_le_bytes());
        };
        if let Some(message) = refusal(str::to_owned, set) {
            assert_eq!(
                message,
                format!(
                    "w, key input.a.std: column 1 (from 0) holds {shown}, expected a number above 0: the file is damaged"
                )
            );
        }
    }
}
