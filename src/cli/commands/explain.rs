//! `blendfuse explain`.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};

use super::predict::SplitArg;
use crate::Result;
use crate::analysis::clip_explanation::{ClipExplanation, Wanted, explain};
use crate::cli::flags::common::{Threads, quoted};
use crate::cli::output::console;
use crate::cli::output::numbers::{PlainTable, share};
use crate::predict::explain::decision;

/// Explain one clip: scores, decoding, and what each encoder did
///
/// Shows the encoders by importance, and the answer without each of them. In a cross-validation the
/// model that did not train on the clip scores it.
#[derive(Args, Debug)]
#[command(after_help = "\
Moved: how far the aligned scores go without the encoder, from 0 (not at all)
to 1 (entirely elsewhere).

Examples:
  blendfuse explain runs/fold0 DATA test_0001
  blendfuse explain runs/cv DATA A22_mix_ang_sad_70_30_ver1.mov
  blendfuse explain runs/cv DATA test_0001 --split test --json")]
pub struct Explain {
    /// Folder of a model or of cv, or a weights file
    run: PathBuf,
    /// Data folder
    data: PathBuf,
    /// Name of the clip, with or without its extension
    clip: String,
    /// Split to look in [default: train, then test]
    #[arg(long, value_enum)]
    split: Option<SplitArg>,
    #[command(flatten)]
    threads: Threads,
    /// Print the explanation as one JSON object on stdout
    #[arg(long)]
    json: bool,
}

impl Explain {
    /// Explains.
    ///
    /// # Errors
    /// Any error of the library.
    pub fn run(&self) -> Result<()> {
        self.threads.build()?;
        let wanted = Wanted {
            clip: &self.clip,
            split: self.split.map(SplitArg::name),
        };
        let found = explain(&self.run, &self.data, &wanted)?;
        if self.json {
            return console::print_json(&as_json(&found));
        }
        if found.trained_on {
            console::note(
                "the model was trained on this clip, so its answer is optimistically biased",
            );
        }
        console::print(&text(&found))
    }
}

fn text(found: &ClipExplanation) -> String {
    let classes = &found.classes;
    let mut text = format!(
        "{} ({}), scored by {}\n",
        found.clip,
        found.split,
        quoted(&found.model)
    );
    text += &format!("predicted: {}\n", decision(&found.decided, classes));
    if let Some(truth) = &found.truth {
        text += &format!("true:      {}\n", decision(truth, classes));
    }
    text += "\nscores\n";
    let mut table = PlainTable::new(["", "presence", "salience", "aligned"]);
    for (class, name) in classes.names().iter().enumerate() {
        let scores = [&found.presence, &found.salience, &found.aligned];
        let scores = scores.map(|scores| share(Some(scores[class])));
        table.row(std::iter::once(name.clone()).chain(scores));
    }
    text += &table.text();
    text += "\nsteps of decoding\n";
    for step in found.steps.split("; ") {
        text += &format!("  {step}\n");
    }
    text += "\nencoders, the most important first\n";
    let mut table = PlainTable::new(["", "", "importance", "weight", "moved", "without it"]);
    for encoder in &found.encoders {
        let without = encoder.without.as_ref();
        let answer = without.map_or_else(String::new, |without| {
            match without.decided == found.decided {
                true => "the same".to_owned(),
                false => decision(&without.decided, classes),
            }
        });
        table.row([
            encoder.name.clone(),
            encoder.status.replace('_', " "),
            share(Some(encoder.importance)),
            share(Some(encoder.kept_weight)),
            share(without.map(|without| without.moved)),
            answer,
        ]);
    }
    text + &table.text()
}

fn as_json(found: &ClipExplanation) -> Value {
    let classes = &found.classes;
    let encoders = found.encoders.iter().map(|encoder| {
        json!({
            "encoder": encoder.name,
            "modality": encoder.modality,
            "status": encoder.status,
            "importance": encoder.importance,
            "kept_weight": encoder.kept_weight,
            "without": encoder.without.as_ref().map(|without| json!({
                "decision": decision(&without.decided, classes),
                "moved": without.moved,
            })),
        })
    });
    json!({
        "clip": found.clip,
        "split": found.split,
        "model": found.model,
        "trained_on": found.trained_on,
        "classes": classes.names(),
        "truth": found.truth.as_ref().map(|truth| decision(truth, classes)),
        "decision": decision(&found.decided, classes),
        "presence": found.presence,
        "salience": found.salience,
        "aligned": found.aligned,
        "steps": found.steps.split("; ").collect::<Vec<_>>(),
        "encoders": encoders.collect::<Vec<_>>(),
    })
}
