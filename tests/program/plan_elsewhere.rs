//! Plans whose trials run as separate commands: the files are the same as those of the command itself,
//! and the progress is visible at any time.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::command::{Place, Ran, SMALL};

fn flags(more: &[&'static str]) -> Vec<&'static str> {
    let settings = [
        "--set",
        "train.max_epochs=3",
        "--set",
        "train.checkpoint_seconds=0",
    ];
    [SMALL, &settings, more].concat()
}

fn run(command: &[&'static str], out: &'static str, more: &[&'static str]) -> Vec<&'static str> {
    [command, &["data", "--out", out], &flags(more)].concat()
}

/// Runs a line of `plan --print` as a shell does.
fn shell(place: &Place, line: &str) -> Ran {
    let mut command = Command::new("sh");
    command.args(["-c", line]).current_dir(place.path(""));
    Ran::of(command.stdin(Stdio::null()).output().unwrap())
}

fn lines(place: &Place, plan: &[&'static str]) -> Vec<String> {
    let printed = place.ok(&[plan, &["--print"]].concat());
    printed.lines().map(str::to_owned).collect()
}

#[test]
fn trials_run_as_separate_commands_give_the_same_files_as_the_command_itself() {
    let place = Place::with_data(&["--test-labels"]);
    let more = ["--retrain", "--ensemble"];
    place.ok(&run(&["cv"], "whole", &more));
    let plan = run(&["plan", "cv"], "parts", &more);
    let first = lines(&place, &plan);
    assert_eq!(first.len(), 5);
    // In any order, from any folder.
    for line in first.iter().rev() {
        let ran = shell(&place, &format!("cd / && {line}"));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
    }
    // Once more changes nothing.
    let ran = shell(&place, &first[0]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("already has a result"),
        "{}",
        ran.stderr
    );
    let ran = place.run(&["collect", "parts"]);
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stdout.starts_with("INCOMPLETE"), "{}", ran.stdout);
    let follows = lines(&place, &plan);
    assert_eq!(follows.len(), 1, "the model of all clips");
    assert_eq!(shell(&place, &follows[0]).code, 0);
    assert!(lines(&place, &plan).is_empty());
    let printed = place.ok(&["collect", "parts"]);
    assert!(printed.contains("wrote parts/: "), "{printed}");
    place.assert_same_plans("whole", "parts");
}

#[test]
fn a_plan_started_here_continues_elsewhere_and_vice_versa() {
    let place = Place::with_data(&[]);
    place.ok(&run(&["ablate"], "whole", &[]));
    let plan = run(&["plan", "ablate"], "parts", &[]);
    for line in lines(&place, &plan).iter().take(7) {
        assert_eq!(shell(&place, line).code, 0);
    }
    let value = place.json(&run(&["ablate"], "parts", &["--resume"]));
    assert_eq!(value["reused"], 7);
    assert_eq!(value["incomplete"], false);
    place.assert_same_plans("whole", "parts");
    // Order files that are no longer needed are removed.
    let orders = place.contents("parts").into_iter();
    assert_eq!(
        orders
            .filter(|(path, _)| path.to_string_lossy().contains(".order."))
            .count(),
        0
    );
}

#[test]
fn status_and_collect_tell_what_is_there_and_what_is_missing_and_change_nothing() {
    let place = Place::with_data(&[]);
    let plan = run(&["plan", "sweep"], "out", &["--param", "model.top_k=2,4"]);
    let commands = lines(&place, &plan);
    assert_eq!(commands.len(), 10);
    let status = |key: &str| place.json(&["status", "out"])[key].clone();
    assert_eq!(
        (status("trials"), status("waiting")),
        (10.into(), 10.into())
    );
    for line in commands.iter().take(5) {
        assert_eq!(shell(&place, line).code, 0);
    }
    assert_eq!((status("done"), status("waiting")), (5.into(), 5.into()));
    let before = place.contents("out");
    let ran = place.run(&["collect", "out"]);
    assert_eq!(ran.code, 1);
    // The complete row has its values, the other one shows its progress.
    let row = |name: &str| {
        let found = ran
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("| {name}")));
        found.unwrap_or_else(|| panic!("{}", ran.stdout)).to_owned()
    };
    assert!(row("2 ").contains(" ± "), "{}", ran.stdout);
    assert!(!row("4 ").contains(" ± "), "{}", ran.stdout);
    assert!(
        ran.stdout
            .contains("model.top_k=4: not finished, 0 of 5 trials done")
    );
    assert!(!ran.stdout.contains("FAILED"), "{}", ran.stdout);
    assert!(
        ran.stderr
            .contains("5 of 10 trials have no result: 5 not started"),
        "{}",
        ran.stderr
    );
    assert!(place.contents("out") == before);
    // A trial that was stopped, and one that failed.
    let id = commands[5].rsplit(' ').next().unwrap();
    let shard = place.path("out/trials").join(&id[..2]);
    let log = shard.join(format!("{id}.log.jsonl"));
    let begun = format!(
        "{{\"at\":1.0,\"event\":\"begun\",\"trial\":\"{id}\",\"label\":\"x\",\"threads\":1,\"host\":\"elsewhere.example\",\"pid\":1}}\n"
    );
    fs::write(&log, &begun).unwrap();
    assert_eq!(status("running")[0]["host"], "elsewhere.example");
    let failed =
        format!("{{\"at\":2.0,\"event\":\"failed\",\"trial\":\"{id}\",\"reason\":\"no luck\"}}\n");
    fs::write(&log, begun.clone() + &failed).unwrap();
    assert_eq!(status("failed")[0]["reason"], "no luck");
    let stopped = format!("{{\"at\":2.0,\"event\":\"interrupted\",\"trial\":\"{id}\"}}\n");
    fs::write(&log, begun + &stopped).unwrap();
    assert_eq!((status("stopped"), status("waiting")), (1.into(), 4.into()));
    let text = place.ok(&["status", "out"]);
    assert!(
        text.starts_with("5 of 10 trials done, 0 running, 0 failed, 1 stopped, 4 waiting"),
        "{text}"
    );
}

#[test]
fn work_refuses_to_run_anything_but_the_planned_trial() {
    let place = Place::with_data(&[]);
    let commands = lines(&place, &run(&["plan", "cv"], "out", &[]));
    let id = commands[0].rsplit(' ').next().unwrap().to_owned();
    let error = place.refused(&["work", "out", "0123456789abcdef"]);
    assert!(
        error.contains("no trial 0123456789abcdef is planned here"),
        "{error}"
    );
    // In the words of the folder's own command.
    assert!(
        error.contains("`blendfuse plan cv DATA --out out --print`"),
        "{error}"
    );
    let error = place.refused(&["work", "out", "../../etc"]);
    assert!(error.contains("no trial ../../etc"), "{error}");
    let error = place.refused(&["work", "data", &id]);
    assert!(error.contains("contains no plan.json"), "{error}");
    let error = place.refused(&["status", "nowhere"]);
    assert!(error.contains("no such folder"), "{error}");
    let mut other = place.command(&["work", "out", &id]);
    let planned: Value =
        serde_json::from_slice(&fs::read(place.path("out/plan.json")).unwrap()).unwrap();
    if planned["kernel"] != "portable" {
        let ran = Ran::of(other.env("BLENDFUSE_KERNEL", "portable").output().unwrap());
        assert_eq!(ran.code, 2);
        assert!(
            ran.stderr.contains("and this process uses portable"),
            "{}",
            ran.stderr
        );
    }
    // The data folder on another machine's path, then with another label.
    fs::rename(place.path("data"), place.path("moved")).unwrap();
    let planned_folder = place.refused(&["work", "out", &id]);
    assert!(planned_folder.contains("data"), "{planned_folder}");
    place.ok(&["work", "out", &id, "--data", "moved"]);
    let table = place.path("moved/train_metadata.csv");
    let text = fs::read_to_string(&table).unwrap();
    let line = text.lines().find(|line| line.contains(",0,ang,")).unwrap();
    fs::write(&table, text.replace(line, &line.replace(",ang,", ",sad,"))).unwrap();
    let next = commands[1].rsplit(' ').next().unwrap();
    let error = place.refused(&["work", "out", next, "--data", "moved"]);
    assert!(error.contains("differ from those of the plan"), "{error}");
}

#[test]
fn flags_of_slurm_mean_nothing_without_it() {
    let place = Place::with_data(&[]);
    for flag in [
        &["--retries", "3"][..],
        &["--array-limit", "2"],
        &["--slurm-args", "-p x"],
    ] {
        let error = place.refused(&[&run(&["cv"], "out", &[]), flag].concat());
        assert!(error.starts_with(flag[0]), "{error}");
        assert!(error.contains("--executor slurm"), "{error}");
    }
    let error = place.refused(&run(&["plan", "cv"], "out", &["--executor", "slurm"]));
    assert!(
        error.starts_with("--executor: has no effect with plan"),
        "{error}"
    );
    assert!(!place.path("out").exists());
}
