//! The objective: presence, salience and domain losses and their weighted sum (paper eqs. 9 to 13).

use ndarray::Array2;

use super::domain::domain_targets;
use crate::autograd::{Scalar, Tape, Var};
use crate::config::{LossConfig, PresenceLoss, UdaConfig};
use crate::error::Result;

/// The losses of one batch, each `(1, 1)`, in nats.
#[derive(Clone, Copy, Debug)]
pub struct Losses {
    /// L, what is minimised.
    pub total: Var,
    /// L_p.
    pub presence: Var,
    /// L_s.
    pub salience: Var,
    /// L_dom, with a domain adversary.
    pub domain: Option<Var>,
}

/// The losses of a batch with the given `logits` of presence and salience, whose first rows are
/// labelled with `targets (B, C)`; the rows after them are target-domain rows, which only the loss of
/// the `domain_logits` sees.
///
/// # Errors
/// [`Error::Shape`](crate::Error::Shape) if the shapes do not fit.
pub fn losses<F: Scalar>(
    tape: &mut Tape<F>,
    [presence_logits, salience_logits]: [Var; 2],
    domain_logits: Option<Var>,
    targets: &Array2<F>,
    loss: &LossConfig,
    uda: &UdaConfig,
) -> Result<Losses> {
    let labelled = targets.nrows();
    let presence_logits = tape.take_rows(presence_logits, labelled)?;
    let salience_logits = tape.take_rows(salience_logits, labelled)?;
    let presence = match loss.presence {
        PresenceLoss::SoftCrossEntropy => {
            tape.soft_cross_entropy(presence_logits, targets.clone())?
        }
        PresenceLoss::BinaryCrossEntropy => {
            tape.binary_cross_entropy(presence_logits, targets.clone())?
        }
    };
    let salience = tape.soft_cross_entropy(salience_logits, targets.clone())?;
    let mut terms = vec![
        (presence, F::of(loss.presence_weight)),
        (salience, F::of(loss.salience_weight)),
    ];
    let domain = match domain_logits {
        Some(logits) => {
            let rows = tape.shape(logits).0;
            let domain =
                tape.soft_cross_entropy(logits, domain_targets(labelled, rows - labelled))?;
            terms.push((domain, F::of(uda.domain_weight)));
            Some(domain)
        }
        None => None,
    };
    let total = tape.weighted_sum(&terms)?;
    Ok(Losses {
        total,
        presence,
        salience,
        domain,
    })
}
