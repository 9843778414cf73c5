//! Tables of CSV files as HTML: sortable, with every text escaped.

use std::path::Path;

use crate::error::{Error, Result};
use crate::report::figure::canvas::escaped;
use crate::report::reading::for_readers;
use crate::report::table::Reading;
use crate::report::table::{Cell, DIGITS, Table};

/// Number of columns that fit a page in portrait format.
const UPRIGHT: usize = 12;

/// A text with more letters than this is not squeezed into a narrow column.
const LONG_TEXT: usize = 32;

/// Headings of columns that their names do not tell.
const HEADINGS: [(&str, &str); 15] = [
    ("p5", "5 %"),
    ("p95", "95 %"),
    ("alpha", "α"),
    ("chosen", "Chosen without it"),
    ("what", "Thresholds"),
    ("verdict", "Beyond noise?"),
    ("interval", "95 % interval"),
    ("difference_interval", "Difference, 95 % interval"),
    ("p_holm", "p (Holm)"),
    ("pooled_average", "Average, pooled thresholds"),
    ("presence_threshold", "t_p"),
    ("salience_threshold", "t_s"),
    ("paper_average", "Average, paper"),
    ("paper_test_average", "Test average, paper"),
    ("comparable_loss", "Loss, base weights"),
];

/// Columns whose names are single words.
const WORDS: [&str; 54] = [
    "average",
    "better",
    "bias",
    "blends",
    "changes",
    "clips",
    "configuration",
    "correct",
    "decision",
    "difference",
    "emotion",
    "encoder",
    "encoders",
    "epoch",
    "epochs",
    "error",
    "f1",
    "filename",
    "first",
    "fold",
    "folds",
    "from",
    "group",
    "importance",
    "kendall",
    "kept",
    "loss",
    "mean",
    "measure",
    "median",
    "modality",
    "model",
    "observed",
    "overlap",
    "pairs",
    "precision",
    "predicted",
    "ratio",
    "recall",
    "second",
    "seed",
    "seeds",
    "selected",
    "spearman",
    "steps",
    "temperature",
    "to",
    "trial",
    "true",
    "truth",
    "tuned",
    "undefined",
    "uniform",
    "without",
];

/// Reads a file; `None` if it does not exist.
///
/// # Errors
/// [`Error::Csv`] if it is not a table.
pub fn read(path: &Path) -> Result<Option<Table>> {
    if !path.is_file() {
        return Ok(None);
    }
    let fault = |error: csv::Error| Error::Csv {
        path: path.to_owned(),
        line: error.position().map(csv::Position::line),
        column: None,
        reason: "not a table of this program".into(),
    };
    let mut reader = csv::Reader::from_path(path).map_err(fault)?;
    let names: Vec<String> = reader
        .headers()
        .map_err(fault)?
        .iter()
        .map(str::to_owned)
        .collect();
    let records: Vec<csv::StringRecord> = reader
        .records()
        .map(|record| record.map_err(fault))
        .collect::<Result<_>>()?;
    let numeric = |at: usize| {
        records
            .iter()
            .all(|record| record[at].is_empty() || record[at].parse::<f64>().is_ok())
    };
    let kinds: Vec<Kind> = (0..names.len())
        .map(|at| Kind::of(&names, at, numeric(at)))
        .collect();
    let shown = || {
        kinds
            .iter()
            .enumerate()
            .filter(|(_, kind)| **kind != Kind::Part)
    };
    let columns: Vec<(String, String)> = shown()
        .map(|(at, kind)| {
            let key = match kind {
                Kind::Interval => names[at].trim_end_matches("_low"),
                _ => names[at].as_str(),
            };
            (key.to_owned(), heading(key))
        })
        .collect();
    let columns: Vec<(&str, &str)> = columns
        .iter()
        .map(|(a, b)| (a.as_str(), b.as_str()))
        .collect();
    let mut table = Table::new("", &columns);
    for record in &records {
        let cells =
            shown().map(|(at, kind)| kind.cell(&record[at], record.get(at + 1), &names[at]));
        table.row(cells.collect());
    }
    Ok(Some(table))
}

/// What a column of a file is in a table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Text,
    Number,
    /// With the standard deviation in the next column.
    Spread,
    /// Its lower end, with the upper one in the next column.
    Interval,
    /// Belongs to the column before.
    Part,
}

impl Kind {
    fn of(names: &[String], at: usize, numeric: bool) -> Self {
        let name = names[at].as_str();
        let next = names.get(at + 1).map_or("", String::as_str);
        let before = at.checked_sub(1).map_or("", |at| names[at].as_str());
        let end = |name: &str| name.strip_suffix("_low").map(|stem| format!("{stem}_high"));
        if name == format!("{before}_std") || end(before).as_deref() == Some(name) {
            Kind::Part
        } else if end(name).as_deref() == Some(next) {
            Kind::Interval
        } else if next == format!("{name}_std") {
            Kind::Spread
        } else if numeric {
            Kind::Number
        } else {
            Kind::Text
        }
    }

    fn cell(self, text: &str, next: Option<&str>, name: &str) -> Cell {
        let next = next.and_then(|next| next.parse::<f64>().ok());
        let digits = if name.starts_with("p_") || name == "p" {
            DIGITS + 1
        } else {
            DIGITS
        };
        match (self, text.parse::<f64>()) {
            (Kind::Text, _) if text.is_empty() => Cell::Empty,
            (Kind::Text, _) => Cell::text(text),
            (_, Err(_)) => Cell::Empty,
            (Kind::Spread, Ok(value)) => Cell::Spread(value, next, DIGITS),
            (Kind::Interval, Ok(low)) => match next {
                Some(high) => Cell::Interval(low, high, DIGITS),
                None => Cell::Empty,
            },
            (_, Ok(_)) if text.parse::<u64>().is_ok() => Cell::Count(text.parse().unwrap_or(0)),
            (_, Ok(value)) if name == "difference" => Cell::Difference(value, DIGITS),
            (_, Ok(value)) => Cell::Number(value, digits),
        }
    }
}

/// A column's name in words; measures keep their names.
fn heading(column: &str) -> String {
    if let Some((_, heading)) = HEADINGS.iter().find(|(name, _)| *name == column) {
        return (*heading).to_owned();
    }
    let mut words = column.replace('_', " ");
    for measure in ["ACC_presence", "ACC_salience"] {
        let in_words = measure.to_lowercase().replace('_', " ");
        words = words.replace(&in_words, measure);
    }
    let mut letters = words.chars();
    let is_word = column.contains('_') || WORDS.contains(&column);
    match letters.next() {
        // The names of classes and encoders stay as they are.
        Some(first) if is_word && !words.starts_with("ACC") => {
            first.to_uppercase().to_string() + letters.as_str()
        }
        _ => words,
    }
}

/// A table as people read it, with its notes below.
pub fn for_people(mut table: Table, caption: &str, reading: Reading) -> String {
    table.reading = Some(reading);
    let read = for_readers(&table);
    let notes = read.notes.iter().map(|note| paragraph(note));
    html(&read, caption, None) + &notes.collect::<String>()
}

/// A line below a table.
pub fn paragraph(text: &str) -> String {
    format!("<p class=\"note\">{}</p>\n", escaped(text))
}

/// Something that opens on a click.
pub fn folded(summary: &str, html: &str) -> String {
    format!(
        "<details><summary>{}</summary>\n{html}</details>\n",
        escaped(summary)
    )
}

/// The HTML table. The column `mark` becomes the attribute `data-error` of each row.
pub fn html(table: &Table, caption: &str, mark: Option<&str>) -> String {
    let right = table.right_columns();
    let class = |at: usize| if right[at] { " class=\"number\"" } else { "" };
    let caption = escaped(caption);
    let wide = if right.len() > UPRIGHT { " wide" } else { "" };
    let mut html = format!(
        "<div class=\"scroll{wide}\" role=\"region\" tabindex=\"0\" aria-label=\"Table: {caption}\"><table><caption><span>{caption}</span></caption><thead><tr>"
    );
    for (at, heading) in table.headings().enumerate() {
        html += &format!(
            "<th scope=\"col\"{}><button type=\"button\">{}</button></th>",
            class(at),
            escaped(heading)
        );
    }
    html += "</tr></thead>\n<tbody>\n";
    let mark = mark.and_then(|mark| table.column(mark));
    for row in table.rows() {
        html += &mark.map_or("<tr>".into(), |at| {
            format!("<tr data-error=\"{}\">", escaped(&row[at].shown()))
        });
        for (at, cell) in row.iter().enumerate() {
            html += &self::cell(cell, right[at]);
        }
        html += "</tr>\n";
    }
    html + "</tbody></table></div>\n"
}

fn cell(cell: &Cell, number: bool) -> String {
    let shown = match cell {
        Cell::Text(text) => escaped(text),
        number => escaped(&number.shown().replace('-', "−")),
    };
    match (number, cell.value()) {
        (true, Some(value)) => {
            format!("<td class=\"number\" data-value=\"{value:?}\">{shown}</td>")
        }
        (true, None) => format!("<td class=\"number\" data-value=\"\">{shown}</td>"),
        _ => format!("<td{}>{shown}</td>", long(&shown)),
    }
}

/// Marks a cell of a text that needs a column of some width.
fn long(text: &str) -> &'static str {
    match text.chars().count() > LONG_TEXT {
        true => " class=\"long\"",
        false => "",
    }
}

/// A table of names and values, with row headings.
pub fn pairs(caption: &str, rows: &[(String, String)]) -> String {
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|(name, value)| vec![name.clone(), value.clone()])
        .collect();
    named_rows(caption, &[], &rows)
}

/// A table whose rows have headings; with headings of columns where there are any.
pub fn named_rows(caption: &str, headings: &[&str], rows: &[Vec<String>]) -> String {
    let caption = escaped(caption);
    let mut html = format!(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Table: {caption}\"><table><caption><span>{caption}</span></caption>"
    );
    if !headings.is_empty() {
        let headings = headings
            .iter()
            .map(|text| format!("<th scope=\"col\">{}</th>", escaped(text)));
        html += &format!("<thead><tr>{}</tr></thead>", headings.collect::<String>());
    }
    html += "<tbody>\n";
    for row in rows {
        let (name, values) = row
            .split_first()
            .map_or(("", &[][..]), |(name, values)| (name.as_str(), values));
        html += &format!("<tr><th scope=\"row\"><code>{}</code></th>", escaped(name));
        for value in values {
            html += &format!("<td{}><code>{}</code></td>", long(value), escaped(value));
        }
        html += "</tr>\n";
    }
    html + "</tbody></table></div>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        std::fs::write(&path, text).unwrap();
        assert!(read(&folder.path().join("b.csv")).unwrap().is_none());
        read(&path).unwrap().unwrap()
    }

    #[test]
    fn text_is_escaped_numbers_are_short_and_sorted_in_full() {
        let table = table("name,score,score_std,n\n<b>&,0.123456,0.01,3\n\"x\",,,12\n");
        let html = html(&table, "a < b", Some("name"));
        assert!(html.contains("<td>&lt;b&gt;&amp;</td>"), "{html}");
        assert!(html.contains("data-error=\"&lt;b&gt;&amp;\""), "{html}");
        assert!(
            html.contains("data-value=\"0.123456\">0.1235 ± 0.0100</td>"),
            "{html}"
        );
        assert!(
            html.contains(">12</td>") && html.contains(">–</td>"),
            "{html}"
        );
        assert!(
            html.contains("<caption><span>a &lt; b</span></caption>")
                && !html.contains("score std")
        );
    }

    #[test]
    fn the_ends_of_an_interval_are_one_cell() {
        let table = table(
            "model,difference,interval_low,interval_high,p_holm\na,-0.5,-0.75,0.25,0.000011\n",
        );
        let html = html(&table, "t", None);
        assert!(html.contains(">−0.7500 to 0.2500</td>"), "{html}");
        assert!(
            html.contains(">−0.5000</td>") && html.contains(">0.00001</td>"),
            "{html}"
        );
        assert!(
            html.contains("95 % interval") && html.contains("p (Holm)"),
            "{html}"
        );
    }

    #[test]
    fn headings_are_words() {
        assert_eq!(heading("val_acc_presence"), "Val ACC_presence");
        assert_eq!(heading("acc_salience"), "ACC_salience");
        assert_eq!(heading("hap"), "hap");
        assert_eq!(heading("average"), "Average");
        assert_eq!(heading("task_loss"), "Task loss");
    }
}
