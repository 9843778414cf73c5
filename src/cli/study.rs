//! Runs studies as their commands ask, and shows what they found.

use std::path::{Path, PathBuf};

use serde_json::json;

use super::flags::common::{names, quoted};
use super::output::console;
use super::output::new_folds;
use super::output::plan_progress::PlanProgress;
use crate::experiments::Setup;
use crate::experiments::study_run::{StudyRun, Submission};
use crate::experiments::trivial::{TRIVIAL, TrivialScores};
use crate::plan::Workers;
use crate::plan::slurm::{Round, Slurm};
use crate::plan::store::list::ListedTrial;
use crate::report::Table;
use crate::report::study::StudyReport;
use crate::{Error, Result};

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    /// As tables.
    Text,
    /// As one JSON object.
    Json,
    /// Not at all.
    Silent,
}

impl Output {
    /// JSON where it was asked for.
    pub fn of(json: bool) -> Self {
        match json {
            true => Self::Json,
            false => Self::Text,
        }
    }
}

/// A study that a command works on, followed on stderr.
pub struct FollowedStudy<S: StudyReport> {
    run: StudyRun<S>,
    progress: PlanProgress,
    /// Notes that were shown.
    notes: usize,
}

impl<S: StudyReport> FollowedStudy<S> {
    /// Begins to follow.
    pub fn new(run: StudyRun<S>) -> Self {
        let mut followed = Self {
            run,
            progress: PlanProgress::new(),
            notes: 0,
        };
        followed.show_notes();
        followed
    }

    fn show_notes(&mut self) {
        let notes = self.run.study().notes(self.run.state());
        for note in &notes[self.notes..] {
            self.progress.note(note);
        }
        self.notes = notes.len();
    }

    /// Runs the trials in this process and returns the files that it wrote.
    ///
    /// # Errors
    /// Those of the library.
    pub fn run(&mut self, workers: &Workers, output: Output) -> Result<Vec<PathBuf>> {
        let findings = self.run.run(workers, &mut self.progress)?;
        self.show(&findings, output)
    }

    /// Submits it to Slurm. Returns the files that it wrote; `None` if the work continues there.
    ///
    /// # Errors
    /// Those of the library.
    pub fn submit(&mut self, slurm: &Slurm, output: Output) -> Result<Option<Vec<PathBuf>>> {
        match self.run.submit(slurm, &mut self.progress)? {
            Submission::Submitted(round) => {
                show_round(&round, self.run.folder().path(), output)?;
                Ok(None)
            }
            Submission::Concluded(findings) => self.show(&findings, output).map(Some),
        }
    }

    /// Lists the trials that others are to run; where none are left, writes the files of the study.
    ///
    /// # Errors
    /// Those of the library.
    pub fn release(&mut self) -> Result<Vec<ListedTrial>> {
        let waiting = self.run.release(&mut self.progress)?;
        if self.run.pending() == 0 {
            self.collect(Output::Silent)?;
        }
        Ok(waiting)
    }

    /// How many trials have neither a result nor failed.
    pub fn pending(&self) -> usize {
        self.run.pending()
    }

    /// Shows what the results that are there come to.
    ///
    /// # Errors
    /// Those of the library.
    pub fn collect(&mut self, output: Output) -> Result<Vec<PathBuf>> {
        let findings = self.run.collect(&mut self.progress)?;
        self.show(&findings, output)
    }

    /// Writes the files of the whole study, where nothing is missing, and prints its tables.
    fn show(&mut self, findings: &S::Findings, output: Output) -> Result<Vec<PathBuf>> {
        self.show_notes();
        let (study, folder, outcomes) = (self.run.study(), self.run.folder(), self.run.outcomes());
        let incomplete = outcomes.unfinished() > 0;
        let mut found = match study.tables(findings) {
            Ok(found) => found,
            Err(reason) => {
                if incomplete && output == Output::Text {
                    console::note(&format!("no table yet: {reason}"));
                }
                return outcomes.check().map(|()| Vec::new());
            }
        };
        let mut files = Vec::new();
        // Nothing partial may look whole.
        let writes = !incomplete && !folder.is_read_only();
        if writes {
            let Setup { data, protocol, .. } = self.run.setup();
            let trivial = TrivialScores::of(&data.dataset, &protocol.folds)?;
            let path = folder.path().join(TRIVIAL);
            trivial.write(&path)?;
            files = study.write(findings, &found, folder)?;
            files.push(path);
            folder.wrote(&files)?;
        }
        match output {
            Output::Silent => {}
            Output::Json => {
                if let Some(rows) = study.rows(findings) {
                    found.json["rows"] = rows;
                }
                found.json["incomplete"] = json!(incomplete);
                found.json["out"] = json!(folder.path());
                found.json["usable"] = json!(study.unusable(findings).is_none());
                found.json["files"] = json!(files);
                let dataset = &self.run.setup().data.dataset;
                if let Some(folds) = new_folds::json(dataset, folder.path()) {
                    found.json["new_folds"] = folds;
                }
                self.progress.add_to(&mut found.json);
                console::print_json(&found.json)?;
            }
            Output::Text => {
                let tables: Vec<&Table> = found.tables.iter().collect();
                let tables = console::tables(&tables);
                console::print(&match (incomplete, writes) {
                    (true, _) => format!(
                        "INCOMPLETE: rows whose trials are not all finished have no values yet.\n\n{tables}"
                    ),
                    (false, false) => tables,
                    (false, true) => {
                        let names = names(&files, folder.path());
                        format!("{tables}\nwrote {}/: {names}\n", quoted(folder.path()))
                    }
                })?;
                self.show_next_step(&files)?;
            }
        }
        outcomes.check()?;
        match study.unusable(findings) {
            Some(reason) if !incomplete => Err(Error::Unusable(reason)),
            _ => Ok(files),
        }
    }

    /// How to train with the configuration that the study chose, where it did.
    fn show_next_step(&self, files: &[PathBuf]) -> Result<()> {
        let chosen = self.run.study().chosen_configuration();
        let chosen = chosen.map(|name| self.run.folder().path().join(name));
        match chosen.filter(|path| files.contains(path)) {
            None => Ok(()),
            Some(path) => console::print(&format!(
                "next: blendfuse train {} --out RUN --config {}\n",
                quoted(self.run.setup().folder.path()),
                quoted(&path)
            )),
        }
    }
}

/// Says what was submitted.
fn show_round(round: &Round, folder: &Path, output: Output) -> Result<()> {
    let jobs: Vec<String> = round.jobs().map(|job| job.to_string()).collect();
    let text = format!(
        "round {}: {} trials submitted to Slurm as {} tasks, job {} continues when they have ended; blendfuse status {} shows their progress, scancel {} cancels them all",
        round.number,
        round.arrays.iter().map(|array| array.trials).sum::<usize>(),
        round.arrays.iter().map(|array| array.tasks).sum::<usize>(),
        round.driver.unwrap_or_default(),
        folder.display(),
        jobs.join(" "),
    );
    console::line(&text);
    match output {
        Output::Json => console::print_json(&json!({ "handed_on": text })),
        _ => Ok(()),
    }
}
