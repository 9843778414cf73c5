//! The challenge's baselines on every fold of a data folder: one line with a JSON object per trained baseline.
//!
//! ```text
//! cargo run --release --example baselines -- DATA trivial-single,mlp-256:clip 5 > ours.jsonl
//! ```
//!
//! Arguments: the data folder, baselines by name, seeds (default 1), epochs and learning rate (default:
//! the challenge's). `benches/peers/baselines.py` compares the output with PyTorch's.

use std::path::Path;

use blendfuse::baseline::{Baseline, Recipe, named};
use blendfuse::config::{DataConfig, ProjectionInputs};
use blendfuse::data::dataset::Dataset;
use blendfuse::data::folds::folds;
use blendfuse::train::Stop;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, names, rest @ ..] = arguments.as_slice() else {
        return Err("expected DATA and BASELINE,… [SEEDS [EPOCHS [LR]]]".into());
    };
    let seeds: u64 = rest.first().map_or(Ok(1), |seeds| seeds.parse())?;
    let (mut recipe, stop) = (Recipe::default(), Stop::default());
    if let Some(epochs) = rest.get(1) {
        recipe.epochs = epochs.parse()?;
    }
    if let Some(lr) = rest.get(2) {
        recipe.lr = lr.parse()?;
    }
    let dataset = Dataset::open(Path::new(data), None)?;
    let folds = folds(&dataset.train);
    for name in names.split(',') {
        for spec in named(name, &dataset)? {
            let seeds = if spec.is_random() { seeds } else { 1 };
            for (seed, fold) in
                (0..seeds).flat_map(|seed| folds.iter().map(move |fold| (seed, *fold)))
            {
                let baseline = Baseline {
                    dataset: &dataset,
                    spec: &spec,
                    recipe: Some(&recipe),
                    data: &DataConfig::default(),
                    inputs: ProjectionInputs::Columns,
                    seed,
                    stop: &stop,
                };
                let outcome = baseline.validate(fold, &mut |_| ())?;
                println!("{}", serde_json::to_string(&outcome)?);
            }
        }
    }
    Ok(())
}
