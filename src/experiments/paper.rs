//! The scores in the paper, for comparison with ours.

/// Averages of Table II on validation.
pub mod table_2 {
    /// The full model.
    pub const FULL: f64 = 0.323;
    /// Uniform averaging instead of ranking.
    pub const WITHOUT_ATTENTION: f64 = 0.224;
    /// In addition, one head instead of two.
    pub const WITHOUT_DUAL_HEADS: f64 = 0.209;
}

/// Test averages of Table I.
pub mod table_1 {
    /// All encoders.
    pub const ALL_ENCODERS: f64 = 0.298;
    /// All encoders with domain adaptation.
    pub const WITH_UDA: f64 = 0.307;
    /// ImageBind alone.
    pub const IMAGEBIND: f64 = 0.174;
    /// ImageBind and WavLM.
    pub const IMAGEBIND_WAVLM: f64 = 0.221;
    /// HiCMAE alone.
    pub const HICMAE: f64 = 0.224;
    /// The most frequent single emotion.
    pub const TRIVIAL_SINGLE: f64 = 0.037;
    /// The most frequent blend.
    pub const TRIVIAL_BLEND: f64 = 0.044;
}

/// Table V: how many of the 36 encoders are kept, and the average on validation.
pub const TABLE_5: [(usize, f64); 8] = [
    (2, 0.237),
    (10, 0.259),
    (16, 0.310),
    (20, 0.308),
    (22, 0.323),
    (28, 0.314),
    (30, 0.326),
    (36, 0.314),
];
