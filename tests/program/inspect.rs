//! The report of `inspect` on encoders, from the command line.

use std::fs;

use crate::command::Place;

#[test]
fn shift_and_missing_clips_are_reported_and_plotted() {
    let place = Place::with_data(&["--missing", "0.2", "--domain-shift", "4"]);
    let told = place.json(&["inspect", "data", "--figure", "data.svg"]);
    let encoders = told["encoders"].as_array().unwrap();
    assert_eq!(encoders.len(), 6);
    let number = |value: &serde_json::Value| value.as_f64().unwrap();
    for encoder in encoders {
        let train = &encoder["train"];
        let share = number(&train["missing_clips"]) / 141.0;
        assert_eq!(train["missing_share"], share);
        assert_eq!(train["duplicate_rows"], 0);
    }
    // Such a large shift exceeds that of new actors alone, except for blind encoders.
    let beyond = encoders.iter().filter(|encoder| {
        let shift = &encoder["shift"];
        number(&shift["energy"]) > number(&shift["new_actors_95"])
            && number(&shift["p_value"]) < 0.05
    });
    assert!(beyond.count() >= 4, "{encoders:?}");
    let svg = fs::read_to_string(place.path("data.svg")).unwrap();
    assert!(svg.starts_with("<svg") && svg.contains("wavlm_large"));
    let error = place.refused(&["inspect", "data", "--figure", "data.svg"]);
    assert!(error.contains("already exists"), "{error}");
    let one = place.json(&["inspect", "data", "--threads", "1"]);
    assert_eq!(told, one);
}
