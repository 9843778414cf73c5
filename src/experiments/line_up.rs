//! Which rows `baseline` shows: the fusion model and baselines, by name.

use std::sync::Arc;

use super::comparison::{Contender, Final};
use super::table_1::{Baselines, baselines, unanswerable};
use crate::baseline::{BaselineModel, BaselineSpec, Recipe, named};
use crate::config::Config;
use crate::config::Gate;
use crate::error::Result;
use crate::plan::data_folder::Opened;

/// The fusion model as configured.
pub const FUSION: &str = "fusion";

/// The fusion model with the same weight for every encoder and none left out.
pub const UNIFORM_FUSION: &str = "uniform-fusion";

/// The rows that were asked for by name, each once; without any name the fusion model, both trivial
/// baselines, Table I's baselines on features with `model` (where the data have none of those
/// encoders, `model` on each encoder), and uniform fusion. With a test part each is trained on all
/// clips too.
///
/// # Errors
/// As [`named`].
pub fn line_up(
    names: &[String],
    config: &Config,
    data: &Arc<Opened>,
    model: BaselineModel,
    recipe: &Recipe,
) -> Result<Baselines> {
    let mut found = Baselines::default();
    if names.is_empty() {
        add(&mut found, FUSION, config, data, recipe)?;
        let of_the_paper = baselines(data, model, recipe);
        let on_features = |contender: &Contender| contender.candidate.kind.is_random();
        let any = of_the_paper.contenders.iter().any(on_features);
        found.contenders.extend(of_the_paper.contenders);
        found.left_out.extend(of_the_paper.left_out);
        if !any {
            add(&mut found, &format!("{model}:*"), config, data, recipe)?;
        }
        add(&mut found, UNIFORM_FUSION, config, data, recipe)?;
    }
    for name in names {
        add(&mut found, name, config, data, recipe)?;
    }
    if data.dataset.test.is_some() {
        for contender in &mut found.contenders {
            contender.follow = Final::Model;
        }
    }
    Ok(found)
}

/// Adds the rows of one name.
fn add(
    found: &mut Baselines,
    name: &str,
    config: &Config,
    data: &Arc<Opened>,
    recipe: &Recipe,
) -> Result<()> {
    let fusion = |config: &Config, base: &Config| Contender::fusion(name, config, base, data, None);
    let contenders = match name {
        FUSION => vec![fusion(config, config)],
        UNIFORM_FUSION => {
            let mut uniform = config.clone();
            uniform.model.gate = Gate::Uniform;
            vec![fusion(&uniform, config)]
        }
        _ => {
            let mut contenders = Vec::new();
            for spec in named(name, &data.dataset)? {
                match unanswerable(&spec, &data.dataset) {
                    Some(reason) => found.left_out.push(format!("{spec}: {reason}")),
                    None => contenders.push(of_spec(&spec, recipe, data)),
                }
            }
            contenders
        }
    };
    for contender in contenders {
        let kind = &contender.candidate.kind;
        let mut known = found.contenders.iter();
        if !known.any(|known| known.candidate.kind == *kind) {
            found.contenders.push(contender);
        }
    }
    Ok(())
}

fn of_spec(spec: &BaselineSpec, recipe: &Recipe, data: &Arc<Opened>) -> Contender {
    Contender::baseline(spec.to_string(), spec, recipe, data, None)
}
