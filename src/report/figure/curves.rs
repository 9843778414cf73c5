//! Figures with lines.

use super::canvas::{
    Anchor, Canvas, INK, Ink, LABEL, MUTED, ONE_COLUMN, TITLE, TWO_COLUMNS, text_width,
};
use super::frame::Frame;
use super::scale::range;
use super::{Figure, modality_ink};
use crate::analysis::Analysis;
use crate::analysis::top_k_curve::TopKScore;
use crate::artifact::history::EpochRecord;
use crate::encoders::Modality;
use crate::report::main_measure::Drawn;

/// Figure 2: the score against k; `None` if the plan has only one k.
pub fn top_k_curve(found: &Analysis) -> Option<Figure> {
    let curve = &found.top_k_curve;
    if curve.scores.len() < 2 {
        return None;
    }
    let drawn = Drawn::of(found.main.measure);
    let mut canvas = Canvas::new(ONE_COLUMN, 186.0);
    let ends = curve
        .scores
        .iter()
        .flat_map(|score| score.folds.iter().copied());
    let uniform = curve.uniform.as_ref();
    let all = ends.chain(uniform.map(|score| score.mean));
    let y = range(all.map(|value| drawn.scale * value), false);
    let most = found.encoders.len() as f64;
    let frame = Frame::new([36.0, ONE_COLUMN - 10.0, 10.0, 154.0], [0.0, most + 1.0], y);
    let ticks = curve
        .scores
        .iter()
        .map(|score| (score.kept as f64, score.kept.to_string()));
    // Neighbouring labels must not overlap.
    let mut last = f64::NEG_INFINITY;
    let ticks: Vec<(f64, String)> = ticks
        .filter(|(value, label)| {
            let x = frame.x.at(*value);
            let free = x - last > text_width(label, LABEL) + 2.0;
            if free {
                last = x;
            }
            free
        })
        .collect();
    frame.x_ticks(&mut canvas, "Encoders kept, k", &ticks);
    frame.y_axis(&mut canvas, drawn.axis, 5);
    let ink = modality_ink(Modality::Video);
    if let Some(score) = uniform {
        let height = frame.y.at(drawn.scale * score.mean);
        let line = [[36.0, height], [ONE_COLUMN - 10.0, height]];
        canvas.line(line, modality_ink(Modality::Audio), 1.1, "4 2");
        // The lower right is free of points.
        let (y, label) = (
            146.0,
            match drawn.scale {
                100.0 => format!("uniform fusion, {:.1} %", 100.0 * score.mean),
                _ => format!("uniform fusion, {}", drawn.value(score.mean)),
            },
        );
        let right = ONE_COLUMN - 14.0;
        canvas.text(
            [right, y],
            &label,
            Anchor::End,
            LABEL,
            modality_ink(Modality::Audio),
        );
        let start = right - text_width(&label, LABEL) - 20.0;
        let key = [[start, y - 2.5], [start + 16.0, y - 2.5]];
        canvas.line(key, modality_ink(Modality::Audio), 1.1, "4 2");
    }
    let place = |kept: usize, value: f64| frame.at(kept as f64, drawn.scale * value);
    for score in &curve.scores {
        for &fold in &score.folds {
            canvas.dot(place(score.kept, fold), 1.2, ink, 0.4);
        }
        let std = score.std.unwrap_or(0.0);
        let bar = [score.mean - std, score.mean + std].map(|end| place(score.kept, end));
        canvas.line(bar, ink, 1.0, "");
    }
    let means: Vec<_> = curve
        .scores
        .iter()
        .map(|score| place(score.kept, score.mean))
        .collect();
    canvas.path(&means, ink, 1.4, "");
    means
        .iter()
        .for_each(|&mean| canvas.dot(mean, 2.4, ink, 1.0));
    let best = curve
        .scores
        .iter()
        .max_by(|a, b| match found.main.measure.higher_is_better() {
            true => a.mean.total_cmp(&b.mean),
            false => b.mean.total_cmp(&a.mean),
        })?;
    let caption = kept_caption(&drawn, best, uniform);
    Some(Figure::new(
        "figure_2_kept",
        match drawn.scale {
            100.0 => "Accuracy against the number of kept encoders",
            _ => "The main measure against the number of kept encoders",
        },
        caption,
        canvas,
    ))
}

/// What the marks of the curve over k are, and the best k.
fn kept_caption(drawn: &Drawn, best: &TopKScore, uniform: Option<&TopKScore>) -> String {
    let folds = best.folds.len();
    format!(
        "Large dots: mean over {folds} folds; lines: ± one sample standard deviation over folds; small dots: folds. Best k = {} with {}.{}",
        best.kept,
        drawn.value(best.mean),
        uniform.map_or(String::new(), |score| format!(
            " Dashed: uniform fusion of all encoders, {}.",
            drawn.value(score.mean)
        ))
    )
}

/// Loss and accuracy over epochs, one thin line per model.
pub fn learning(found: &Analysis) -> Figure {
    let mut canvas = Canvas::new(TWO_COLUMNS, 176.0);
    let models = &found.run.models;
    let histories: Vec<&[EpochRecord]> = models.iter().map(|model| &model.history[..]).collect();
    let records = || histories.iter().flat_map(|history| history.iter());
    let last = records().map(|record| record.epoch).max().unwrap_or(1) as f64;
    let epochs = [0.5_f64.min(last), last + 0.5];
    let losses = records()
        .flat_map(|r| [Some(r.train_loss), r.val_loss])
        .flatten();
    let left = Frame::new([36.0, 246.0, 22.0, 144.0], epochs, range(losses, false));
    left.x_axis(&mut canvas, "Epoch", 5);
    left.y_axis(&mut canvas, "Loss (nats)", 5);
    let accuracies = records()
        .flat_map(|r| [r.acc_presence, r.acc_salience, r.average])
        .flatten()
        .map(|accuracy| 100.0 * accuracy);
    let right = Frame::new(
        [300.0, 510.0, 22.0, 144.0],
        epochs,
        range(accuracies, false),
    );
    right.x_axis(&mut canvas, "Epoch", 5);
    right.y_axis(&mut canvas, "Accuracy on the held-out fold (%)", 5);
    let mut draw = |frame: &Frame, ink: Ink, value: &dyn Fn(&EpochRecord) -> Option<f64>| {
        for (history, model) in histories.iter().zip(models) {
            let points = history
                .iter()
                .filter_map(|record| Some(frame.at(record.epoch as f64, value(record)?)));
            let points: Vec<_> = points.collect();
            canvas.path(&points, ink, 0.9, "");
            let best = history
                .iter()
                .find(|record| record.epoch == model.manifest.best_epoch);
            if let Some((best, value)) = best.and_then(|best| Some((best, value(best)?))) {
                canvas.dot(frame.at(best.epoch as f64, value), 1.9, ink, 1.0);
            }
        }
    };
    let (video, audio, multimodal) = (
        modality_ink(Modality::Video),
        modality_ink(Modality::Audio),
        modality_ink(Modality::Multimodal),
    );
    draw(&left, video, &|record| Some(record.train_loss));
    draw(&left, audio, &|record| record.val_loss);
    draw(&right, video, &|record| {
        record.acc_presence.map(|x| 100.0 * x)
    });
    draw(&right, audio, &|record| {
        record.acc_salience.map(|x| 100.0 * x)
    });
    draw(&right, multimodal, &|record| {
        record.average.map(|x| 100.0 * x)
    });
    let mut key = |x: f64, names: &[(&str, Ink)]| {
        let mut x = x;
        for (name, ink) in names {
            canvas.line([[x, 10.0], [x + 12.0, 10.0]], *ink, 1.6, "");
            canvas.text([x + 15.0, 12.5], name, Anchor::Start, TITLE, INK);
            x += 15.0 + text_width(name, TITLE) + 12.0;
        }
    };
    key(40.0, &[("training", video), ("validation", audio)]);
    key(
        304.0,
        &[
            ("presence", video),
            ("salience", audio),
            ("average", multimodal),
        ],
    );
    if records().all(|record| record.average.is_none()) {
        canvas.text(
            [405.0, 84.0],
            "no validation fold",
            Anchor::Middle,
            TITLE,
            MUTED,
        );
    }
    let caption = "One line per model; dots mark the epoch whose weights are kept. Training loss is with dropout, validation loss without.";
    Figure::new("learning_curves", "Learning curves", caption.into(), canvas)
}
