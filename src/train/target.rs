//! The unlabelled target rows of the domain adversary, and their order.

use super::validation::ValidationFold;
use crate::config::Config;
use crate::config::UdaTarget;
use crate::data::batch::TargetStream;
use crate::data::dataset::{Dataset, Split};
use crate::error::{Error, Result};

/// The unlabelled rows of the domain adversary.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) stream: TargetStream,
    pub(super) from_test: bool,
    pub(super) clips: usize,
}

impl Target {
    /// The split that the rows come from, of the two.
    pub(super) fn split<'a>(
        &self,
        train: &'a Split<'a>,
        test: Option<&'a Split<'a>>,
    ) -> &'a Split<'a> {
        test.filter(|_| self.from_test).unwrap_or(train)
    }
}

/// The target rows of the configuration, in shuffled order if `shuffle`; `None` without UDA.
pub(super) fn target(
    dataset: &Dataset,
    config: &Config,
    shuffle: bool,
    validation: Option<&ValidationFold>,
    warnings: &mut Vec<String>,
) -> Result<Option<Target>> {
    if !config.uda.enabled {
        return Ok(None);
    }
    let from_test = config.uda.target == UdaTarget::Test && dataset.test.is_some();
    let clips: Vec<usize> = match (&dataset.test, validation) {
        (Some(test), _) if from_test => (0..test.len()).collect(),
        (_, Some(validation)) => {
            if config.uda.target == UdaTarget::Test {
                warnings.push("no test split: the domain adversary uses the validation fold, without its labels".into());
            }
            validation.clips().to_vec()
        }
        (_, None) => {
            let found = if config.uda.target == UdaTarget::Test {
                "no test split"
            } else {
                "no validation fold"
            };
            return Err(Error::NoTargetRows { found });
        }
    };
    let stream = TargetStream::new(clips.clone(), config.train.seed, shuffle);
    Ok(Some(Target {
        stream,
        from_test,
        clips: clips.len(),
    }))
}
