//! The table of a sweep.

use std::path::PathBuf;

use serde_json::{Value, json};

use super::comparison;
use super::measures;
use super::nested;
use super::study::{StudyReport, StudyTables};
use super::table::Table;
use crate::error::Result;
use crate::eval::statistics::Verdict;
use crate::experiments::significance::Significance;
use crate::experiments::sweep::tune::{Tuning, write_config};
use crate::experiments::sweep::{Search, Searching, Sweep, Swept, Tune};
use crate::plan::PlanFolder;

/// One row per configuration, in the order in which they were tried.
pub fn table(found: &Swept, search: Search) -> Table {
    let how = match search {
        Search::Grid => "grid".to_owned(),
        Search::Random(count) => format!("{count} at random"),
        Search::Tpe(count) => format!("{count} by TPE"),
    };
    let mut table = comparison::table(&format!("Sweep ({how}), validation"), &found.rows);
    if let Some(best) = found.best
        && let Some((main, _)) = found.rows[best].main()
    {
        let row = &found.rows[best];
        let name = &row.entry.candidate.name;
        let verdict = row.significance.as_ref().and_then(Significance::verdict);
        let unproven = match verdict {
            Some(Verdict::WithinNoise) => " Its lead over the reference is within noise.",
            _ => "",
        };
        table.notes.push(format!(
            "{} {}: {name}. It was chosen as the best of {} on these clips, so its score is optimistically biased.{unproven}",
            match main.higher_is_better() {
                true => "Highest",
                false => "Lowest",
            },
            main.name(),
            found.rows.len()
        ));
    }
    let same = found.same.iter();
    table
        .notes
        .extend(same.map(|text| format!("NO ROW, {text}.")));
    table
}

/// Everything but the rows as JSON.
pub fn json(found: &Swept, table: &Table) -> Value {
    let points = found.tried.iter().map(|tried| {
        let point = tried.point.iter();
        let values = point.map(|(key, value)| (key.clone(), value.clone()));
        Value::Object(values.collect())
    });
    let points: Vec<Value> = points.collect();
    let best = found.best.map(|best| {
        json!({
            "name": found.rows[best].entry.candidate.name,
            "values": points[best],
            "config": found.tried[best].config,
        })
    });
    json!({
        "table": table.json(),
        "best": best,
        "points": points,
        "same": found.same,
    })
}

/// The file of the configuration that [`Tune`] chose.
const CHOSEN: &str = "best.toml";

fn tables(found: &Swept, search: Search) -> StudyTables {
    let table = table(found, search);
    let mut json = json(found, &table);
    let mut tables = vec![table, measures::comparison(&found.rows)];
    if let Some(nested) = &found.nested {
        json["nested"] = nested::json(nested);
        tables.extend(nested::tables(nested));
    }
    StudyTables { json, tables }
}

/// Why the best configuration is not usable, if it is not.
fn unusable(found: &Swept) -> Option<String> {
    found.rows[found.best?].unusable()
}

impl StudyReport for Sweep {
    fn unusable(&self, found: &Swept) -> Option<String> {
        unusable(found)
    }

    fn notes(&self, state: &Searching) -> Vec<String> {
        state.same().to_vec()
    }

    fn tables(&self, found: &Swept) -> std::result::Result<StudyTables, String> {
        Ok(tables(found, self.search))
    }

    fn rows(&self, found: &Swept) -> Option<Value> {
        Some(comparison::json(&found.rows))
    }

    fn write(&self, swept: &Swept, found: &StudyTables, to: &PlanFolder) -> Result<Vec<PathBuf>> {
        comparison::write("sweep", found, &swept.rows, to.path())
    }
}

impl StudyReport for Tune {
    fn unusable(&self, found: &Swept) -> Option<String> {
        unusable(found)
    }

    fn notes(&self, state: &Tuning) -> Vec<String> {
        state.same().to_vec()
    }

    fn tables(&self, found: &Swept) -> std::result::Result<StudyTables, String> {
        Ok(tables(found, self.search))
    }

    fn rows(&self, found: &Swept) -> Option<Value> {
        Some(comparison::json(&found.rows))
    }

    /// Writes the chosen configuration too, unless a trial failed: then another might have won.
    fn write(&self, swept: &Swept, found: &StudyTables, to: &PlanFolder) -> Result<Vec<PathBuf>> {
        let mut files = match &swept.nested {
            Some(nested) => nested::write(nested, to.path())?,
            None => Vec::new(),
        };
        files.extend(comparison::write("tune", found, &swept.rows, to.path())?);
        let Some(best) = swept.best.filter(|_| swept.is_complete()) else {
            return Ok(files);
        };
        let row = &swept.rows[best];
        let Some((main, mean)) = row.main() else {
            return Ok(files);
        };
        let comment = format!(
            "Chosen by `blendfuse tune` among {}: {}\nvalidation {} {:.4}",
            swept.rows.len(),
            row.entry.candidate.name,
            main.name(),
            mean,
        );
        let path = to.path().join(CHOSEN);
        write_config(&path, &swept.tried[best].config, &comment)?;
        files.push(path);
        Ok(files)
    }

    fn chosen_configuration(&self) -> Option<&'static str> {
        Some(CHOSEN)
    }
}
