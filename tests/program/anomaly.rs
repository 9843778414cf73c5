//! `train --detect-anomaly`: names the operation, and changes no byte where nothing is wrong.

use crate::command::{Place, SMALL};

fn train<'a>(out: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let base = ["train", "data", "--out", out, "--fold", "0"];
    [&base[..], SMALL, more].concat()
}

#[test]
fn a_sound_run_is_the_same_to_the_byte() {
    let place = Place::with_data(&["--missing", "0.2"]);
    let settings = ["--set", "train.max_epochs=2", "--set", "uda.enabled=true"];
    place.ok(&train("plain", &settings));
    place.ok(&train(
        "watched",
        &[&settings[..], &["--detect-anomaly"]].concat(),
    ));
    for name in ["weights.safetensors", "last.safetensors", "history.csv"] {
        let [a, b] =
            ["plain", "watched"].map(|run| std::fs::read(place.path(run).join(name)).unwrap());
        assert!(a == b, "{name} differs");
    }
}

#[test]
fn what_leaves_the_range_is_named_with_its_operation() {
    let place = Place::with_data(&[]);
    // The first step moves the weights to 1e30, and the products of the next overflow.
    let settings = ["--set", "train.lr=1e30"];
    let ran = place.run(&train("plain", &settings));
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr
            .contains("anomaly detection names the operation (train --detect-anomaly)"),
        "{}",
        ran.stderr
    );
    let watched = train("watched", &[&settings[..], &["--detect-anomaly"]].concat());
    let ran = place.run(&watched);
    assert_eq!(ran.code, 1);
    let line = ran
        .stderr
        .lines()
        .find(|line| line.starts_with("error: "))
        .unwrap();
    assert!(line.contains("epoch 1, batch 2"), "{line}");
    assert!(
        line.contains("it began in the forward pass of the operation "),
        "{line}"
    );
    assert!(
        line.contains(" at ") && !line.contains("--detect-anomaly"),
        "{line}"
    );
    eprintln!("{line}");
    // The step itself overflows f32.
    let settings = ["--set", "train.lr=1e40", "--detect-anomaly"];
    let ran = place.run(&train("thrown", &settings));
    assert_eq!(ran.code, 1);
    assert!(
        ran.stderr.contains(
            "the weight is not finite, epoch 1, batch 1; it began in the optimiser's step of "
        ),
        "{}",
        ran.stderr
    );
}
