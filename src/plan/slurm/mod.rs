//! Trials on a cluster: Slurm runs them as tasks of job arrays, and a job that starts when an array
//! has ended goes on with the plan: it hands on what is missing or follows, or writes the tables.
//!
//! Everything passes through the plan's folder. A *round* is what one process submits: an array for
//! each size of trial, and the job that goes on. Nothing of ours schedules: what Slurm loses is found
//! missing by the next round and submitted again.

mod jobs;
mod past;
mod round;
mod submit;

pub use jobs::{Job, Jobs};
pub use round::{Array, Round, Series, last_round};

use std::path::Path;

use self::past::Past;
use self::submit::{Script, sbatch};
use super::outcomes::Outcomes;
use super::planned::{Plan, Planned};
use super::run::memory::Demand;
use super::store::events;
use super::store::events::Event;
use super::store::plan_folder::{Description, PlanFolder};
use super::store::spec::Order;
use super::store::trial_files::TrialFiles;
use crate::error::{Error, Result};

/// Most tasks of an array, whatever Slurm allows: their outputs stand in one folder.
const MOST_TASKS: usize = 1000;

/// Rounds after which nothing more is submitted, whatever happens to the trials.
const MOST_ROUNDS: usize = 200;

/// Memory that a trial asks for beyond what it is expected to hold, as a factor.
const MARGIN: f64 = 1.3;

/// The least memory that is asked for, in MiB.
const LEAST_MIB: u64 = 256;

/// Parameters for which one more core is asked for, up to [`MOST_CORES`].
const PARAMETERS_PER_CORE: f64 = 12e6;

/// Cores beyond which a training gains little.
const MOST_CORES: u64 = 8;

/// Trials whose logs tell how much memory trainings of this plan really take.
const MEASURED: usize = 64;

/// Slurm as the executor of a plan.
#[derive(Clone, Debug)]
pub struct Slurm {
    /// What the user asks of Slurm.
    pub series: Series,
    /// Whether this process is a round's job that goes on.
    pub continued: bool,
}

/// What a trial asks of Slurm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    cores: u64,
    mem_mib: u64,
}

impl Slurm {
    /// Submits the trials and the job that goes on; trials that were tried often enough are given as
    /// failed instead.
    pub(crate) fn hand_on(
        &self,
        folder: &PlanFolder,
        plan: &Plan,
        trials: &[(&Planned, Demand)],
    ) -> Result<Outcomes> {
        let files = folder.files();
        let mut outcomes = Outcomes::default();
        let before = last_round(folder.path())?;
        let done = plan.trials().len() - trials.len();
        let fruitless = self.fruitless(before.as_ref(), files, trials, done)?;
        let larger = held_beyond(plan, files)?;
        let mut groups: Vec<(Request, Vec<&Planned>)> = Vec::new();
        for &(planned, demand) in trials {
            let past = Past::of(files, &planned.id, self.series.since)?;
            if let Some(reason) = past.given_up(self.series.retries, fruitless) {
                outcomes.failed(&planned.id, &reason);
                continue;
            }
            let request = request(&demand, larger, past.vanished);
            match groups.iter_mut().find(|(known, _)| *known == request) {
                Some((_, group)) => group.push(planned),
                None => groups.push((request, vec![planned])),
            }
        }
        if groups.is_empty() {
            return Ok(outcomes);
        }
        let number = before.map_or(0, |round| round.number) + 1;
        let round = self.submit(folder, number, done, fruitless, &groups)?;
        let jobs: Vec<String> = round.jobs().map(|job| job.to_string()).collect();
        Err(Error::HandedOn(format!(
            "round {number}: {} trials submitted to Slurm as {} tasks, job {} continues when they have ended; blendfuse status {} shows their progress, scancel {} cancels them all",
            groups.iter().map(|(_, group)| group.len()).sum::<usize>(),
            round.arrays.iter().map(|array| array.tasks).sum::<usize>(),
            round.driver.unwrap_or_default(),
            folder.path().display(),
            jobs.join(" "),
        )))
    }

    /// How many rounds in a row, the last one included, ended without a sign of any trial.
    fn fruitless(
        &self,
        before: Option<&Round>,
        files: &TrialFiles,
        trials: &[(&Planned, Demand)],
        done: usize,
    ) -> Result<usize> {
        let Some(before) = before.filter(|_| self.continued) else {
            return Ok(0);
        };
        if before.number - self.series.first_round >= MOST_ROUNDS {
            return Err(Error::Data(format!(
                "{MOST_ROUNDS} rounds were submitted to Slurm and {} trials still have no result; see the outputs of the tasks in {}",
                trials.len(),
                files.root().with_file_name("slurm").display()
            )));
        }
        if done > before.done {
            return Ok(0);
        }
        for (planned, _) in trials {
            let lines = events::read(&files.log(&planned.id))?;
            if lines.last().is_some_and(|line| line.at > before.at) {
                return Ok(0);
            }
        }
        Ok(before.fruitless + 1)
    }

    fn submit(
        &self,
        folder: &PlanFolder,
        number: usize,
        done: usize,
        fruitless: usize,
        groups: &[(Request, Vec<&Planned>)],
    ) -> Result<Round> {
        let path = std::path::absolute(folder.path()).map_err(|source| Error::Read {
            path: folder.path().to_owned(),
            source,
        })?;
        let description = Description::read(&path)?;
        let script = Script::new(&path, &description)?;
        self.series.write(&path)?;
        let most = jobs::longest_array()?.min(MOST_TASKS);
        let mut round = Round {
            number,
            at: events::now(),
            done,
            fruitless,
            arrays: Vec::new(),
            driver: None,
        };
        for (request, group) in groups {
            for planned in group {
                Order::of(planned).write(folder.files(), &planned.id)?;
            }
            let tasks = group.len().min(most);
            // Every task gets trials from all over the list, so that tasks take equally long.
            let lines: Vec<String> = (0..tasks)
                .map(|task| {
                    let own = group.iter().skip(task).step_by(tasks);
                    let own: Vec<&str> = own.map(|planned| planned.id.as_str()).collect();
                    own.join(" ") + "\n"
                })
                .collect();
            let name = format!("{number:04}-{}", round.arrays.len() + 1);
            let (file, output) = script.array(&name, &lines.concat())?;
            let limit = self
                .series
                .array_limit
                .map_or_else(String::new, |n| format!("%{n}"));
            let options = [
                format!("--job-name=blendfuse-{}", description.command),
                format!("--array=1-{tasks}{limit}"),
                format!("--cpus-per-task={}", request.cores),
                format!("--mem={}M", request.mem_mib),
                format!("--output={output}"),
            ];
            round.arrays.push(Array {
                job: sbatch(&options, &self.series.slurm_args, &file)?,
                tasks,
                trials: group.len(),
                cores: request.cores,
                mem_mib: request.mem_mib,
                name,
            });
            // An array that is submitted must not be forgotten, whatever happens to the next one.
            round.write(&path)?;
        }
        let after: Vec<String> = round.jobs().map(|job| format!(":{job}")).collect();
        let (file, output) = script.go_on()?;
        let options = [
            format!("--job-name=blendfuse-{}-goes-on", description.command),
            format!("--dependency=afterany{}", after.concat()),
            "--cpus-per-task=1".to_owned(),
            format!("--mem={}M", collecting_mib(folder, done)),
            format!("--output={output}"),
        ];
        round.driver = Some(sbatch(&options, &self.series.slurm_args, &file)?);
        round.write(&path)?;
        Ok(round)
    }
}

/// What a trial asks for: `larger` times the memory that it is expected to take, and twice as much for
/// each time that its process vanished, in steps of a half so that few arrays do for all.
fn request(demand: &Demand, larger: f64, vanished: u32) -> Request {
    let expected = (demand.bytes >> 20) as f64 * larger * MARGIN;
    let wanted = expected * f64::from(1 << vanished.min(4));
    let mut mem_mib = LEAST_MIB;
    while (mem_mib as f64) < wanted {
        let power = mem_mib.is_power_of_two();
        mem_mib = if power {
            mem_mib / 2 * 3
        } else {
            mem_mib / 3 * 4
        };
    }
    let cores = (demand.parameters / PARAMETERS_PER_CORE).ceil() as u64;
    Request {
        cores: cores.clamp(1, MOST_CORES),
        mem_mib,
    }
}

/// How much more memory than expected the trials of a plan were seen to take, at least 1: of those
/// that had their process to themselves.
fn held_beyond(plan: &Plan, files: &TrialFiles) -> Result<f64> {
    let mut larger = 1.0_f64;
    let done = plan
        .trials()
        .iter()
        .filter(|planned| files.result(&planned.id).exists());
    for planned in done.take(MEASURED) {
        let expected = super::run::memory::demand(&planned.trial.kind, &planned.data).bytes >> 20;
        for line in events::read(&files.log(&planned.id))? {
            if let Event::Finished {
                peak_mib: Some(peak),
                alone: true,
                ..
            } = line.event
            {
                larger = larger.max(peak as f64 / expected.max(1) as f64);
            }
        }
    }
    Ok(larger)
}

/// Memory for the job that goes on: it holds the results of all trials.
fn collecting_mib(folder: &PlanFolder, done: usize) -> u64 {
    let results = folder.files().finished().take(MEASURED);
    let sizes = results.filter_map(|id| Some(folder.files().result(&id).metadata().ok()?.len()));
    let largest = sizes.max().unwrap_or(1 << 20);
    1024 + ((largest * done as u64) >> 20)
}

/// Refuses a plan whose jobs are still in Slurm's queue: two would train the same trials.
///
/// # Errors
/// [`Error::Data`] that names the jobs; what reading the folder comes to.
pub fn check_idle(folder: &Path) -> Result<()> {
    let Some(round) = last_round(folder)? else {
        return Ok(());
    };
    let ids: Vec<u64> = round.jobs().collect();
    let Some(jobs) = Jobs::of(&ids) else {
        return Ok(());
    };
    let alive = jobs.alive();
    if alive.is_empty() {
        return Ok(());
    }
    let alive: Vec<String> = alive.iter().map(u64::to_string).collect();
    Err(Error::Data(format!(
        "{}: its trials are still in Slurm's queue, job {}; wait for them (blendfuse status {}), or cancel them with: scancel {}",
        folder.display(),
        alive.join(", job "),
        folder.display(),
        alive.join(" ")
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn demand(mib: u64, parameters: f64) -> Demand {
        Demand {
            bytes: mib << 20,
            cost: 1.0,
            parameters,
        }
    }

    #[test]
    fn memory_goes_in_few_steps_and_grows_where_processes_vanish() {
        let mib =
            |expected, larger, vanished| request(&demand(expected, 1.0), larger, vanished).mem_mib;
        assert_eq!(mib(10, 1.0, 0), 256);
        assert_eq!(mib(196, 1.0, 0), 256);
        assert_eq!(mib(200, 1.0, 0), 384);
        assert_eq!(mib(300, 1.0, 0), 512);
        assert_eq!(mib(1500, 1.0, 0), 2048);
        assert_eq!(mib(1500, 1.5, 0), 3072);
        assert_eq!(mib(1500, 1.0, 1), 4096);
        assert_eq!(request(&demand(1500, 99e6), 1.0, 0).cores, 8);
        assert_eq!(request(&demand(1500, 1e5), 1.0, 0).cores, 1);
    }
}
