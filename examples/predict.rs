//! Serves a trained model: loads it once, scores clips a batch at a time.
//!
//! ```text
//! blendfuse demo --out demo
//! cargo run --release --example predict -- demo/run demo/data
//! ```
//!
//! Features are mapped, not read: memory holds the model and one batch of scores, however many clips
//! there are.

use std::io::Write;
use std::path::Path;

use blendfuse::data::part::{self, Needs};
use blendfuse::train::{Predictor, decoding};

/// Clips scored at once.
const BATCH: usize = 256;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [run, data] = arguments.as_slice() else {
        return Err("expected RUN and DATA".into());
    };
    let model = Predictor::load(Path::new(run))?;
    let description = model.description();
    let classes = model.classes();
    let encoders: Vec<(String, usize)> = description
        .encoders
        .iter()
        .map(|encoder| (encoder.name.clone(), encoder.width))
        .collect();
    let needs = Needs {
        encoders: &encoders,
        dropped: &[],
        classes: &classes,
    };
    let split = part::open(Path::new(data), "test", needs)?.split;

    let rules = decoding::rules(&description.config.decode);
    let thresholds = description.thresholds.as_thresholds();
    let all: Vec<usize> = (0..split.len()).collect();
    let mut out = std::io::stdout().lock();
    for clips in all.chunks(BATCH) {
        let scores = model.score(&split, clips, &[])?;
        let decided = rules.decode_rows(scores.aligned.view(), &classes, thresholds)?;
        for (&clip, blend) in clips.iter().zip(&decided) {
            let shares = blend.parts().iter();
            let shares =
                shares.map(|part| format!("{} {}", classes.name(part.class), part.salience));
            let shares: Vec<String> = shares.collect();
            writeln!(
                out,
                "{}: {}",
                split.clips[clip].filename,
                shares.join(" + ")
            )?;
        }
    }
    Ok(())
}
