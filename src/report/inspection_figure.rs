//! The figure of an inspection: for every encoder the share of missing clips, and the shift of the
//! test split.

use plotters::coord::ranged1d::{IntoSegmentedCoord, SegmentValue};
use plotters::coord::types::RangedCoordf64;
use plotters::coord::{Shift as Plain, ranged1d::SegmentedCoord, types::RangedCoordusize};
use plotters::prelude::{
    ChartBuilder, ChartContext, Color, DrawingArea, IntoDrawingArea, IntoFont, PathElement,
    RGBColor, Rectangle, SVGBackend, WHITE,
};

use crate::data::inspect::{EncoderReport, FileReport, Inspection};

/// Height of an encoder's line, and of the margins above and below all of them, in pixels.
const LINE: usize = 20;
const FRAME: usize = 90;
const WIDTH: u32 = 900;

/// Colour-blind safe (Okabe and Ito 2008): blue, orange, and black for the reference.
const TRAIN: RGBColor = RGBColor(0, 114, 178);
const TEST: RGBColor = RGBColor(230, 159, 0);
const REFERENCE: RGBColor = RGBColor(0, 0, 0);

/// Axes with encoders from top to bottom and a quantity from left to right.
type Axes = plotters::prelude::Cartesian2d<RangedCoordf64, SegmentedCoord<RangedCoordusize>>;
type Panel<'a, 'b> = ChartContext<'a, SVGBackend<'b>, Axes>;
type Drawn = Result<(), String>;

/// Draws the figure as SVG; `None` if no encoder could be read.
///
/// # Errors
/// The message of the drawing library if it fails.
pub fn svg(found: &Inspection) -> Result<Option<String>, String> {
    let encoders: Vec<&EncoderReport> = found
        .encoders
        .iter()
        .filter(|e| e.train.is_some())
        .collect();
    if encoders.is_empty() {
        return Ok(None);
    }
    let mut text = String::new();
    let height = FRAME + LINE * lines(&encoders);
    {
        let size = (
            WIDTH,
            u32::try_from(height).map_err(|_| "too many encoders")?,
        );
        let root = SVGBackend::with_string(&mut text, size).into_drawing_area();
        root.fill(&WHITE).map_err(message)?;
        let (left, right) = root.split_horizontally(WIDTH / 2);
        missing(&left, &encoders)?;
        shift(&right, &encoders)?;
        root.present().map_err(message)?;
    }
    Ok(Some(text))
}

/// Number of lines of a panel: the library cannot draw a single one.
fn lines(encoders: &[&EncoderReport]) -> usize {
    encoders.len().max(2)
}

fn message(error: impl std::fmt::Display) -> String {
    error.to_string()
}

/// Axes with the encoders' names.
fn panel<'a, 'b>(
    area: &'a DrawingArea<SVGBackend<'b>, Plain>,
    (title, quantity): (&str, &str),
    encoders: &[&EncoderReport],
    range: std::ops::Range<f64>,
) -> Result<Panel<'a, 'b>, String> {
    let lines = lines(encoders);
    let mut chart = ChartBuilder::on(area)
        .caption(title, ("sans-serif", 15))
        .margin(8)
        .y_label_area_size(180)
        .x_label_area_size(40)
        .build_cartesian_2d(range, (0..lines - 1).into_segmented())
        .map_err(message)?;
    let name = |place: &SegmentValue<usize>| match place {
        SegmentValue::CenterOf(place) => {
            let encoder = (lines - 1)
                .checked_sub(*place)
                .and_then(|at| encoders.get(at));
            encoder.map_or_else(String::new, |encoder| {
                encoder.name.chars().take(30).collect()
            })
        }
        _ => String::new(),
    };
    let mut mesh = chart.configure_mesh();
    mesh.disable_y_mesh()
        .y_labels(lines + 1)
        .y_label_formatter(&name)
        .x_labels(6)
        .x_desc(quantity)
        .label_style(("sans-serif", 12).into_font());
    mesh.draw().map_err(message)?;
    Ok(chart)
}

/// A bar in the part `from..to` (0 the lower edge, 1 the upper) of an encoder's line.
fn bar(
    chart: &mut Panel<'_, '_>,
    place: usize,
    value: f64,
    color: RGBColor,
    margins: [u32; 2],
) -> Drawn {
    let corners = [
        (0.0, SegmentValue::Exact(place)),
        (value, SegmentValue::Exact(place + 1)),
    ];
    let mut bar = Rectangle::new(corners, color.filled());
    let [above, below] = margins;
    bar.set_margin(above, below, 0, 0);
    chart.draw_series([bar]).map_err(message)?;
    Ok(())
}

fn missing(area: &DrawingArea<SVGBackend<'_>, Plain>, encoders: &[&EncoderReport]) -> Drawn {
    let share = |file: &Option<FileReport>| file.as_ref().map(|file| 100.0 * file.missing_share);
    let shares = encoders
        .iter()
        .flat_map(|encoder| [share(&encoder.train), share(&encoder.test)]);
    // Draws an axis even if nothing is missing.
    let most = shares.flatten().fold(1.0, f64::max);
    let title = (
        "clips without this encoder: training (blue), test (orange)",
        "percent",
    );
    let mut chart = panel(area, title, encoders, 0.0..most)?;
    for (at, encoder) in encoders.iter().enumerate() {
        let place = lines(encoders) - 1 - at;
        let (upper, lower) = ([3, LINE as u32 / 2], [LINE as u32 / 2, 3]);
        if let Some(share) = share(&encoder.train) {
            bar(&mut chart, place, share, TRAIN, upper)?;
        }
        if let Some(share) = share(&encoder.test) {
            bar(&mut chart, place, share, TEST, lower)?;
        }
    }
    Ok(())
}

fn shift(area: &DrawingArea<SVGBackend<'_>, Plain>, encoders: &[&EncoderReport]) -> Drawn {
    let shifts: Vec<_> = encoders
        .iter()
        .map(|encoder| encoder.shift.as_ref())
        .collect();
    let values = shifts.iter().flatten();
    let values = values.flat_map(|shift| [shift.energy, shift.new_actors_95.unwrap_or(0.0)]);
    let most = values.fold(0.01, f64::max);
    let title = (
        "shift of the test split; line: new actors only, mean to 95th percentile",
        "energy coefficient",
    );
    let mut chart = panel(area, title, encoders, 0.0..most * 1.05)?;
    for (at, shift) in shifts.iter().enumerate() {
        let Some(shift) = shift else { continue };
        let place = lines(encoders) - 1 - at;
        bar(&mut chart, place, shift.energy.max(0.0), TEST, [4, 4])?;
        if let (Some(mean), Some(high)) = (shift.new_actors, shift.new_actors_95) {
            let middle = SegmentValue::CenterOf(place);
            let line = [(mean.max(0.0), middle.clone()), (high.max(0.0), middle)];
            let line = PathElement::new(line.to_vec(), REFERENCE.stroke_width(2));
            chart.draw_series([line]).map_err(message)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoders::Modality;

    fn encoder(name: &str, missing_share: f64, energy: f64) -> EncoderReport {
        let file = FileReport {
            bytes: 1,
            rows: 10,
            missing_clips: 1,
            missing_share,
            unused_rows: 0,
            non_finite: 0,
            non_finite_columns: 0,
            duplicate_rows: 0,
            first_duplicate: None,
            norm_outliers: 0,
            farthest_clip: None,
        };
        EncoderReport {
            name: name.into(),
            modality: Modality::Video,
            width: Some(7),
            dtype: Some("f4".into()),
            constant_columns: Some(0),
            train: Some(file.clone()),
            test: Some(file),
            provenance: None,
            shift: Some(crate::data::inspect::Shift {
                energy,
                new_actors: Some(0.1),
                new_actors_95: Some(0.2),
                p_value: Some(0.5),
                clips: [10, 10],
            }),
        }
    }

    #[test]
    fn every_encoder_has_its_bars() {
        for count in [1, 2, 40] {
            let encoders = (0..count).map(|n| encoder(&format!("encoder_{n}"), 0.1, 0.3));
            let found = Inspection {
                encoders: encoders.collect(),
                ..Inspection::default()
            };
            let svg = svg(&found).unwrap().unwrap();
            for n in 0..count {
                let label = format!(">\nencoder_{n}\n<");
                assert_eq!(svg.matches(&label).count(), 2, "{count}: {n}");
            }
            assert_eq!(svg.matches("fill=\"#0072B2\"").count(), count);
            assert_eq!(svg.matches("fill=\"#E69F00\"").count(), 2 * count);
        }
    }

    #[test]
    fn odd_values_and_names_do_no_harm() {
        let mut odd = encoder("<&>", 0.0, -0.01);
        let mut alone = encoder("no_test", 0.0, 0.0);
        (alone.test, alone.shift) = (None, None);
        odd.train = odd.test.clone();
        let found = Inspection {
            encoders: vec![odd, alone],
            ..Inspection::default()
        };
        let svg = svg(&found).unwrap().unwrap();
        assert!(svg.contains("&lt;&amp;&gt;") && !svg.contains("NaN"));
        assert_eq!(super::svg(&Inspection::default()), Ok(None));
    }
}
