//! What measures there are.

/// What a measure looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The decoded sets of emotions.
    Sets,
    /// The order that the scores give the classes, or the clips of one class.
    Ranking,
    /// The scores as shares.
    Distribution,
    /// The scores as probabilities.
    Calibration,
}

impl Group {
    /// The name in tables.
    pub fn title(self) -> &'static str {
        match self {
            Group::Sets => "sets of emotions",
            Group::Ranking => "ranking",
            Group::Distribution => "label distribution",
            Group::Calibration => "calibration",
        }
    }
}

/// A measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// Its name in JSON and CSV; those of distribution distances are python-ldl's.
    pub name: &'static str,
    /// Its name in tables.
    pub title: &'static str,
    /// Whether a higher value is better.
    pub higher_is_better: bool,
    /// What it looks at.
    pub group: Group,
}

const fn measure(
    name: &'static str,
    title: &'static str,
    higher_is_better: bool,
    group: Group,
) -> Measure {
    Measure {
        name,
        title,
        higher_is_better,
        group,
    }
}

/// All measures, group by group. Their values are listed in this order.
pub const MEASURES: [Measure; 29] = [
    measure("exact_set", "exact set", true, Group::Sets),
    measure("macro_f1", "macro F1", true, Group::Sets),
    measure("micro_f1", "micro F1", true, Group::Sets),
    measure("hamming", "Hamming loss", false, Group::Sets),
    measure("top_1", "top-1", true, Group::Ranking),
    measure("uar", "unweighted average recall", true, Group::Ranking),
    measure(
        "mean_average_precision",
        "mean average precision",
        true,
        Group::Ranking,
    ),
    measure("roc_auc", "ROC AUC", true, Group::Ranking),
    measure(
        "kullback_leibler",
        "Kullback-Leibler, clamp 1e-8",
        false,
        Group::Distribution,
    ),
    measure(
        "kl_divergence",
        "Kullback-Leibler, clamp 2.2e-16",
        false,
        Group::Distribution,
    ),
    measure("chebyshev", "Chebyshev", false, Group::Distribution),
    measure("clark", "Clark", false, Group::Distribution),
    measure("canberra", "Canberra", false, Group::Distribution),
    measure("cosine", "cosine", true, Group::Distribution),
    measure("intersection", "intersection", true, Group::Distribution),
    measure(
        "js_divergence",
        "Jensen-Shannon",
        false,
        Group::Distribution,
    ),
    measure("euclidean", "Euclidean", false, Group::Distribution),
    measure("sorensen", "Sørensen", false, Group::Distribution),
    measure("chi2", "chi-squared", false, Group::Distribution),
    measure("wave_hedges", "Wave-Hedges", false, Group::Distribution),
    measure("fidelity", "fidelity", true, Group::Distribution),
    measure("spearman", "Spearman", true, Group::Distribution),
    measure("kendall", "Kendall", true, Group::Distribution),
    measure("dpa", "degree percentile", true, Group::Distribution),
    measure("mu", "mu", true, Group::Distribution),
    measure(
        "error_probability",
        "error probability",
        false,
        Group::Distribution,
    ),
    measure(
        "ece",
        "expected calibration error",
        false,
        Group::Calibration,
    ),
    measure("top_1_ece", "ECE of the top-1", false, Group::Calibration),
    measure("brier", "Brier", false, Group::Calibration),
];
