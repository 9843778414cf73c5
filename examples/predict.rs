//! Serves a trained model: loads it once, scores rows in memory a batch at a time.
//!
//! ```text
//! blendfuse demo --out demo
//! cargo run --release --example predict -- demo/run demo/data
//! ```
//!
//! A service would get its rows from elsewhere; here they are read from a data folder. To score a whole
//! folder, use `Predictor::score_in_batches`, which copies no features.

use std::io::Write;
use std::path::Path;

use blendfuse::data::dataset::Split;
use blendfuse::data::part::{self, Needs};
use blendfuse::predict::Predictor;
use ndarray::Array2;

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
    let encoders = &description.encoders;
    let needs = Needs {
        encoders,
        dropped: &[],
        classes: &classes,
    };
    let split = part::open(Path::new(data), "test", needs)?.split;

    let all: Vec<usize> = (0..split.len()).collect();
    let mut out = std::io::stdout().lock();
    for clips in all.chunks(BATCH) {
        // Rows as in a service: in memory, by encoder, NaN where an encoder is missing for the clip.
        let rows: Vec<Array2<f32>> = encoders
            .iter()
            .enumerate()
            .map(|(m, encoder)| rows_of(&split, m, encoder.width, clips))
            .collect();
        let names = encoders.iter().map(|encoder| encoder.name.as_str());
        let features: Vec<_> = names.zip(rows.iter().map(|x| x.view())).collect();
        let scores = model.score_rows(&features)?;
        for (row, blend) in model.emotions(&scores)?.iter().enumerate() {
            let shares = blend.parts().iter();
            let shares =
                shares.map(|part| format!("{} {}", classes.name(part.class), part.salience));
            let shares: Vec<String> = shares.collect();
            // The encoder with the largest weight.
            let kept = scores.selected_weights.row(row).to_vec();
            let most = (0..kept.len()).max_by(|&a, &b| kept[a].total_cmp(&kept[b]));
            writeln!(
                out,
                "{}: {} (most by {})",
                split.clips[clips[row]].filename,
                shares.join(" + "),
                most.map_or("none", |m| &encoders[m].name)
            )?;
        }
    }
    Ok(())
}

fn rows_of(split: &Split, encoder: usize, width: usize, clips: &[usize]) -> Array2<f32> {
    let mut rows = Array2::from_elem((clips.len(), width), f32::NAN);
    for (mut out, &clip) in rows.rows_mut().into_iter().zip(clips) {
        if let (Some(row), Some(out)) = (split.rows(encoder)[clip], out.as_slice_mut()) {
            split.source(encoder).read(row as usize, 0, out);
        }
    }
    rows
}
