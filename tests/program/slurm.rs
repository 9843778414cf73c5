//! Plans under a real single-node Slurm, started for the test: tables byte-identical to the local run,
//! whatever is killed.
#![cfg(target_os = "linux")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::command::{Place, Ran, SMALL};

/// A plan that takes longer than this under Slurm counts as hanging.
const PATIENCE: Duration = Duration::from_secs(420);

/// A Slurm instance for this test; ends with it.
struct OneNode {
    folder: tempfile::TempDir,
}

impl OneNode {
    /// `None`, with a line on the reason, if Slurm cannot be started.
    #[expect(clippy::print_stdout, reason = "a skipped test says so")]
    fn start() -> Option<Self> {
        let skipped = |why: &str| {
            println!("skipped: {why}");
            None
        };
        for program in [
            "slurmctld",
            "slurmd",
            "sbatch",
            "munged",
            "python3",
            "pkill",
        ] {
            if !found(program) {
                return skipped(&format!(
                    "{program} is not installed (Debian: slurmctld slurmd slurm-client munge procps)"
                ));
            }
        }
        let root = Command::new("id").arg("-u").output().unwrap();
        if root.stdout != b"0\n" {
            return skipped("Slurm's daemons need root");
        }
        let node = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        let started = node.script("start");
        assert_eq!(started.code, 0, "{}", started.stderr);
        Some(node)
    }

    fn script(&self, action: &str) -> Ran {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/program/slurm/one-node.sh");
        let mut command = Command::new("timeout");
        command
            .arg("60")
            .arg(script)
            .arg(action)
            .arg(self.folder.path());
        // The daemons must not keep the pipes of the test's output open.
        let log = fs::File::create(self.folder.path().join(format!("{action}.txt"))).unwrap();
        command.stdin(Stdio::null());
        command.stdout(log.try_clone().unwrap()).stderr(log);
        let status = command.status().unwrap();
        Ran {
            code: status.code().unwrap_or(-1),
            stdout: String::new(),
            stderr: fs::read_to_string(self.folder.path().join(format!("{action}.txt"))).unwrap(),
        }
    }

    fn configuration(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    fn run(&self, place: &Place, args: &[&str]) -> Ran {
        let mut command = place.command(args);
        Ran::of(
            command
                .env("SLURM_CONF", self.configuration())
                .output()
                .unwrap(),
        )
    }

    fn slurm(&self, program: &str, args: &[&str]) -> String {
        let mut command = Command::new(program);
        let output = command
            .args(args)
            .env("SLURM_CONF", self.configuration())
            .output();
        String::from_utf8(output.unwrap().stdout).unwrap()
    }

    fn status(&self, place: &Place, out: &str) -> Value {
        let ran = self.run(place, &["status", out, "--json"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap()
    }

    /// Waits until nothing of a plan is in the queue.
    fn wait(&self, place: &Place, out: &str) -> Value {
        let begun = Instant::now();
        loop {
            let status = self.status(place, out);
            if status["slurm"]["jobs"]
                .as_array()
                .is_some_and(Vec::is_empty)
            {
                return status;
            }
            assert!(begun.elapsed() < PATIENCE, "{status}");
            std::thread::sleep(Duration::from_millis(500));
        }
    }
}

impl Drop for OneNode {
    fn drop(&mut self) {
        self.script("stop");
    }
}

fn found(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    folders.extend(["/usr/sbin", "/sbin"].map(PathBuf::from));
    folders.iter().any(|folder| folder.join(program).is_file())
}

fn repro(out: &'static str, more: &[&'static str]) -> Vec<&'static str> {
    let base = [
        "repro",
        "data",
        "--out",
        out,
        "--baseline-epochs",
        "2",
        "--quick",
    ];
    let settings = ["--set", "train.checkpoint_seconds=0"];
    [&base[..], SMALL, &settings, more].concat()
}

/// Processes of the plan's trials on this machine.
fn workers(place: &Place, out: &str) -> Vec<String> {
    let pattern = format!("work {}", place.path(out).display());
    let output = Command::new("pgrep")
        .args(["-f", &pattern])
        .output()
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().map(str::to_owned).collect()
}

fn events(place: &Place, out: &str, event: &str) -> usize {
    let wanted = format!("\"event\":\"{event}\"");
    let logs = place.trial_logs(out);
    logs.lines().filter(|line| line.contains(&wanted)).count()
}

#[test]
#[expect(clippy::print_stdout, reason = "its result is a record")]
fn a_plan_under_slurm_gives_the_local_bytes_whatever_is_killed() {
    let Some(node) = OneNode::start() else {
        return;
    };
    let place = Place::with_data(&["--test-labels"]);
    place.ok(&repro("whole", &[]));

    // Undisturbed, two tasks at a time.
    let ran = node.run(
        &place,
        &repro("quiet", &["--executor", "slurm", "--array-limit", "2"]),
    );
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("submitted to Slurm as"),
        "{}",
        ran.stderr
    );
    // No other process may run the same plan meanwhile.
    let again = node.run(&place, &repro("quiet", &["--resume"]));
    assert_eq!(again.code, 2, "{}", again.stderr);
    assert!(
        again.stderr.contains("still in Slurm's queue"),
        "{}",
        again.stderr
    );
    let status = node.wait(&place, "quiet");
    assert_eq!(status["done"], status["trials"], "{status}");
    assert_eq!(status["tables"], true, "{status}");
    place.assert_same_plans("whole", "quiet");
    println!(
        "{} trainings under Slurm: the local bytes",
        status["trials"]
    );

    // Half done locally, then under Slurm with longer trainings' states, and killed there: tasks
    // with scancel, processes with SIGKILL.
    let mut child = place.command(&repro("parts", &["--jobs", "1"]));
    let mut child = child
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let begun = Instant::now();
    while events(&place, "parts", "finished") < 12 && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < PATIENCE);
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    let locally = events(&place, "parts", "finished");
    let flags = ["--resume", "--executor", "slurm", "--retries", "5"];
    let ran = node.run(&place, &repro("parts", &flags));
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let (mut killed, mut cancelled) = (0, 0);
    let begun = Instant::now();
    while killed < 3 || cancelled < 3 {
        assert!(
            begun.elapsed() < PATIENCE,
            "{killed} killed, {cancelled} cancelled"
        );
        let running = node.slurm(
            "squeue",
            &["--noheader", "--array", "--states=R", "--format=%F_%K"],
        );
        let task = running.lines().find(|task| !task.contains("N/A"));
        if let Some(task) = task.filter(|_| cancelled < 3) {
            node.slurm("scancel", &[task.trim()]);
            cancelled += 1;
        } else if killed < 3 {
            for process in workers(&place, "parts").iter().take(1) {
                let sent = Command::new("kill").args(["-9", process]).status().unwrap();
                killed += usize::from(sent.success());
            }
        }
        let status = node.status(&place, "parts");
        if status["slurm"]["jobs"]
            .as_array()
            .is_some_and(Vec::is_empty)
        {
            break;
        }
    }
    assert!(
        killed > 0 && cancelled > 0,
        "{killed} killed, {cancelled} cancelled"
    );
    let status = node.wait(&place, "parts");
    let told = fs::read_to_string(place.path("parts/slurm/go-on.txt")).unwrap();
    assert_eq!(status["done"], status["trials"], "{status}\n{told}");
    place.assert_same_plans("whole", "parts");
    println!(
        "{locally} trainings here, the rest under Slurm in {} rounds, {cancelled} tasks cancelled, {killed} processes killed: the same bytes",
        status["slurm"]["round"]
    );

    // A permanent failure is not retried, and is reported.
    let wild = ["--executor", "slurm", "--set", "train.lr=1e30"];
    let args = [&["cv", "data", "--out", "wild"][..], SMALL, &wild].concat();
    let ran = node.run(&place, &args);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let status = node.wait(&place, "wild");
    assert_eq!(status["failed"].as_array().unwrap().len(), 5, "{status}");
    assert_eq!(events(&place, "wild", "begun"), 5);
    let reason = status["failed"][0]["reason"].as_str().unwrap();
    assert!(reason.contains("not finite"), "{reason}");
    assert!(!place.path("wild/summary.json").exists());
}
