//! The table of a sweep.

use serde_json::{Value, json};

use super::comparison;
use super::table::Table;
use crate::experiments::sweep::{Search, Swept};

/// One row per configuration, in the order in which they were tried; all are compared with the best.
pub fn table(found: &Swept, search: Search) -> Table {
    let how = match search {
        Search::Grid => "grid".to_owned(),
        Search::Random(count) => format!("{count} at random"),
        Search::Tpe(count) => format!("{count} by TPE"),
    };
    let mut table = comparison::table(&format!("Sweep ({how}), validation"), &found.rows);
    if let Some(best) = found.best {
        let name = &found.rows[best].contender.candidate.name;
        table.notes.push(format!(
            "Highest average: {name}. It was chosen as the best of {} on these clips, so its score is optimistically biased.",
            found.rows.len()
        ));
    }
    let same = found.same.iter();
    table
        .notes
        .extend(same.map(|text| format!("NO ROW, {text}.")));
    table
}

/// Everything as JSON.
pub fn json(found: &Swept, table: &Table) -> Value {
    let points = found.tried.iter().map(|tried| {
        let point = tried.point.iter();
        let values = point.map(|(key, value)| (key.clone(), value.clone()));
        Value::Object(values.collect())
    });
    let points: Vec<Value> = points.collect();
    let best = found.best.map(|best| {
        json!({
            "name": found.rows[best].contender.candidate.name,
            "values": points[best],
            "config": found.tried[best].config,
        })
    });
    json!({
        "table": table.json(),
        "best": best,
        "points": points,
        "rows": comparison::json(&found.rows),
        "same": found.same,
    })
}
