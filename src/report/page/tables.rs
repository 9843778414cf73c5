//! Tables of CSV files as HTML: sortable, with every text escaped.

use std::path::Path;

use crate::error::{Error, Result};
use crate::report::figure::canvas::escaped;

/// Decimals that are shown; sorting uses the full number.
const DIGITS: usize = 4;
/// Number of columns that fit a page in portrait format.
const UPRIGHT: usize = 12;

/// A CSV file.
pub struct HtmlTable {
    headings: Vec<String>,
    rows: Vec<Vec<String>>,
}

impl HtmlTable {
    /// Reads a file; `None` if it does not exist.
    ///
    /// # Errors
    /// [`Error::Csv`] if it is not a table.
    pub fn read(path: &Path) -> Result<Option<Self>> {
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
        let cells = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect();
        let headings = cells(reader.headers().map_err(fault)?);
        let rows = reader
            .records()
            .map(|record| Ok(cells(&record.map_err(fault)?)));
        Ok(Some(Self {
            headings,
            rows: rows.collect::<Result<_>>()?,
        }))
    }

    /// The values of a column.
    pub fn column(&self, name: &str) -> Vec<&str> {
        match self.headings.iter().position(|heading| heading == name) {
            Some(at) => self.rows.iter().map(|row| row[at].as_str()).collect(),
            None => Vec::new(),
        }
    }

    /// The HTML table. A column `NAME_std` is merged with the one before it; the column `mark` becomes
    /// the attribute `data-error` of each row.
    pub fn html(&self, caption: &str, mark: Option<&str>) -> String {
        let joins =
            |at: usize| at > 0 && self.headings[at] == format!("{}_std", self.headings[at - 1]);
        let shown: Vec<usize> = (0..self.headings.len()).filter(|&at| !joins(at)).collect();
        let numeric: Vec<bool> = (0..self.headings.len())
            .map(|at| {
                self.rows
                    .iter()
                    .all(|row| row[at].is_empty() || row[at].parse::<f64>().is_ok())
            })
            .collect();
        let class = |at: usize| if numeric[at] { " class=\"number\"" } else { "" };
        let caption = escaped(caption);
        let wide = if shown.len() > UPRIGHT { " wide" } else { "" };
        let mut html = format!(
            "<div class=\"scroll{wide}\" role=\"region\" tabindex=\"0\" aria-label=\"Table: {caption}\"><table><caption>{caption}</caption><thead><tr>"
        );
        for &at in &shown {
            let heading = escaped(&heading(&self.headings[at]));
            html += &format!(
                "<th scope=\"col\"{}><button type=\"button\">{heading}</button></th>",
                class(at)
            );
        }
        html += "</tr></thead>\n<tbody>\n";
        let mark = mark.and_then(|mark| self.headings.iter().position(|heading| heading == mark));
        for row in &self.rows {
            html += &mark.map_or("<tr>".into(), |at| {
                format!("<tr data-error=\"{}\">", escaped(&row[at]))
            });
            for &at in &shown {
                let std = self
                    .headings
                    .get(at + 1)
                    .filter(|_| joins(at + 1))
                    .map(|_| row[at + 1].as_str());
                html += &cell(&row[at], std.unwrap_or(""), numeric[at]);
            }
            html += "</tr>\n";
        }
        html + "</tbody></table></div>\n"
    }
}

fn cell(text: &str, std: &str, numeric: bool) -> String {
    match text.parse::<f64>() {
        Ok(value) if numeric => {
            let mut shown = short(text, value);
            if let Ok(std) = std.parse::<f64>() {
                shown += &format!(" ± {}", short("", std));
            }
            format!("<td class=\"number\" data-value=\"{value}\">{shown}</td>")
        }
        _ if numeric => "<td class=\"number\" data-value=\"\">–</td>".into(),
        _ => format!("<td>{}</td>", escaped(text)),
    }
}

fn short(text: &str, value: f64) -> String {
    if !text.is_empty() && !text.contains(['.', 'e', 'E']) {
        return escaped(text);
    }
    format!("{value:.DIGITS$}").replace('-', "−")
}

/// A column heading in words; metrics keep their names.
fn heading(column: &str) -> String {
    let mut words = column.replace('_', " ");
    for measure in ["ACC_presence", "ACC_salience"] {
        let in_words = measure.to_lowercase().replace('_', " ");
        words = words.replace(&in_words, measure);
    }
    words
}

/// A table of names and values, with row headings.
pub fn pairs(caption: &str, rows: &[(String, String)]) -> String {
    let caption = escaped(caption);
    let mut html = format!(
        "<div class=\"scroll\" role=\"region\" tabindex=\"0\" aria-label=\"Table: {caption}\"><table><caption>{caption}</caption><tbody>\n"
    );
    for (name, value) in rows {
        html += &format!(
            "<tr><th scope=\"row\"><code>{}</code></th><td><code>{}</code></td></tr>\n",
            escaped(name),
            escaped(value)
        );
    }
    html + "</tbody></table></div>\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_escaped_numbers_are_short_and_sorted_in_full() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.csv");
        let text = "name,score,score_std,n\n<b>&,0.123456,0.01,3\n\"x\",,,12\n";
        std::fs::write(&path, text).unwrap();
        let table = HtmlTable::read(&path).unwrap().unwrap();
        let html = table.html("a < b", Some("name"));
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
        assert!(html.contains("<caption>a &lt; b</caption>") && !html.contains("score std"));
        assert_eq!(table.column("n"), ["3", "12"]);
        assert!(
            HtmlTable::read(&folder.path().join("b.csv"))
                .unwrap()
                .is_none()
        );
    }
}
