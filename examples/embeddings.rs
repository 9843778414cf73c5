//! Projected embeddings of a model's training clips, and the similarity of the encoders.
//!
//! ```text
//! cargo run --release --example embeddings -- RUN DATA OUT
//! ```
//!
//! `RUN` is a folder of `train`, or of a cross-validation that kept its weights (its first fold is
//! taken). Writes into the new folder `OUT` the embeddings Z of each encoder as `ENCODER.npz`, and
//! `cka.json`: the encoders and the linear CKA of every two. `benches/peers/cka.py OUT` does the same
//! sum with numpy.

use std::fs;
use std::path::Path;
use std::time::Instant;

use blendfuse::analysis::cka::pairwise_cka;
use blendfuse::analysis::observations::{open_training_split, training_clips};
use blendfuse::analysis::run::AnalysedRun;
use blendfuse::ingest::encoder_file::EncoderRows;

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [run, data, out] = arguments.as_slice() else {
        return Err("expected RUN, DATA and a new folder OUT".into());
    };
    let run = AnalysedRun::open(Path::new(run))?;
    let model = &run.models[0];
    let split = open_training_split(Path::new(data), model)?;
    let clips = training_clips(model, &split)?;
    let embeddings = model.predictor.embeddings(&split, &clips)?;
    let presence = split.presence(&clips);

    let began = Instant::now();
    let cka = pairwise_cka(&embeddings, &presence)?;
    let seconds = began.elapsed().as_secs_f64();
    println!(
        "{} encoders, {} clips, {} columns each: every pair in {seconds:.2} s",
        embeddings.len(),
        clips.len(),
        embeddings.first().map_or(0, |z| z.ncols()),
    );

    let out = Path::new(out);
    fs::create_dir(out)?;
    let encoders = &model.predictor.description().encoders;
    for (m, (encoder, z)) in encoders.iter().zip(&embeddings).enumerate() {
        let mut file = EncoderRows::new(z.ncols());
        let rows = z.outer_iter().zip(&clips).enumerate();
        for (_, (row, &clip)) in rows.filter(|(at, _)| presence.has(*at, m)) {
            file.push(split.clips[clip].filename.clone(), &row.to_vec());
        }
        file.write(&out.join(format!("{}.npz", encoder.name)), None, None)?;
    }
    let names: Vec<&str> = encoders
        .iter()
        .map(|encoder| encoder.name.as_str())
        .collect();
    let rows: Vec<Vec<f64>> = cka.outer_iter().map(|row| row.to_vec()).collect();
    let value = serde_json::json!({ "encoders": names, "cka": rows });
    fs::write(out.join("cka.json"), serde_json::to_vec_pretty(&value)?)?;
    Ok(())
}
