//! `blendfuse export`.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;

use crate::Result;
use crate::cli::flags::common::{Overwrite, quoted};
use crate::cli::output::console;
use crate::cli::output::numbers::{bytes as in_units, counted};
use crate::export::onnx;
use crate::predict::Predictor;

/// Export a trained model to ONNX
///
/// An ONNX file runs without blendfuse: ONNX Runtime has APIs for Python, C, C++, C#, Java and
/// JavaScript, in browsers too. It contains all steps from raw features to the scores of the
/// emotions, including standardisation and batch norms.
///
/// Inputs: one per encoder, under the encoder's name, [clips, columns], single precision, as in its
/// feature file. Any number of clips at once. A row with NaN means that the encoder is missing for
/// the clip; a clip without any encoder gets NaN.
///
/// Outputs: presence, salience and aligned [clips, classes]; weights (gate weight of each encoder
/// before selection) and kept (its gate weight after selection) [clips, encoders]. The file's
/// metadata contains classes, encoders, thresholds, alpha and the decoding rules.
///
/// The scores equal those of `blendfuse predict` up to rounding (about 1e-6). docs/onnx.md shows how
/// to run the file in Python and in a browser.
#[derive(Args, Debug)]
#[command(after_help = "\
Examples:
  blendfuse export runs/fold0 --onnx model.onnx
  blendfuse export runs/cv/final --onnx model.onnx --force --json
  blendfuse export runs/fold0/last.safetensors --onnx last.onnx")]
pub struct Export {
    /// Folder of a run, or a weights file
    run: PathBuf,
    /// ONNX file to write (opset 17); at most 2 GiB
    #[arg(long, value_name = "FILE.onnx", required = true)]
    onnx: PathBuf,
    #[command(flatten)]
    overwrite: Overwrite,
    /// Print what was written as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Export {
    /// Exports.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        self.overwrite.check("--onnx", &self.onnx, &["onnx"])?;
        let model = Predictor::load(&self.run)?;
        let bytes = onnx::write(&self.onnx, &model)?;
        let description = model.description();
        if self.json {
            let encoders = description.encoders.iter();
            let inputs: Vec<_> = encoders
                .map(|encoder| json!({"name": encoder.name, "width": encoder.width}))
                .collect();
            let chosen = description.thresholds;
            return console::print_json(&json!({
                "run": self.run,
                "written": self.onnx,
                "bytes": bytes,
                "opset": onnx::OPSET,
                "ir_version": onnx::IR_VERSION,
                "inputs": inputs,
                "outputs": onnx::OUTPUTS,
                "classes": description.classes,
                "presence_threshold": chosen.presence,
                "salience_threshold": chosen.salience,
                "alpha": chosen.alpha,
            }));
        }
        console::print(&format!(
            "{} in, classes {} out; opset {}, {}\nwrote {}\n",
            counted(description.encoders.len(), "encoder"),
            description.classes.join(", "),
            onnx::OPSET,
            in_units(bytes),
            quoted(&self.onnx)
        ))?;
        if model.is_per_actor() {
            console::note(
                "the model standardises features per actor, which the graph cannot do, since it sees single clips: feed features that are standardised so (metadata blendfuse.standardise_inputs; docs/onnx.md)",
            );
        }
        Ok(())
    }
}
