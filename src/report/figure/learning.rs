//! Learning curves of one model or many.

use super::canvas::{Anchor, Canvas, INK, Ink, MUTED, TITLE, TWO_COLUMNS, text_width};
use super::frame::Frame;
use super::scale::range;
use super::{Figure, modality_ink};
use crate::analysis::importance::percentile;
use crate::artifact::history::EpochRecord;
use crate::encoders::Modality;

/// More models than this are drawn as a median with a band instead of one line each.
const MOST_LINES: usize = 6;

/// One model: its epochs, and the one whose weights are kept.
type Model<'a> = (&'a [EpochRecord], usize);

/// A value of an epoch.
type Of = fn(&EpochRecord) -> Option<f64>;

/// One curve of a panel.
struct Series {
    name: &'static str,
    modality: Modality,
    of: Of,
}

/// The losses.
const LOSSES: [Series; 2] = [
    Series {
        name: "training",
        modality: Modality::Video,
        of: |record| Some(record.train_loss),
    },
    Series {
        name: "validation",
        modality: Modality::Audio,
        of: |record| record.val_loss,
    },
];

/// The accuracies, in percent.
const ACCURACIES: [Series; 3] = [
    Series {
        name: "presence",
        modality: Modality::Video,
        of: |record| Some(100.0 * record.acc_presence?),
    },
    Series {
        name: "salience",
        modality: Modality::Audio,
        of: |record| Some(100.0 * record.acc_salience?),
    },
    Series {
        name: "average",
        modality: Modality::Multimodal,
        of: |record| {
            // Without blends the average is half of the presence, and no measure of its own.
            record.acc_salience?;
            Some(100.0 * record.average?)
        },
    },
];

/// The other measures of tasks that are not about accuracies.
const DIVERGENCE: [Series; 1] = [Series {
    name: "KL divergence",
    modality: Modality::Video,
    of: |record| record.kl,
}];

/// Loss and accuracy over epochs. `None` without an epoch.
pub fn curves(models: &[Model<'_>]) -> Option<Figure> {
    let records = || models.iter().flat_map(|(history, _)| history.iter());
    let last = records().map(|record| record.epoch).max()? as f64;
    let epochs = [0.5_f64.min(last), last + 0.5];
    let has = |of: Of| records().any(|record| of(record).is_some());
    let there = |all: &'static [Series]| -> Vec<&'static Series> {
        all.iter().filter(|series| has(series.of)).collect()
    };
    let (losses, mut scores) = (there(&LOSSES), there(&ACCURACIES));
    let mut title = "Accuracy on the held-out fold (%)";
    if scores.is_empty() {
        scores = there(&DIVERGENCE);
        title = "KL divergence on the held-out fold (nats)";
    }
    let mut canvas = Canvas::new(TWO_COLUMNS, 176.0);
    let panels = [
        (&losses, [36.0, 246.0, 22.0, 144.0], "Loss (nats)"),
        (&scores, [300.0, 510.0, 22.0, 144.0], title),
    ];
    for (series, edges, title) in panels {
        if series.is_empty() {
            canvas.text(
                [405.0, 84.0],
                "no validation fold",
                Anchor::Middle,
                TITLE,
                MUTED,
            );
            continue;
        }
        let values =
            records().flat_map(|record| series.iter().filter_map(|series| (series.of)(record)));
        let frame = Frame::new(edges, epochs, range(values, false));
        frame.x_axis(&mut canvas, "Epoch", 5);
        frame.y_axis(&mut canvas, title, 5);
        let mut x = edges[0] + 4.0;
        for series in series {
            let ink = modality_ink(series.modality);
            match models.len() > MOST_LINES {
                true => band(&mut canvas, &frame, ink, models, series.of),
                false => lines(&mut canvas, &frame, ink, models, series.of),
            }
            canvas.line([[x, 10.0], [x + 12.0, 10.0]], ink, 1.6, "");
            canvas.text([x + 15.0, 12.5], series.name, Anchor::Start, TITLE, INK);
            x += 15.0 + text_width(series.name, TITLE) + 12.0;
        }
    }
    let figure = Figure::new(
        "learning_curves",
        "Learning curves",
        caption(models.len()),
        canvas,
    );
    Some(figure)
}

fn caption(models: usize) -> String {
    let losses = "Training loss is with dropout, validation loss without.";
    match models {
        1 => format!("The dots mark the epoch whose weights are kept. {losses}"),
        2..=MOST_LINES => format!(
            "One line for each of {models} models; dots mark the epoch whose weights are kept. {losses}"
        ),
        _ => format!(
            "Line: median over {models} models at each epoch that at least half of them reach; band: the middle half of them. {losses}"
        ),
    }
}

/// One line for each model.
fn lines(canvas: &mut Canvas, frame: &Frame, ink: Ink, models: &[Model<'_>], of: Of) {
    for (history, kept) in models {
        let point = |record: &EpochRecord| Some(frame.at(record.epoch as f64, of(record)?));
        let points: Vec<_> = history.iter().filter_map(point).collect();
        canvas.path(&points, ink, 0.9, "");
        let best = history.iter().find(|record| record.epoch == *kept);
        if let Some(place) = best.and_then(point) {
            canvas.dot(place, 1.9, ink, 1.0);
        }
    }
}

/// The median over models, with the middle half of them.
fn band(canvas: &mut Canvas, frame: &Frame, ink: Ink, models: &[Model<'_>], of: Of) {
    let last = models
        .iter()
        .map(|(history, _)| history.len())
        .max()
        .unwrap_or(0);
    let mut rows: Vec<(f64, [f64; 3])> = Vec::new();
    for epoch in 1..=last {
        let of_epoch = models
            .iter()
            .filter_map(|(history, _)| of(history.iter().find(|record| record.epoch == epoch)?));
        let mut values: Vec<f64> = of_epoch.filter(|value| value.is_finite()).collect();
        if 2 * values.len() < models.len() {
            continue;
        }
        values.sort_by(f64::total_cmp);
        rows.push((
            epoch as f64,
            [25.0, 50.0, 75.0].map(|percent| percentile(&values, percent)),
        ));
    }
    let upper = rows
        .iter()
        .map(|(epoch, [_, _, high])| frame.at(*epoch, *high));
    let lower = rows
        .iter()
        .rev()
        .map(|(epoch, [low, ..])| frame.at(*epoch, *low));
    let outline: Vec<_> = upper.chain(lower).collect();
    canvas.area(&outline, ink, 0.18);
    let median: Vec<_> = rows
        .iter()
        .map(|(epoch, [_, median, _])| frame.at(*epoch, *median))
        .collect();
    canvas.path(&median, ink, 1.4, "");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn history(epochs: usize, blends: bool, validated: bool) -> Vec<EpochRecord> {
        (1..=epochs)
            .map(|epoch| {
                let value = 1.0 / epoch as f64;
                let text = serde_json::json!({
                    "epoch": epoch, "steps": epoch, "lr": 0.1, "temperature": 0.7,
                    "train_loss": value, "train_presence_loss": value, "train_salience_loss": value,
                    "train_domain_loss": null,
                    "val_loss": validated.then_some(value), "val_presence_loss": null, "val_salience_loss": null,
                    "acc_presence": validated.then_some(0.5),
                    "acc_salience": (validated && blends).then_some(0.25),
                    "average": validated.then_some(0.375), "kl": validated.then_some(value),
                    "presence_threshold": 0.1, "salience_threshold": 0.1, "best": true,
                });
                serde_json::from_value(text).unwrap()
            })
            .collect()
    }

    #[test]
    fn fifteen_models_are_a_median_with_a_band() {
        let one = history(4, true, true);
        let models: Vec<Model<'_>> = (0..15).map(|_| (&one[..], 2)).collect();
        let many = curves(&models).unwrap();
        assert!(
            many.caption.contains("median over 15 models"),
            "{}",
            many.caption
        );
        // Two losses and three accuracies, each one line and one band.
        assert_eq!(many.svg().matches("<polyline").count(), 5);
        assert_eq!(many.svg().matches("<polygon").count(), 5);
        let few = curves(&models[..5]).unwrap();
        assert_eq!(few.svg().matches("<polyline").count(), 25);
        assert!(few.caption.contains("5 models"), "{}", few.caption);
    }

    #[test]
    fn only_what_was_measured_is_drawn() {
        let single = history(3, false, true);
        let svg = curves(&[(&single, 1)]).unwrap().svg();
        assert!(
            !svg.contains(">salience<") && !svg.contains(">average<"),
            "{svg}"
        );
        assert!(svg.contains(">presence<"));
        let whole = history(3, false, false);
        let svg = curves(&[(&whole, 3)]).unwrap().svg();
        assert!(svg.contains("no validation fold") && !svg.contains("NaN"));
        assert!(curves(&[]).is_none());
    }
}
