//! Heat maps over groups of clips: importance by emotion, and the confusion of emotion sets.

use ndarray::Array2;

use super::bars::clips_note;
use super::canvas::{Anchor, Canvas, GRID, INK, LABEL, ONE_COLUMN, TITLE, TWO_COLUMNS, text_width};
use super::heat::{ROW, colour_bar};
use super::scale::{diverging, sequential, text_on};
use super::{Figure, by_modality_order, counted, encoder_title, modality_ink, widest};
use crate::analysis::Analysis;
use crate::analysis::importance::GroupReliance;

/// Importance by true emotion, relative to the mean over all clips.
pub fn by_emotion(found: &Analysis) -> Option<Figure> {
    let caption = format!(
        "Mean gate weight on clips that show the emotion (alone or blended; in brackets how many), relative to the mean over all clips: blue above, orange below. {}",
        clips_note(found)
    );
    relative(
        found,
        &found.by_emotion,
        "importance_by_emotion",
        "Encoder importance by emotion",
        caption,
    )
}

/// Importance by true emotion set.
pub fn by_set(found: &Analysis) -> Option<Figure> {
    // Without blends a set is an emotion, which has its own figure.
    if found.accuracy.blends == 0 && found.by_set.iter().all(|set| !set.group.contains('-')) {
        return None;
    }
    let caption = format!(
        "Mean gate weight on clips with exactly this set of emotions (in brackets how many), relative to the mean over all clips: blue above, orange below. {}",
        clips_note(found)
    );
    relative(
        found,
        &found.by_set,
        "importance_by_blend",
        "Encoder importance by emotion set",
        caption,
    )
}

fn relative(
    found: &Analysis,
    groups: &[GroupReliance],
    name: &str,
    title: &str,
    mut caption: String,
) -> Option<Figure> {
    let order = by_modality_order(found);
    let titles: Vec<String> = order
        .iter()
        .map(|&m| encoder_title(&found.encoders[m]))
        .collect();
    let left = widest(&titles, LABEL) + 10.0;
    let groups: Vec<&GroupReliance> = groups.iter().filter(|group| group.clips > 0).collect();
    if groups.len() < 2 {
        return None;
    }
    let whole = if groups.len() > 8 {
        TWO_COLUMNS
    } else {
        ONE_COLUMN
    };
    let width = ((whole - left - 4.0) / groups.len().max(1) as f64).min(30.0);
    let names: Vec<String> = groups
        .iter()
        .map(|group| format!("{} ({})", group.group, group.clips))
        .collect();
    let turned = names.iter().any(|name| text_width(name, LABEL) > width);
    let top = if turned {
        widest(&names, LABEL) + 10.0
    } else {
        14.0
    };
    let bottom = top + order.len() as f64 * ROW;
    let canvas_width = (left + width * groups.len() as f64 + 4.0).max(ONE_COLUMN);
    let mut canvas = Canvas::new(canvas_width, bottom + 30.0);
    let change = |group: &GroupReliance, m: usize| {
        group.encoders[m].importance / found.reliance[m].importance - 1.0
    };
    // A mean over a few clips is mostly chance, and must not set the colours of all others.
    let enough = |group: &&&GroupReliance| group.clips >= FEWEST_CLIPS;
    let judged: Vec<&&GroupReliance> = match groups.iter().any(|group| group.clips >= FEWEST_CLIPS)
    {
        true => groups.iter().filter(enough).collect(),
        false => groups.iter().collect(),
    };
    if judged.len() < groups.len() {
        caption += &format!(
            " The colours span the groups of {FEWEST_CLIPS} clips or more; smaller ones may lie beyond."
        );
    }
    let all = judged
        .iter()
        .flat_map(|group| order.iter().map(|&m| change(group, m).abs()));
    let most = all.filter(|x| x.is_finite()).fold(0.01, f64::max);
    for (j, group) in groups.iter().enumerate() {
        let x = left + j as f64 * width;
        let middle = x + width / 2.0;
        if turned {
            canvas.vertical_text(
                [middle + 2.5, top - 3.0],
                &names[j],
                Anchor::Start,
                LABEL,
                INK,
            );
        } else {
            canvas.text([middle, top - 4.0], &names[j], Anchor::Middle, LABEL, INK);
        }
        for (i, &m) in order.iter().enumerate() {
            let colour = diverging(change(group, m) / most);
            let place = [x + 0.4, top + i as f64 * ROW + 0.4];
            canvas.cell(place, [width - 0.8, ROW - 0.8], &colour);
        }
    }
    for (i, (&m, title)) in order.iter().zip(&titles).enumerate() {
        let y = top + i as f64 * ROW + 7.5;
        canvas.text(
            [left - 4.0, y],
            title,
            Anchor::End,
            LABEL,
            modality_ink(found.modalities[m]),
        );
    }
    let ends = [
        format!("−{:.0} %", 100.0 * most),
        format!("+{:.0} %", 100.0 * most),
    ];
    let place = [left + 14.0, bottom + 7.0];
    colour_bar(
        &mut canvas,
        place,
        80.0,
        ends,
        "Change of importance",
        |share| diverging(2.0 * share - 1.0),
    );
    Some(Figure::new(name, title, caption, canvas))
}

/// Groups of fewer clips do not set the scale of colours.
const FEWEST_CLIPS: usize = 5;

/// The confusion matrix over emotion sets, as drawn in the challenge.
pub fn confusion(found: &Analysis) -> Figure {
    let labels = &found.confusion.labels;
    let counts: &Array2<usize> = &found.confusion.counts;
    let label = widest(labels, LABEL) + 22.0;
    let cell = ((TWO_COLUMNS - label - 8.0) / labels.len().max(1) as f64).min(22.0);
    let side = cell * labels.len() as f64;
    let top = 8.0;
    let width = (label + side + 8.0).max(ONE_COLUMN);
    let mut canvas = Canvas::new(width, top + side + label + 4.0);
    for (i, row) in counts.rows().into_iter().enumerate() {
        let total = row.sum().max(1) as f64;
        let y = top + i as f64 * cell;
        for (j, &count) in row.iter().enumerate() {
            let x = left_of(label, j, cell);
            let share = count as f64 / total;
            let colour = sequential(share);
            canvas.cell([x, y], [cell - 0.5, cell - 0.5], &colour);
            // A number needs its width.
            let label = count.to_string();
            if count > 0 && text_width(&label, 6.5) < cell {
                let place = [x + cell / 2.0 - 0.25, y + cell / 2.0 + 2.3];
                canvas.cell_text(place, &label, 6.5, text_on(&colour));
            }
        }
        let middle = (i as f64 + 0.5) * cell;
        canvas.text(
            [label - 3.0, top + middle + 2.5],
            &labels[i],
            Anchor::End,
            LABEL,
            INK,
        );
        let column = [label + middle + 2.5, top + side + 4.0];
        canvas.vertical_text(column, &labels[i], Anchor::End, LABEL, INK);
    }
    let singles = labels.iter().filter(|name| !name.contains('-')).count();
    if singles > 0 && singles < labels.len() {
        let at = singles as f64 * cell - 0.25;
        canvas.line([[label, top + at], [label + side, top + at]], GRID, 1.2, "");
        canvas.line([[label + at, top], [label + at, top + side]], GRID, 1.2, "");
    }
    canvas.vertical_text(
        [9.0, top + side / 2.0],
        "True emotions",
        Anchor::Middle,
        TITLE,
        INK,
    );
    let below = [label + side / 2.0, top + side + label - 4.0];
    canvas.text(below, "Predicted emotions", Anchor::Middle, TITLE, INK);
    let caption = format!(
        "Clips by true (rows) and predicted (columns) set of emotions; colour is the share of the row. The set of {} of {} is correct. {}",
        found.accuracy.presence_correct,
        counted(found.accuracy.clips, "clip"),
        clips_note(found)
    );
    Figure::new("confusion", "Confusion over emotion sets", caption, canvas)
}

fn left_of(label: f64, column: usize, cell: f64) -> f64 {
    label + column as f64 * cell
}
