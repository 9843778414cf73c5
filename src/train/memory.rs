//! Refuses a model that does not fit into this machine's memory, before the system kills the program.

use crate::config::Config;
use crate::encoders::Encoder;
use crate::error::{Error, Result};
use crate::model::FusionNet;

const GIB: f64 = (1_u64 << 30) as f64;

/// Refuses a model whose training needs more memory than the machine has: weights and two moments of
/// each, the batch with its intermediate values, and the next batch. If the system does not report its
/// memory, nothing is refused.
///
/// # Errors
/// [`Error::Config`] with the needed and the available memory.
pub(super) fn check(config: &Config, encoders: &[Encoder], classes: usize) -> Result<()> {
    let parameters = FusionNet::<f32>::trainable_count(config, encoders, classes)?;
    match machine_bytes() {
        Some(there) => check_against(there, parameters, config, encoders),
        None => Ok(()),
    }
}

fn check_against(
    there: f64,
    parameters: usize,
    config: &Config,
    encoders: &[Encoder],
) -> Result<()> {
    let (train, model) = (&config.train, &config.model);
    let rows = if config.uda.enabled { 2 } else { 1 } * train.batch_size;
    let inputs: usize = encoders.iter().map(|encoder| encoder.width).sum();
    // Each projection is kept as product, normalised, output, joined, weighted, packed twice, gradient.
    let kept = 8 * encoders.len() * model.projection_dim;
    let numbers = 3.0 * parameters as f64 + rows as f64 * (2 * inputs + kept) as f64;
    let needed = 4.0 * numbers;
    if needed <= there {
        return Ok(());
    }
    Err(Error::Config {
        field: "model".into(),
        reason: format!(
            "{parameters} parameters with their moments and batches of {rows} rows need about {:.1} GiB, \
             this machine has {:.1}; lower model.projection_dim (found {}), model.shared_dim ({}), \
             model.gate_hidden ({}), model.head_hidden ({}) or train.batch_size ({}), or choose fewer \
             encoders (data.encoders)",
            needed / GIB,
            there / GIB,
            model.projection_dim,
            model.shared_dim,
            model.gate_hidden,
            model.head_hidden,
            train.batch_size,
        ),
    })
}

/// Memory of this machine in bytes; `None` if the system does not report it.
fn machine_bytes() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    let kib: f64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(1024.0 * kib)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoders::Modality;

    fn encoders() -> Vec<Encoder> {
        let shape = |(m, &width): (usize, &usize)| Encoder {
            name: format!("e{m}"),
            modality: Modality::Other,
            width,
        };
        [70, 19, 300].iter().enumerate().map(shape).collect()
    }

    #[test]
    fn parameters_are_counted_as_the_network_has_them() {
        for uda in [false, true] {
            let mut config = Config::default();
            config.uda.enabled = uda;
            let net = FusionNet::<f32>::new(&config, &encoders(), 6).unwrap();
            let counted = FusionNet::<f32>::trainable_count(&config, &encoders(), 6).unwrap();
            assert_eq!(counted, net.params.trainable_count());
        }
    }

    #[test]
    fn a_model_beyond_the_machine_is_refused_with_what_to_lower() {
        let mut config = Config::default();
        check(&config, &encoders(), 6).unwrap();
        check_against(1e9, 1000, &config, &encoders()).unwrap();
        let error = check_against(1e9, 100_000_000, &config, &encoders()).unwrap_err();
        let message = error.to_string();
        assert!(
            message.contains("model.projection_dim (found 256)"),
            "{message}"
        );
        // A size that no machine has; nothing is allocated for it.
        config.model.shared_dim = 1 << 20;
        config.model.head_hidden = 1 << 20;
        let count = FusionNet::<f32>::trainable_count(&config, &encoders(), 6).unwrap();
        assert!(count > 1 << 40);
    }
}
