//! Figures with one row per encoder or group.

use super::canvas::{Anchor, Canvas, INK, LABEL, MUTED, ONE_COLUMN, TITLE};
use super::frame::{Frame, signed};
use super::scale::range;
use super::{Figure, counted, encoder_title, modality_ink, modality_key, widest};
use crate::analysis::Analysis;
use crate::encoders::Modality;
use crate::eval::statistics::correlation::spearman;
use crate::report::main_measure::Drawn;

/// Height of a row.
const ROW: f64 = 10.0;

/// Figure 3: mean importance with its spread over clips, by modality.
pub fn importance(found: &Analysis) -> Figure {
    let titles: Vec<String> = found
        .encoders
        .iter()
        .map(|name| encoder_title(name))
        .collect();
    let left = widest(&titles, LABEL) + 10.0;
    let groups = &found.by_modality;
    let top = 10.0;
    let height = (found.encoders.len() + groups.len()) as f64 * ROW + groups.len() as f64 * 4.0;
    let mut canvas = Canvas::new(ONE_COLUMN, top + height + 30.0);
    let uniform = 100.0 / found.encoders.len() as f64;
    let ends = found
        .spreads
        .iter()
        .map(|spread| 100.0 * spread.quantiles[5]);
    let edges = [left, ONE_COLUMN - 8.0, top, top + height];
    let frame = Frame::new(edges, range(ends.chain([uniform]), true), [0.0, 1.0]);
    frame.x_axis(
        &mut canvas,
        "Importance (% of the weight, before selection)",
        4,
    );
    let x = frame.x.at(uniform);
    canvas.line([[x, top], [x, top + height]], MUTED, 0.8, "3 2");
    let mut y = top;
    for group in groups {
        let ink = modality_ink(group.modality);
        let label = format!(
            "{}: {:.1} % of the weight ({:.1} % with equal weights)",
            group.modality,
            100.0 * group.importance,
            100.0 * group.uniform
        );
        y += 4.0 + ROW;
        canvas.bar(
            [1.0, y - 8.5],
            [ONE_COLUMN - 9.0, ROW - 0.5],
            super::canvas::PAPER,
        );
        canvas.text([2.0, y - 2.0], &label, Anchor::Start, TITLE, ink);
        let mut members: Vec<usize> = (0..found.encoders.len())
            .filter(|&m| found.modalities[m] == group.modality)
            .collect();
        let importance = |m: usize| found.reliance[m].importance;
        members.sort_by(|&a, &b| importance(b).total_cmp(&importance(a)));
        for m in members {
            let middle = y + ROW / 2.0;
            canvas.text(
                [left - 4.0, middle + 2.5],
                &titles[m],
                Anchor::End,
                LABEL,
                INK,
            );
            let quantiles = found.spreads[m].quantiles;
            let across = |from: usize, to: usize| {
                [from, to].map(|q| [frame.x.at(100.0 * quantiles[q]), middle])
            };
            canvas.line(across(1, 5), ink, 0.8, "");
            canvas.line(across(2, 4), ink, 2.6, "");
            canvas.dot([frame.x.at(100.0 * importance(m)), middle], 2.4, INK, 1.0);
            y += ROW;
        }
    }
    let caption = format!(
        "Dot: mean over {}; thick line: middle half of the clips; thin line: 5th to 95th percentile; dashed: equal weights for all {} encoders ({uniform:.2} %). {}",
        counted(found.observations.len(), "clip"),
        found.encoders.len(),
        clips_note(found)
    );
    Figure::new(
        "figure_3_importance",
        "Encoder importance by modality",
        caption,
        canvas,
    )
}

/// The sentence on the clips behind a number.
pub fn clips_note(found: &Analysis) -> String {
    let held_out = found.run.models.iter().all(|model| model.fold().is_some());
    match (held_out, found.run.models.len()) {
        (true, 1) => "Clips of the held-out fold.".into(),
        (true, _) => "Every clip is scored by the model that did not train on it.".into(),
        _ => "All clips, which the model was trained on.".into(),
    }
}

/// Figure 4: how often each encoder is kept.
pub fn selection(found: &Analysis) -> Figure {
    let mut order: Vec<usize> = (0..found.encoders.len()).collect();
    order.sort_by(|&a, &b| {
        let selected = |m: usize| found.reliance[m].selected;
        selected(b).total_cmp(&selected(a)).then(a.cmp(&b))
    });
    let rows = order
        .iter()
        .map(|&m| (m, 100.0 * found.reliance[m].selected));
    let rows: Vec<Bar> = rows.map(|(m, share)| Bar::new(m, share)).collect();
    let even = 100.0 * found.top_k as f64 / found.encoders.len() as f64;
    let mut canvas = encoder_bars(
        found,
        &rows,
        "Selection frequency (% of clips)",
        [0.0, 100.0],
        0,
    );
    canvas.mark(
        even,
        &format!("k/M = {}/{}", found.top_k, found.encoders.len()),
    );
    let always = rows.iter().filter(|bar| bar.value >= 99.95).count();
    let never = rows.iter().filter(|bar| bar.value < 0.05).count();
    let caption = format!(
        "Share of {} that keep the encoder under top-{} selection; {}, {never} never. Dashed: random selection. {}",
        counted(found.observations.len(), "clip"),
        found.top_k,
        match always {
            1 => "1 encoder is always kept".to_owned(),
            _ => format!("{always} encoders are always kept"),
        },
        clips_note(found)
    );
    Figure::new(
        "figure_4_selection",
        "How often each encoder is kept",
        caption,
        canvas.canvas,
    )
}

/// The change of the score when a trained model has to do without an encoder.
pub fn removal(found: &Analysis) -> Figure {
    let drawn = Drawn::of(found.main.measure);
    let whole = found.main.value();
    let mut rows: Vec<Bar> = found
        .removals
        .iter()
        .map(|removal| {
            let value = drawn.scale * (removal.main_value() - whole);
            let interval = removal
                .difference
                .and_then(|difference| difference.interval);
            Bar {
                ends: interval.map(|ends| [drawn.scale * ends.low, drawn.scale * ends.high]),
                ..Bar::new(removal.encoder, value)
            }
        })
        .collect();
    let claimed: Vec<f64> = rows
        .iter()
        .map(|bar| found.reliance[bar.encoder].importance)
        .collect();
    let moved: Vec<f64> = found.removals.iter().map(|removal| removal.moved).collect();
    let rho = spearman(&claimed, &moved);
    rows.sort_by(|a, b| a.value.total_cmp(&b.value).then(a.encoder.cmp(&b.encoder)));
    let shown = rows.iter().flat_map(|bar| {
        let [low, high] = bar.ends.unwrap_or([bar.value; 2]);
        [bar.value, low, high]
    });
    let ends = range(shown.chain([0.0]), false);
    let digits = if drawn.scale == 1.0 { 3 } else { 2 };
    let mut canvas = encoder_bars(found, &rows, &drawn.change(), ends, digits);
    canvas.mark(0.0, "");
    let caption = format!(
        "The {} without the encoder at prediction time, minus {} with all encoders; without retraining. Lines: 95 % intervals of the difference, by bootstrap over {}. Spearman correlation of importance and change of the scores: {}. {}",
        drawn.name,
        drawn.value(whole),
        found.unit.plural(),
        rho.map_or("undefined".into(), |rho| signed(rho, 2)),
        clips_note(found)
    );
    Figure::new(
        "leave_one_out",
        "The effect of leaving out an encoder",
        caption,
        canvas.canvas,
    )
}

/// One encoder's bar.
#[derive(Clone, Copy, Debug)]
struct Bar {
    encoder: usize,
    value: f64,
    /// The ends of its interval.
    ends: Option<[f64; 2]>,
}

impl Bar {
    fn new(encoder: usize, value: f64) -> Self {
        Self {
            encoder,
            value,
            ends: None,
        }
    }
}

struct Bars {
    canvas: Canvas,
    frame: Frame,
}

impl Bars {
    fn mark(&mut self, value: f64, label: &str) {
        self.frame.mark_x(&mut self.canvas, value, label);
    }
}

/// A bar from 0 per encoder, in the order of `rows`, with its value beside it.
fn encoder_bars(
    found: &Analysis,
    rows: &[Bar],
    title: &str,
    ends: [f64; 2],
    digits: usize,
) -> Bars {
    let titles: Vec<String> = rows
        .iter()
        .map(|bar| encoder_title(&found.encoders[bar.encoder]))
        .collect();
    let left = widest(&titles, LABEL) + 10.0;
    let top = 26.0;
    let bottom = top + rows.len() as f64 * ROW;
    let mut canvas = Canvas::new(ONE_COLUMN, bottom + 30.0);
    modality_key(&mut canvas, found, [left, 8.0]);
    let frame = Frame::new([left, ONE_COLUMN - 24.0, top, bottom], ends, [0.0, 1.0]);
    frame.x_axis(&mut canvas, title, 4);
    for (i, (bar, name)) in rows.iter().zip(&titles).enumerate() {
        let y = top + i as f64 * ROW;
        canvas.text([left - 4.0, y + 7.5], name, Anchor::End, LABEL, INK);
        let [from, to] = [bar.value.min(0.0), bar.value.max(0.0)].map(|x| frame.x.at(x));
        let ink = modality_ink(found.modalities[bar.encoder]);
        canvas.bar([from, y + 1.5], [to - from, ROW - 3.0], ink);
        if let Some(ends) = bar.ends {
            let ends = ends.map(|end| [frame.x.at(end), y + ROW / 2.0]);
            canvas.line(ends, INK, 0.8, "");
        }
        let label = signed(bar.value, digits);
        canvas.text(
            [ONE_COLUMN - 3.0, y + 7.5],
            &label,
            Anchor::End,
            LABEL,
            MUTED,
        );
    }
    Bars { canvas, frame }
}

/// Salience error by true ratio; `None` without blends.
pub fn salience_error(found: &Analysis) -> Option<Figure> {
    let rows: Vec<_> = found
        .by_ratio
        .iter()
        .filter(|row| row.error.is_some())
        .collect();
    if rows.is_empty() {
        return None;
    }
    let (left, top) = (58.0, 12.0);
    let row_height = 22.0;
    let bottom = top + rows.len() as f64 * row_height;
    let mut canvas = Canvas::new(ONE_COLUMN, bottom + 30.0);
    let errors = rows
        .iter()
        .filter_map(|row| row.error)
        .map(|error| 100.0 * error);
    let edges = [left, ONE_COLUMN - 78.0, top, bottom];
    let frame = Frame::new(edges, range(errors, true), [0.0, 1.0]);
    frame.x_axis(&mut canvas, "Mean salience error (percentage points)", 4);
    for (i, row) in rows.iter().enumerate() {
        let y = top + i as f64 * row_height;
        canvas.text([left - 4.0, y + 13.0], &row.ratio, Anchor::End, TITLE, INK);
        let width = frame.x.at(100.0 * row.error.unwrap_or(0.0)) - left;
        canvas.bar(
            [left, y + 4.0],
            [width, row_height - 8.0],
            modality_ink(Modality::Video),
        );
        let right = 100.0 * row.correct as f64 / row.clips.max(1) as f64;
        let label = format!("{right:.0} % correct of {}", row.clips);
        canvas.text(
            [ONE_COLUMN - 74.0, y + 13.0],
            &label,
            Anchor::Start,
            LABEL,
            MUTED,
        );
    }
    canvas.text(
        [left - 4.0, bottom + 10.0],
        "true ratio",
        Anchor::End,
        LABEL,
        INK,
    );
    let caption = "Difference between predicted and true share of the stronger emotion, for the true pair of emotions; on the right, the share of clips with correct pair and saliences.";
    Some(Figure::new(
        "salience_error",
        "Salience error by true ratio",
        caption.into(),
        canvas,
    ))
}
