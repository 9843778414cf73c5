//! Trials on a cluster: Slurm runs them as tasks of job arrays, and a job that starts when an array
//! has ended continues the plan: it submits what is missing or comes next, or writes the tables.
//!
//! Everything passes through the plan's folder. A *round* is what one process submits: an array for
//! each size of trial, and the job that continues. Only Slurm schedules: the next round finds trials
//! that it lost and submits them again.

mod attempt_history;
mod jobs;
mod round;
mod submit;

pub use jobs::{Job, Jobs};
pub use round::{Array, Round, Series, last_round};

use std::path::{Path, PathBuf};

use self::attempt_history::AttemptHistory;
use self::submit::{Script, sbatch};
use super::planned::{Plan, Planned};
use super::run::live_plan::Driver;
use super::run::memory;
use super::run::memory::Demand;
use super::store::description::PlanDescription;
use super::store::events;
use super::store::events::Event;
use super::store::plan_folder::PlanFolder;
use super::store::spec::TrialSpec;
use super::store::trial_files::TrialFiles;
use crate::error::{Error, Result};

/// Maximum number of tasks in an array, whatever Slurm allows: their outputs share one folder.
const MOST_TASKS: usize = 1000;

/// Maximum number of rounds, even if trials are left.
const MOST_ROUNDS: usize = 200;

/// Factor between the requested and the expected memory of a trial.
const MARGIN: f64 = 1.3;

/// The least memory that is requested, in MiB.
const LEAST_MIB: u64 = 256;

/// Number of parameters for which one more core is requested, up to [`MOST_CORES`].
const PARAMETERS_PER_CORE: f64 = 12e6;

/// Number of cores beyond which training gains little.
const MOST_CORES: u64 = 8;

/// Number of trials whose logs are read to learn how much memory trials of this plan really use.
const MEASURED: usize = 64;

/// How a plan's trials are submitted to Slurm.
#[derive(Clone, Debug)]
pub struct Slurm {
    /// The user's options.
    pub series: Series,
    /// Whether this process is the job that continues the plan after a round.
    pub continued: bool,
    /// The program that the jobs run. It takes `work DIR NAME…`, which runs trials by their names (see
    /// [`Work`](crate::plan::run::work::Work)), and `collect DIR --go-on`, which loads the study and
    /// submits missing and following trials; both take `--threads N`.
    pub program: PathBuf,
}

/// Trials with the same request.
type Groups<'a> = Vec<(Request, Vec<&'a Planned>)>;

/// The resources that a trial requests from Slurm.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Request {
    cores: u64,
    mem_mib: u64,
}

impl Slurm {
    /// Submits the trials without a result and the job that continues the study when they have
    /// ended. Trials that have used up their attempts count as failed instead; `None` if none is left.
    pub(crate) fn submit(&self, driver: &mut Driver<'_>) -> Result<Option<Round>> {
        let (folder, files) = (driver.folder, driver.folder.files());
        let pending = driver.live.pending(0);
        let plan = driver.live.plan();
        let trials: Vec<(&Planned, Demand)> = pending
            .iter()
            .map(|&(index, demand)| (&plan.trials()[index], demand))
            .collect();
        let before = last_round(folder.path())?;
        let done = plan.trials().len() - trials.len();
        let idle_rounds = self.idle_rounds(before.as_ref(), files, &trials, done)?;
        let larger = held_beyond(plan, files)?;
        let (mut groups, mut given_up) = (Groups::new(), Vec::new());
        for (planned, demand) in trials {
            let history = AttemptHistory::of(files, &planned.id, self.series.since)?;
            if let Some(reason) = history.given_up(self.series.retries, idle_rounds) {
                given_up.push((planned.id.clone(), reason));
                continue;
            }
            let request = request(&demand, larger, history.vanished);
            match groups.iter_mut().find(|(known, _)| *known == request) {
                Some((_, group)) => group.push(planned),
                None => groups.push((request, vec![planned])),
            }
        }
        let round = match groups.is_empty() {
            true => None,
            false => {
                let round = Round {
                    number: before.map_or(0, |round| round.number) + 1,
                    at: events::now(),
                    done,
                    idle_rounds,
                    arrays: Vec::new(),
                    driver: None,
                };
                Some(self.submit_round(folder, round, &groups)?)
            }
        };
        for (id, reason) in given_up {
            driver.live.failed(&id, &reason);
        }
        Ok(round)
    }

    /// Number of rounds in a row, including the last one, in which no trial made progress.
    fn idle_rounds(
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
        Ok(before.idle_rounds + 1)
    }

    /// Submits a round: an array for each group, then the job that continues the plan.
    fn submit_round(
        &self,
        folder: &PlanFolder,
        mut round: Round,
        groups: &Groups<'_>,
    ) -> Result<Round> {
        let path = std::path::absolute(folder.path()).map_err(|source| Error::Read {
            path: folder.path().to_owned(),
            source,
        })?;
        let description = PlanDescription::read(&path)?;
        let script = Script::new(&path, &description, &self.program)?;
        self.series.write(&path)?;
        let most_tasks = jobs::longest_array()?.min(MOST_TASKS);
        for (request, group) in groups {
            for planned in group {
                TrialSpec::of(planned).write(folder.files(), &planned.id)?;
            }
            let name = format!("{:04}-{}", round.number, round.arrays.len() + 1);
            let array = self.submit_array(&script, name, *request, group, most_tasks)?;
            round.arrays.push(array);
            // A submitted array must be recorded, even if submitting the next one fails.
            round.write(&path)?;
        }
        let after: Vec<String> = round.jobs().map(|job| format!(":{job}")).collect();
        let (file, output) = script.go_on()?;
        let options = [
            format!("--job-name=blendfuse-{}-goes-on", script.command),
            format!("--dependency=afterany{}", after.concat()),
            "--cpus-per-task=1".to_owned(),
            format!("--mem={}M", collecting_mib(folder, round.done)),
            format!("--output={output}"),
        ];
        round.driver = Some(sbatch(&options, &self.series.slurm_args, &file)?);
        round.write(&path)?;
        Ok(round)
    }

    /// Submits the trials of one size as an array of at most `most_tasks` tasks.
    fn submit_array(
        &self,
        script: &Script,
        name: String,
        request: Request,
        group: &[&Planned],
        most_tasks: usize,
    ) -> Result<Array> {
        let tasks = group.len().min(most_tasks);
        // Every task gets trials from all over the list, so that tasks take equally long.
        let lines: Vec<String> = (0..tasks)
            .map(|task| {
                let own = group.iter().skip(task).step_by(tasks);
                let own: Vec<&str> = own.map(|planned| planned.id.as_str()).collect();
                own.join(" ") + "\n"
            })
            .collect();
        let (file, output) = script.array(&name, &lines.concat())?;
        let limit = self.series.array_limit;
        let limit = limit.map_or_else(String::new, |n| format!("%{n}"));
        let options = [
            format!("--job-name=blendfuse-{}", script.command),
            format!("--array=1-{tasks}{limit}"),
            format!("--cpus-per-task={}", request.cores),
            format!("--mem={}M", request.mem_mib),
            format!("--output={output}"),
        ];
        Ok(Array {
            job: sbatch(&options, &self.series.slurm_args, &file)?,
            tasks,
            trials: group.len(),
            cores: request.cores,
            mem_mib: request.mem_mib,
            name,
        })
    }
}

/// The request of a trial: `larger` times its expected memory, doubled each time that its process
/// vanished, rounded up to steps of a half so that few arrays suffice.
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

/// The largest ratio of used to expected memory among trials that had their process to themselves;
/// at least 1.
fn held_beyond(plan: &Plan, files: &TrialFiles) -> Result<f64> {
    let mut larger = 1.0_f64;
    let done = plan
        .trials()
        .iter()
        .filter(|planned| files.result(&planned.id).exists());
    for planned in done.take(MEASURED) {
        let expected = memory::demand(&planned.trial.kind, &planned.data).bytes >> 20;
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

/// Memory for the job that continues the plan: it reads the results of all trials.
fn collecting_mib(folder: &PlanFolder, done: usize) -> u64 {
    let results = folder.files().finished().take(MEASURED);
    let sizes = results.filter_map(|id| Some(folder.files().result(&id).metadata().ok()?.len()));
    let largest = sizes.max().unwrap_or(1 << 20);
    1024 + ((largest * done as u64) >> 20)
}

/// Refuses a plan whose jobs are still in Slurm's queue: two processes would train the same trials.
///
/// # Errors
/// [`Error::Data`] that names the jobs; any error of reading the folder.
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
