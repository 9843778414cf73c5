//! Figure 2, from an analysis.

use super::Figure;
use super::curve::{Curve, CurvePoint, Level};
use crate::analysis::Analysis;
use crate::analysis::top_k_curve::TopKScore;

/// Figure 2: the score against k; `None` if the plan has only one k.
pub fn top_k_curve(found: &Analysis) -> Option<Figure> {
    let of = &found.top_k_curve;
    let point = |score: &TopKScore| CurvePoint {
        x: score.kept as f64,
        label: score.kept.to_string(),
        mean: score.mean,
        std: score.std,
        folds: score.folds.clone(),
        ends: None,
    };
    let points: Vec<CurvePoint> = of.scores.iter().map(point).collect();
    let uniform = of.uniform.as_ref().map(|score| Level {
        name: "uniform fusion of all encoders".into(),
        value: score.mean,
    });
    let levels: Vec<Level> = uniform.into_iter().collect();
    let curve = Curve {
        named: [
            "figure_2_kept",
            "The score against the number of kept encoders",
        ],
        axis: "Encoders kept, k",
        main: found.main.measure,
        points: &points,
        across: Some([0.0, found.encoders.len() as f64 + 1.0]),
        levels: &levels,
        caption: "",
    };
    curve.figure()
}

/// The learning curves of the analysed models.
pub fn learning(found: &Analysis) -> Option<Figure> {
    let models = found.run.models.iter();
    let models: Vec<_> = models
        .map(|model| (&model.history[..], model.manifest.best_epoch))
        .collect();
    super::learning::curves(&models)
}
