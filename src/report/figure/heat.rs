//! Heat maps.

use super::canvas::{Anchor, Canvas, INK, LABEL, MUTED, ONE_COLUMN, PAPER, TITLE, TWO_COLUMNS};
use super::scale::{Scale, sequential, text_on};
use super::{Figure, by_modality_order, encoder_title, modality_ink, widest};
use crate::analysis::Analysis;
use crate::analysis::stability::mean_of;

/// Height of a row.
pub const ROW: f64 = 10.0;

/// Width of a cell that holds a number.
const NUMBER: f64 = 18.0;

/// A horizontal colour bar with labelled ends.
pub fn colour_bar(
    canvas: &mut Canvas,
    [x, y]: [f64; 2],
    width: f64,
    ends: [String; 2],
    title: &str,
    colour: impl Fn(f64) -> String,
) {
    let steps = 48;
    let step = width / f64::from(steps);
    for i in 0..steps {
        let share = (f64::from(i) + 0.5) / f64::from(steps);
        // Slightly wider than a step, so that no seam is visible.
        canvas.cell(
            [x + f64::from(i) * step, y],
            [step + 0.2, 6.0],
            &colour(share),
        );
    }
    canvas.text([x - 3.0, y + 5.8], &ends[0], Anchor::End, LABEL, INK);
    canvas.text(
        [x + width + 3.0, y + 5.8],
        &ends[1],
        Anchor::Start,
        LABEL,
        INK,
    );
    canvas.text(
        [x + width / 2.0, y + 15.5],
        title,
        Anchor::Middle,
        TITLE,
        INK,
    );
}

/// Figure 5: mean importance per encoder and fold.
pub fn by_fold(found: &Analysis) -> Figure {
    let order = by_modality_order(found);
    let titles: Vec<String> = order
        .iter()
        .map(|&m| encoder_title(&found.encoders[m]))
        .collect();
    let left = widest(&titles, LABEL) + 10.0;
    let columns = found.by_model.len();
    // Numbers in the cells need some width.
    let whole = match (ONE_COLUMN - left - 4.0) / (columns as f64) < NUMBER {
        true => TWO_COLUMNS,
        false => ONE_COLUMN,
    };
    let width = ((whole - left - 4.0) / columns as f64).min(40.0);
    let names: Vec<String> = found
        .by_model
        .iter()
        .map(|fold| fold.group.clone())
        .collect();
    let turned = widest(&names, LABEL) > width - 2.0;
    let top = if turned {
        widest(&names, LABEL) + 8.0
    } else {
        14.0
    };
    let bottom = top + order.len() as f64 * ROW;
    let mut canvas = Canvas::new(whole, bottom + 30.0);
    let values = found.by_model.iter().flat_map(|fold| fold.encoders.iter());
    let most = values.fold(0.0, |most: f64, encoder| most.max(encoder.importance));
    for (j, fold) in found.by_model.iter().enumerate() {
        let x = left + j as f64 * width;
        let middle = x + width / 2.0;
        match turned {
            true => {
                let place = [middle + 2.5, top - 3.0];
                canvas.vertical_text(place, &fold.group, Anchor::Start, LABEL, INK);
            }
            false => canvas.text([middle, top - 4.0], &fold.group, Anchor::Middle, LABEL, INK),
        }
        for (i, &m) in order.iter().enumerate() {
            let y = top + i as f64 * ROW;
            let colour = sequential(fold.encoders[m].importance / most);
            canvas.cell([x + 0.4, y + 0.4], [width - 0.8, ROW - 0.8], &colour);
            if width >= NUMBER {
                let label = format!("{:.1}", 100.0 * fold.encoders[m].importance);
                canvas.cell_text([x + width / 2.0, y + 7.4], &label, 6.5, text_on(&colour));
            }
        }
    }
    for (i, (&m, title)) in order.iter().zip(&titles).enumerate() {
        let y = top + i as f64 * ROW + 7.5;
        let ink = modality_ink(found.modalities[m]);
        canvas.text([left - 4.0, y], title, Anchor::End, LABEL, ink);
    }
    let ends = ["0".to_owned(), format!("{:.1} %", 100.0 * most)];
    let place = [left, bottom + 7.0];
    colour_bar(
        &mut canvas,
        place,
        90.0,
        ends,
        "Mean importance (%)",
        sequential,
    );
    let kendall = mean_of(found.agreements.iter().map(|pair| pair.kendall));
    let spearman = mean_of(found.agreements.iter().map(|pair| pair.spearman));
    let shown = |value: Option<f64>| value.map_or("undefined".into(), |x| format!("{x:.2}"));
    let caption = format!(
        "Mean gate weight before selection on each fold's held-out clips, in percent. Mean rank correlation between two folds: Kendall τ {}, Spearman ρ {}.",
        shown(kendall),
        shown(spearman)
    );
    Figure::new(
        "figure_5_folds",
        "Encoder importance by fold",
        caption,
        canvas,
    )
}

/// The grid of Figure 7 in an order; `left` and `top` are its corner.
fn cka_grid(
    canvas: &mut Canvas,
    found: &Analysis,
    order: &[usize],
    [left, top]: [f64; 2],
    cell: f64,
) {
    let titles: Vec<String> = order
        .iter()
        .map(|&m| encoder_title(&found.encoders[m]))
        .collect();
    let count = order.len();
    for (i, &a) in order.iter().enumerate() {
        for (j, &b) in order.iter().enumerate() {
            let place = [left + j as f64 * cell, top + i as f64 * cell];
            canvas.cell(
                place,
                [cell + 0.1, cell + 0.1],
                &sequential(found.cka[[a, b]]),
            );
        }
        let ink = modality_ink(found.modalities[a]);
        let middle = (i as f64 + 0.5) * cell;
        let row = [left - 3.0, top + middle + 2.5];
        canvas.text(row, &titles[i], Anchor::End, LABEL, ink);
        let column = [left + middle + 2.5, top + count as f64 * cell + 4.0];
        canvas.vertical_text(column, &titles[i], Anchor::End, LABEL, ink);
    }
}

/// Figure 7: linear CKA, ordered by modality and family.
pub fn cka(found: &Analysis) -> Figure {
    let order = by_modality_order(found);
    let titles: Vec<String> = found
        .encoders
        .iter()
        .map(|name| encoder_title(name))
        .collect();
    let label = widest(&titles, LABEL) + 8.0;
    let cell = ((TWO_COLUMNS - label - 8.0) / order.len() as f64).min(10.0);
    let side = cell * order.len() as f64;
    let top = 6.0;
    let width = (label + side + 8.0).max(ONE_COLUMN);
    let mut canvas = Canvas::new(width, top + side + label + 26.0);
    cka_grid(&mut canvas, found, &order, [label, top], cell);
    let mut before = 0;
    for group in &found.by_modality {
        before += group.encoders;
        if before < order.len() {
            let at = before as f64 * cell;
            canvas.line(
                [[label, top + at], [label + side, top + at]],
                PAPER,
                1.6,
                "",
            );
            canvas.line(
                [[label + at, top], [label + at, top + side]],
                PAPER,
                1.6,
                "",
            );
        }
    }
    let place = [label + 8.0, top + side + label + 6.0];
    let bar = (side - 24.0).clamp(60.0, 120.0);
    colour_bar(
        &mut canvas,
        place,
        bar,
        ["0".into(), "1".into()],
        "Linear CKA",
        sequential,
    );
    let caption = format!(
        "Linear centred kernel alignment of the projected embeddings of each pair of encoders over the training clips, {}.{}",
        models(found),
        match found.by_modality.len() {
            1 => "",
            _ => " Gaps separate modalities, which have the colours of the other figures.",
        }
    );
    Figure::new(
        "figure_7_cka",
        "Similarity of the encoders' embeddings",
        caption,
        canvas,
    )
}

fn models(found: &Analysis) -> String {
    match found.run.models.len() {
        1 => "of one model".into(),
        count => format!("mean over {count} fold models"),
    }
}

/// Figure 7 in the order of its dendrogram, with the tree beside it.
pub fn cka_clustered(found: &Analysis) -> Figure {
    let tree = &found.dendrogram;
    let order = &tree.order;
    let titles: Vec<String> = found
        .encoders
        .iter()
        .map(|name| encoder_title(name))
        .collect();
    let label = widest(&titles, LABEL) + 8.0;
    let branch = 60.0;
    let cell = ((TWO_COLUMNS - label - branch - 12.0) / order.len() as f64).min(10.0);
    let side = cell * order.len() as f64;
    let top = 6.0;
    let width = (label + side + branch + 12.0).max(ONE_COLUMN);
    let mut canvas = Canvas::new(width, top + side + label + 26.0);
    cka_grid(&mut canvas, found, order, [label, top], cell);
    let farthest = tree
        .merges
        .iter()
        .map(|merge| merge.distance)
        .fold(0.0, f64::max);
    let start = label + side + 4.0;
    let x = Scale::new([0.0, farthest.max(1e-9)], [start, start + branch]);
    // The end of each cluster's branch: x, y.
    let mut ends: Vec<[f64; 2]> = vec![[start, 0.0]; order.len()];
    for (i, &leaf) in order.iter().enumerate() {
        ends[leaf][1] = top + (i as f64 + 0.5) * cell;
    }
    for merge in &tree.merges {
        let [a, b] = merge.of.map(|cluster| ends[cluster]);
        let at = x.at(merge.distance);
        canvas.path(&[a, [at, a[1]], [at, b[1]], b], INK, 0.7, "");
        ends.push([at, (a[1] + b[1]) / 2.0]);
    }
    let place = [label + 8.0, top + side + label + 6.0];
    let bar = (side - 24.0).clamp(60.0, 120.0);
    colour_bar(
        &mut canvas,
        place,
        bar,
        ["0".into(), "1".into()],
        "Linear CKA",
        sequential,
    );
    let axis = [width - 3.0, top + side + 10.0];
    canvas.text(
        axis,
        &format!("1 − CKA, 0 to {farthest:.2}"),
        Anchor::End,
        LABEL,
        MUTED,
    );
    let caption = "The same linear CKA, with encoders in the order of an average-linkage tree on 1 − CKA; branches merge at the mean distance of their members.";
    Figure::new(
        "figure_7_cka_clustered",
        "Groups of similar encoders",
        caption.into(),
        canvas,
    )
}
