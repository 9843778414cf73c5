//! Names of statistics: `mean`, `std`, `min`, `max`, and `p10` for the 10th percentile.

use crate::kernels::aggregate::{Aggregation, Statistic};
use crate::suggest::meant;

/// A statistic's name.
pub fn name(statistic: Statistic) -> String {
    match statistic {
        Statistic::Mean => "mean".into(),
        Statistic::Std => "std".into(),
        Statistic::Min => "min".into(),
        Statistic::Max => "max".into(),
        Statistic::Percentile(q) => format!("p{q}"),
    }
}

/// The names of an aggregation's statistics, in its order.
pub fn names(aggregation: &Aggregation) -> Vec<String> {
    let statistics = aggregation.statistics().iter();
    statistics.map(|statistic| name(*statistic)).collect()
}

/// Parses names of statistics separated by commas; `median` is `p50`.
///
/// # Errors
/// The reason, for an unknown name, a percentile outside [0, 100], one that is listed twice, or none.
pub fn parse(text: &str) -> Result<Aggregation, String> {
    let mut statistics: Vec<Statistic> = Vec::new();
    for word in text.split(',').map(str::trim) {
        let statistic = statistic(word)?;
        if statistics.contains(&statistic) {
            return Err(format!("{word} is listed twice"));
        }
        statistics.push(statistic);
    }
    Aggregation::new(&statistics).map_err(|error| error.to_string())
}

fn statistic(word: &str) -> Result<Statistic, String> {
    let expected = "expected mean, std, min, max, median or a percentile such as p10 or p97.5";
    match word.to_ascii_lowercase().as_str() {
        "mean" => Ok(Statistic::Mean),
        "std" => Ok(Statistic::Std),
        "min" => Ok(Statistic::Min),
        "max" => Ok(Statistic::Max),
        "median" => Ok(Statistic::Percentile(50.0)),
        other => {
            let number = other.strip_prefix('p').unwrap_or("");
            let plain = number.chars().all(|c| c.is_ascii_digit() || c == '.');
            match number.parse::<f64>() {
                Ok(q) if plain && q <= 100.0 => Ok(Statistic::Percentile(q)),
                Ok(_) if plain => Err(format!("{word:?}: percentiles are between 0 and 100")),
                _ => {
                    let meant = meant(word, ["mean", "std", "min", "max", "median"]);
                    Err(format!("{word:?} is unknown; {expected}{meant}"))
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::aggregate::SEVEN;

    #[test]
    fn names_are_read_as_they_are_written() {
        let seven = parse("mean, std,p10,p25,MEDIAN,p75,p90").unwrap();
        assert_eq!(seven.statistics(), SEVEN);
        let written = names(&seven).join(",");
        assert_eq!(written, "mean,std,p10,p25,p50,p75,p90");
        assert_eq!(parse(&written), Ok(seven));
        let others = parse("p2.5,max,min,p0,p100").unwrap();
        assert_eq!(names(&others).join(","), "p2.5,max,min,p0,p100");
    }

    #[test]
    fn what_is_no_statistic_is_refused_by_name() {
        for (text, part) in [
            ("mean,variance", "\"variance\""),
            ("p101", "between 0 and 100"),
            ("p", "unknown"),
            ("pinf", "unknown"),
            ("p-1", "unknown"),
            ("p50,median", "median is listed twice"),
            ("", "unknown"),
        ] {
            let reason = parse(text).unwrap_err();
            assert!(reason.contains(part), "{text}: {reason}");
        }
    }
}
