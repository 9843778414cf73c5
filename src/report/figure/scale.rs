//! Scales from values to positions and colours.

/// Values that are nearer to each other than this, as a share of them, count as equal.
const ROUNDING: f64 = 1e-9;

/// A linear scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Scale {
    from: [f64; 2],
    to: [f64; 2],
}

impl Scale {
    /// Maps the values `from` to the positions `to`; an empty range, or one that only rounding opened, is
    /// widened.
    pub fn new(mut from: [f64; 2], to: [f64; 2]) -> Self {
        let width = from[1] - from[0];
        let largest = from[0].abs().max(from[1].abs());
        if !width.is_normal() || width.abs() <= ROUNDING * largest {
            let middle = if from[0].is_finite() { from[0] } else { 0.0 };
            from = [middle - 0.5, middle + 0.5];
        }
        Self { from, to }
    }

    /// The position of a value.
    pub fn at(&self, value: f64) -> f64 {
        let share = (value - self.from[0]) / (self.from[1] - self.from[0]);
        self.to[0] + share * (self.to[1] - self.to[0])
    }

    /// About `about` round values in the range, and the digits that they need.
    pub fn ticks(&self, about: usize) -> (Vec<f64>, usize) {
        let [low, high] = self.from;
        let raw = (high - low) / about.max(1) as f64;
        let power = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0]
            .into_iter()
            .map(|factor| factor * power)
            .find(|step| *step >= raw * 0.999)
            .unwrap_or(power);
        let slack = step * 1e-6;
        let first = ((low - slack) / step).ceil() as i64;
        let last = ((high + slack) / step).floor() as i64;
        let digits = (-(step * 1.000_001).log10().floor()).max(0.0) as usize;
        let ticks = (first..=last).map(|i| i as f64 * step).collect();
        (ticks, digits)
    }
}

/// A range that contains all values with a margin, from 0 if `with_zero`.
pub fn range(values: impl IntoIterator<Item = f64>, with_zero: bool) -> [f64; 2] {
    let finite = values.into_iter().filter(|x| x.is_finite());
    let (low, high) = finite.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), x| {
        (low.min(x), high.max(x))
    });
    if low > high {
        return [0.0, 1.0];
    }
    let air = 0.06 * (high - low);
    if with_zero && low >= 0.0 {
        [0.0, high + 0.06 * high]
    } else {
        [low - air, high + air]
    }
}

/// A range that contains all scores with a margin; where all are equal, of width 1 and not past the ends of
/// what a score can be.
pub fn range_of_scores(scores: impl IntoIterator<Item = f64>, limits: [f64; 2]) -> [f64; 2] {
    let [low, high] = range(scores, false);
    if high - low > ROUNDING * low.abs().max(high.abs()) {
        return [low, high];
    }
    [(low - 0.5).max(limits[0]), (high + 0.5).min(limits[1])]
}

/// Blue on white: more is darker. `share` is in [0, 1]. Lightness decreases evenly, so that it works in
/// greyscale and for colour-blind readers.
pub fn sequential(share: f64) -> String {
    const STOPS: [[f64; 3]; 5] = [
        [247.0, 251.0, 255.0],
        [198.0, 219.0, 239.0],
        [107.0, 174.0, 214.0],
        [33.0, 113.0, 181.0],
        [8.0, 48.0, 107.0],
    ];
    mixed(&STOPS, share)
}

/// Orange below, white at 0, blue above. `share` is in [−1, 1].
pub fn diverging(share: f64) -> String {
    const STOPS: [[f64; 3]; 5] = [
        [179.0, 88.0, 6.0],
        [253.0, 184.0, 99.0],
        [247.0, 247.0, 247.0],
        [107.0, 174.0, 214.0],
        [8.0, 81.0, 156.0],
    ];
    mixed(&STOPS, (share + 1.0) / 2.0)
}

fn mixed(stops: &[[f64; 3]; 5], share: f64) -> String {
    if !share.is_finite() {
        return "#bdbdbd".into();
    }
    let place = share.clamp(0.0, 1.0) * 4.0;
    let below = (place.floor() as usize).min(3);
    let part = place - below as f64;
    let channel = |c: usize| {
        let (low, high) = (stops[below][c], stops[below + 1][c]);
        (low + part * (high - low)).round() as u8
    };
    format!("#{:02x}{:02x}{:02x}", channel(0), channel(1), channel(2))
}

/// Black or white, whichever has more contrast with a cell's colour.
pub fn text_on(colour: &str) -> &'static str {
    let channel = |at: usize| {
        let digits = colour.get(at..at + 2).unwrap_or("00");
        let value = f64::from(u8::from_str_radix(digits, 16).unwrap_or(0)) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    let luminance = 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
    // The luminance of equal contrast with black and white (WCAG 2).
    if luminance > 0.179 {
        "#000000"
    } else {
        "#ffffff"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_inside() {
        let (ticks, digits) = Scale::new([0.03, 0.97], [0.0, 1.0]).ticks(5);
        let shown: Vec<String> = ticks.iter().map(|x| format!("{x:.digits$}")).collect();
        assert_eq!(shown, ["0.2", "0.4", "0.6", "0.8"]);
        let (ticks, digits) = Scale::new([0.0, 36.0], [0.0, 1.0]).ticks(6);
        assert_eq!((ticks, digits), (vec![0.0, 10.0, 20.0, 30.0], 0));
        let (ticks, digits) = Scale::new([0.588, 0.612], [0.0, 1.0]).ticks(4);
        assert_eq!((ticks.len(), digits), (3, 2));
    }

    #[test]
    fn a_range_of_no_width_still_has_places() {
        let scale = Scale::new([2.0, 2.0], [0.0, 10.0]);
        assert_eq!(scale.at(2.0), 5.0);
        let rounded = Scale::new([0.1 + 0.2, 0.3], [0.0, 10.0]);
        assert!((rounded.at(0.3) - 5.0).abs() < 1e-6);
        assert!(rounded.ticks(5).0.len() > 2);
        assert_eq!(range([f64::NAN], false), [0.0, 1.0]);
        let limits = [0.0, 100.0];
        assert_eq!(range_of_scores([100.0, 100.0], limits), [99.5, 100.0]);
        assert_eq!(range_of_scores([0.0], limits), [0.0, 0.5]);
        assert_eq!(
            range_of_scores([40.0, 90.0], limits),
            range([40.0, 90.0], false)
        );
    }

    #[test]
    fn darker_cells_take_white_text() {
        assert_eq!(sequential(0.0), "#f7fbff");
        assert_eq!(text_on(&sequential(0.0)), "#000000");
        assert_eq!(text_on(&sequential(1.0)), "#ffffff");
        assert_eq!(diverging(0.0), "#f7f7f7");
        assert_eq!(sequential(f64::NAN), "#bdbdbd");
    }
}
