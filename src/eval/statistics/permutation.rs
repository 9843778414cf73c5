//! Whether a difference could be chance: exchange two configurations actor by actor.
//!
//! If the configurations were equally good, it would not matter which of the two scored an actor's
//! clips. So each actor's difference may change its sign, all clips of the actor together, and the
//! p-value is the share of exchanges whose difference is at least as far from 0 as the real one
//! (Fisher's paired randomisation test; Noreen 1989; over clusters: Winkler et al. 2015).

use serde::{Deserialize, Serialize};

use super::{Draws, Resampling};

/// How many exchanges were looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// All of them.
    Exact {
        /// 2 to the number of actors that differ.
        exchanges: u64,
    },
    /// So many random ones, besides the one that is.
    Random {
        /// Drawn.
        exchanges: u64,
    },
}

/// The outcome of the test.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct SignFlip {
    /// Two-sided p-value, in (0, 1].
    pub p: f64,
    /// How it was computed.
    pub method: Method,
}

/// Tests whether the sum of `differences`, one whole number per actor, is further from 0 than chance
/// makes it. Whole numbers, because then equal sums are equal: no rounding decides a tie. Actors that
/// do not differ change nothing and are left out.
///
/// Up to `resampling.exact_up_to` actors that differ all exchanges are enumerated. Above, `p` is
/// (1 + b)/(1 + m) with b of m random exchanges as extreme (Phipson and Smyth 2010), the same for any
/// number of threads.
pub fn sign_flip_test(differences: &[i128], resampling: &Resampling) -> SignFlip {
    let draws = Draws::for_actors(differences.len(), 1, resampling);
    sign_flip_test_with(differences, &draws)
}

/// The same with draws for as many actors, or more.
pub(super) fn sign_flip_test_with(differences: &[i128], draws: &Draws) -> SignFlip {
    let differences: Vec<i128> = differences.iter().copied().filter(|d| *d != 0).collect();
    let observed = differences.iter().sum::<i128>().abs();
    let resampling = draws.resampling();
    if differences.len() <= resampling.exact_up_to {
        let exchanges = 1u64 << differences.len();
        let extreme = enumerate(&differences, observed);
        return SignFlip {
            p: extreme as f64 / exchanges as f64,
            method: Method::Exact { exchanges },
        };
    }
    let extreme = draws.extreme(&differences, observed);
    let exchanges = resampling.exchanges as u64;
    SignFlip {
        p: (1 + extreme) as f64 / (1 + exchanges) as f64,
        method: Method::Random { exchanges },
    }
}

/// How many of all sign patterns reach `observed`. In Gray code, one sign changes at a time.
fn enumerate(differences: &[i128], observed: i128) -> u64 {
    let mut sum: i128 = differences.iter().sum();
    let mut positive = vec![true; differences.len()];
    let mut extreme = u64::from(sum.abs() >= observed);
    for pattern in 1u64..1 << differences.len() {
        let at = pattern.trailing_zeros() as usize;
        sum += if positive[at] { -2 } else { 2 } * differences[at];
        positive[at] = !positive[at];
        extreme += u64::from(sum.abs() >= observed);
    }
    extreme
}
