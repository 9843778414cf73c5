//! An SVG writer: a few shapes, and text that stays text. Lengths are in points (1/72 inch).
//!
//! Colours are attributes, which every SVG reader supports; a class on each lets the report's style
//! sheet replace them in dark mode.

use std::fmt::Write;

/// Width of one column of a paper.
pub const ONE_COLUMN: f64 = 252.0;
/// Width of two columns of a paper.
pub const TWO_COLUMNS: f64 = 516.0;
/// Size of labels.
pub const LABEL: f64 = 7.0;
/// Size of axis titles and direct labels.
pub const TITLE: f64 = 8.0;

/// The horizontal alignment of text at its position.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Anchor {
    /// Starts there.
    Start,
    /// Centred there.
    Middle,
    /// Ends there.
    End,
}

/// A colour, with its class in the report's style sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ink {
    /// `#rrggbb`.
    pub colour: &'static str,
    /// Class without prefix.
    pub class: &'static str,
}

/// Text and main lines.
pub const INK: Ink = Ink {
    colour: "#1a1a1a",
    class: "ink",
};
/// Secondary elements.
pub const MUTED: Ink = Ink {
    colour: "#5c5c5c",
    class: "muted",
};
/// Grid lines.
pub const GRID: Ink = Ink {
    colour: "#d9d9d9",
    class: "grid",
};
/// The background.
pub const PAPER: Ink = Ink {
    colour: "#ffffff",
    class: "paper",
};

/// A drawing of fixed size.
#[derive(Clone, Debug)]
pub struct Canvas {
    /// In points.
    pub width: f64,
    /// In points.
    pub height: f64,
    body: String,
}

/// Where turned text begins, or has its middle or end.
#[derive(Clone, Copy, Debug)]
pub struct Turned {
    /// In points.
    pub at: [f64; 2],
    /// By how much it is turned, clockwise.
    pub degrees: f64,
}

impl Canvas {
    /// An empty drawing.
    pub fn new(width: f64, height: f64) -> Self {
        Self {
            width,
            height,
            body: String::new(),
        }
    }

    /// A line of text whose baseline is at y.
    pub fn text(&mut self, [x, y]: [f64; 2], text: &str, anchor: Anchor, size: f64, ink: Ink) {
        self.push(format_args!(
            "<text {}>{}</text>\n",
            text_attributes([x, y], anchor, size, ink),
            escaped(text)
        ));
    }

    /// A line of text that reads upwards.
    pub fn vertical_text(&mut self, at: [f64; 2], text: &str, anchor: Anchor, size: f64, ink: Ink) {
        let degrees = -90.0;
        self.turned_text(Turned { at, degrees }, text, anchor, size, ink);
    }

    /// Turned text.
    pub fn turned_text(&mut self, place: Turned, text: &str, anchor: Anchor, size: f64, ink: Ink) {
        let Turned {
            at: [x, y],
            degrees,
        } = place;
        self.push(format_args!(
            "<text {} transform=\"rotate({degrees} {x:.2} {y:.2})\">{}</text>\n",
            text_attributes([x, y], anchor, size, ink),
            escaped(text)
        ));
    }

    /// A straight line; `dash` as in `stroke-dasharray`.
    pub fn line(&mut self, [from, to]: [[f64; 2]; 2], ink: Ink, width: f64, dash: &str) {
        self.push(format_args!(
            "<line x1=\"{:.2}\" y1=\"{:.2}\" x2=\"{:.2}\" y2=\"{:.2}\" stroke=\"{}\" class=\"s-{}\" stroke-width=\"{width}\"{}/>\n",
            from[0],
            from[1],
            to[0],
            to[1],
            ink.colour,
            ink.class,
            dashes(dash)
        ));
    }

    /// A line through points.
    pub fn path(&mut self, points: &[[f64; 2]], ink: Ink, width: f64, dash: &str) {
        let points = joined(points);
        self.push(format_args!(
            "<polyline points=\"{points}\" fill=\"none\" stroke=\"{}\" class=\"s-{}\" stroke-width=\"{width}\" stroke-linejoin=\"round\"{}/>\n",
            ink.colour,
            ink.class,
            dashes(dash)
        ));
    }

    /// A filled area.
    pub fn area(&mut self, points: &[[f64; 2]], ink: Ink, opacity: f64) {
        let points = joined(points);
        self.push(format_args!(
            "<polygon points=\"{points}\" fill=\"{}\" class=\"f-{}\" fill-opacity=\"{opacity}\"/>\n",
            ink.colour, ink.class
        ));
    }

    /// A filled rectangle.
    pub fn bar(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], ink: Ink) {
        self.push(format_args!(
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{}\" class=\"f-{}\"/>\n",
            ink.colour, ink.class
        ));
    }

    /// A cell of a heat map. Its colour encodes a value, so it is the same in dark mode.
    pub fn cell(&mut self, [x, y]: [f64; 2], [width, height]: [f64; 2], colour: &str) {
        self.push(format_args!(
            "<rect x=\"{x:.2}\" y=\"{y:.2}\" width=\"{width:.2}\" height=\"{height:.2}\" fill=\"{colour}\"/>\n"
        ));
    }

    /// Text on a cell, in a colour that contrasts with the cell's.
    pub fn cell_text(&mut self, [x, y]: [f64; 2], text: &str, size: f64, colour: &str) {
        self.push(format_args!(
            "<text x=\"{x:.2}\" y=\"{y:.2}\" font-size=\"{size}\" text-anchor=\"middle\" fill=\"{colour}\">{}</text>\n",
            escaped(text)
        ));
    }

    /// A dot.
    pub fn dot(&mut self, [x, y]: [f64; 2], radius: f64, ink: Ink, opacity: f64) {
        self.push(format_args!(
            "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{radius}\" fill=\"{}\" class=\"f-{}\" fill-opacity=\"{opacity}\"/>\n",
            ink.colour, ink.class
        ));
    }

    /// A circle's outline.
    pub fn ring(&mut self, [x, y]: [f64; 2], radius: f64, ink: Ink, width: f64) {
        self.push(format_args!(
            "<circle cx=\"{x:.2}\" cy=\"{y:.2}\" r=\"{radius}\" fill=\"none\" stroke=\"{}\" class=\"s-{}\" stroke-width=\"{width}\"/>\n",
            ink.colour, ink.class
        ));
    }

    /// The complete SVG. `title` and `description` are for screen readers.
    pub fn svg(&self, name: &str, title: &str, description: &str) -> String {
        let (width, height) = (self.width, self.height);
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width:.0}pt\" height=\"{height:.0}pt\" viewBox=\"0 0 {width:.0} {height:.0}\" font-family=\"Helvetica, Arial, 'Liberation Sans', sans-serif\" role=\"img\" aria-labelledby=\"{name}-title {name}-description\">\n<title id=\"{name}-title\">{}</title>\n<desc id=\"{name}-description\">{}</desc>\n<rect width=\"{width:.0}\" height=\"{height:.0}\" fill=\"{}\" class=\"f-{}\"/>\n{}</svg>\n",
            escaped(title),
            escaped(description),
            PAPER.colour,
            PAPER.class,
            self.body
        )
    }

    fn push(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a string cannot fail.
        let _ = self.body.write_fmt(text);
    }
}

fn text_attributes([x, y]: [f64; 2], anchor: Anchor, size: f64, ink: Ink) -> String {
    let anchor = match anchor {
        Anchor::Start => "start",
        Anchor::Middle => "middle",
        Anchor::End => "end",
    };
    format!(
        "x=\"{x:.2}\" y=\"{y:.2}\" font-size=\"{size}\" text-anchor=\"{anchor}\" fill=\"{}\" class=\"f-{}\"",
        ink.colour, ink.class
    )
}

fn joined(points: &[[f64; 2]]) -> String {
    let points = points.iter().map(|[x, y]| format!("{x:.2},{y:.2}"));
    points.collect::<Vec<_>>().join(" ")
}

fn dashes(dash: &str) -> String {
    if dash.is_empty() {
        String::new()
    } else {
        format!(" stroke-dasharray=\"{dash}\"")
    }
}

/// Text escaped for SVG and HTML.
pub fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // XML allows no other control characters.
            c if c.is_control() && !matches!(c, '\n' | '\t') => safe.push('\u{fffd}'),
            c => safe.push(c),
        }
    }
    safe
}

/// The approximate width of text in common sans-serif fonts, slightly overestimated.
pub fn text_width(text: &str, size: f64) -> f64 {
    let width = |c: char| match c {
        'i' | 'j' | 'l' | 'f' | 't' | 'I' | '.' | ',' | ':' | ' ' | '(' | ')' | '-' | '/' => 0.33,
        'm' | 'w' | 'M' | 'W' => 0.88,
        c if c.is_uppercase() => 0.70,
        _ => 0.56,
    };
    1.06 * size * text.chars().map(width).sum::<f64>()
}

/// Text that is at most so wide, with an ellipsis where something had to be left out.
pub fn within(text: &str, size: f64, width: f64) -> String {
    if text_width(text, size) <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        let longer = format!("{short}{c}");
        if text_width(&format!("{longer}…"), size) > width {
            break;
        }
        short = longer;
    }
    format!("{}…", short.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_users_cannot_leave_its_place() {
        let mut canvas = Canvas::new(10.0, 10.0);
        let name = "<script>\"a'&\u{7}";
        canvas.text([0.0, 0.0], name, Anchor::Start, LABEL, INK);
        let svg = canvas.svg("x", name, name);
        assert!(!svg.contains("<script>") && !svg.contains('\u{7}'));
        assert_eq!(svg.matches("&lt;script&gt;&quot;a&#39;&amp;").count(), 3);
    }

    #[test]
    fn longer_text_is_wider() {
        assert!(text_width("WavLM Large", 7.0) > text_width("CLIP", 7.0));
        assert_eq!(text_width("", 7.0), 0.0);
        assert_eq!(within("CLIP", 7.0, 50.0), "CLIP");
        let short = within("WavLM Large of LAION", 7.0, 50.0);
        assert!(
            short.ends_with('…') && text_width(&short, 7.0) <= 50.0,
            "{short}"
        );
    }
}
