//! The tables of `blendfuse inspect` about encoders.

use super::numbers::{PlainTable, bytes, count, counted, cut};
use crate::data::inspect::{EncoderReport, FileReport, Inspection};
use crate::encoders::Modality;

/// The contents of the files, and statistics of their rows.
pub fn text(found: &Inspection) -> String {
    if found.encoders.is_empty() {
        return String::new();
    }
    let has_test = found.encoders.iter().any(|encoder| encoder.test.is_some());
    files(found, has_test) + &rows(found, has_test) + &made(found)
}

/// How the features were made, of the files that say so.
fn made(found: &Inspection) -> String {
    let lines = |from_clips: bool, title: &str| {
        let lines = found.encoders.iter().filter_map(|encoder| {
            let made = encoder.provenance.as_ref()?;
            let told = || format!("  {}: {}\n", encoder.name, made.in_words());
            (made.command().is_none() == from_clips).then(told)
        });
        let lines: String = lines.collect();
        match lines.as_str() {
            "" => lines,
            _ => format!("\n{title}:\n{lines}"),
        }
    };
    lines(true, "made by blendfuse extract from")
        + &lines(false, "made from the output of other programs by")
}

fn cell(n: Option<usize>) -> String {
    n.map_or_else(|| "?".to_owned(), count)
}

fn files(found: &Inspection, has_test: bool) -> String {
    let columns: usize = found.encoders.iter().filter_map(|e| e.width).sum();
    let text = format!(
        "\n{}, {} columns; missing: clips in the metadata without a row\n",
        counted(found.encoders.len(), "encoder"),
        count(columns)
    );
    let mut header = vec![
        "", "modality", "width", "type", "constant", "rows", "missing",
    ];
    if has_test {
        header.extend(["test", "missing"]);
    }
    header.push("NaN/inf");
    let mut table = PlainTable::new(header);
    for encoder in &found.encoders {
        let of = |file: &Option<FileReport>, pick: fn(&FileReport) -> usize| {
            cell(file.as_ref().map(pick))
        };
        let mut row = vec![
            cut(&encoder.name, 22),
            match encoder.modality {
                Modality::Multimodal => "multi".to_owned(),
                other => other.to_string(),
            },
            cell(encoder.width),
            encoder.dtype.clone().unwrap_or_else(|| "?".into()),
            cell(encoder.constant_columns),
            of(&encoder.train, |file| file.rows),
            of(&encoder.train, |file| file.missing_clips),
        ];
        if has_test {
            row.push(of(&encoder.test, |file| file.rows));
            row.push(of(&encoder.test, |file| file.missing_clips));
        }
        row.push(sum(encoder, |file| file.non_finite));
        table.row(row);
    }
    text + &table.text()
}

/// Three decimals, without a negative zero.
fn three_digits(x: f64) -> String {
    let text = format!("{x:.3}");
    if text == "-0.000" {
        "0.000".to_owned()
    } else {
        text
    }
}

/// Of both files of an encoder together.
fn sum(encoder: &EncoderReport, pick: fn(&FileReport) -> usize) -> String {
    let files = [&encoder.train, &encoder.test].into_iter().flatten();
    count(files.map(pick).sum())
}

fn rows(found: &Inspection, has_test: bool) -> String {
    let size: u64 = found
        .encoders
        .iter()
        .flat_map(|encoder| [&encoder.train, &encoder.test])
        .flatten()
        .map(|file| file.bytes)
        .sum();
    let mut text = format!(
        "\nrows ({} in total); equal: duplicates of an earlier row; far: modified z-score of the norm above 3.5",
        bytes(size)
    );
    let mut header = vec!["", "size", "missing %", "equal", "far", "bad columns"];
    if has_test {
        text += "\nshift: energy coefficient between training and test, 0 to 1; actors: new actors only";
        header.extend(["shift", "actors", "p"]);
    }
    let mut table = PlainTable::new(header);
    for encoder in &found.encoders {
        let files = [&encoder.train, &encoder.test];
        let size: u64 = files.into_iter().flatten().map(|file| file.bytes).sum();
        let missing = encoder.train.as_ref();
        let missing = missing.map_or_else(
            || "?".to_owned(),
            |file| format!("{:.1}", 100.0 * file.missing_share),
        );
        let mut row = vec![
            cut(&encoder.name, 22),
            bytes(size),
            missing,
            sum(encoder, |file| file.duplicate_rows),
            sum(encoder, |file| file.norm_outliers),
            sum(encoder, |file| file.non_finite_columns),
        ];
        if has_test {
            let shift = encoder.shift.as_ref();
            let number = |x: Option<f64>| x.map_or_else(|| "-".to_owned(), three_digits);
            row.push(number(shift.map(|shift| shift.energy)));
            row.push(number(shift.and_then(|shift| shift.new_actors)));
            row.push(number(shift.and_then(|shift| shift.p_value)));
        }
        table.row(row);
    }
    text + "\n" + &table.text()
}
