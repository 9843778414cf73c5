"""Times `collect`, `status` and `report` of a plan of many trials, for two builds of the program in turn.

The plan is a random search whose trials are not trained: each gets the result of one that was, with scores
that differ a little. Prints wall time, processor time and peak memory of each run.

usage: many_trials.py OLD NEW [--configurations 2000] [--rounds 3] [--folder DIR]
"""

import argparse
import json
import os
import random
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

SMALL = ["model.projection_dim=8", "model.shared_dim=8", "model.gate_hidden=4", "model.head_hidden=4", "train.max_epochs=2"]
SPACE = ["model.top_k=1..4", "train.lr=1e-4..1e-2:log", "model.dropout=0.1..0.5"]


def settings():
    return [word for key in SMALL for word in ("--set", key)] + [word for key in SPACE for word in ("--param", key)]


def run(*command):
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def fabricate(program, folder, configurations):
    """A finished plan in folder/plan, and its data in folder/data."""
    data, trained, plan = folder / "data", folder / "trained", folder / "plan"
    run(program, "synth", "--out", data, "--preset", "tiny", "--train-clips", "141", "--test-clips", "33")
    run(program, "tune", data, "--out", trained, "--random", "1", *settings())
    run(program, "plan", "tune", data, "--out", plan, "--random", str(configurations), *settings(), "--print")
    results = {}
    for path in trained.glob("trials/*/????????????????.json"):
        result = json.loads(path.read_text())
        results[result["trial"]["fold"]] = result
    rng = random.Random(0)
    for path in plan.glob("trials/*/*.order.json"):
        trial = json.loads(path.read_text())["trial"]
        name = path.name.removesuffix(".order.json")
        result = dict(results[trial["fold"]], id=name, trial=trial)
        heads = result["held_out"]["rows"]["heads"]
        varied = {
            head: [[min(1.0, x * rng.uniform(0.7, 1.3)) for x in row] for row in rows] for head, rows in heads.items()
        }
        varied["salience"] = [[x / sum(row) for x in row] for row in varied["salience"]]
        result["held_out"] = {"clips": result["held_out"]["clips"], "rows": {"heads": varied}}
        path.with_name(f"{name}.json").write_text(json.dumps(result, separators=(",", ":")) + "\n")
        finished = {"at": 2.0, "event": "finished", "trial": name, "seconds": 1.0, "peak_mib": 10}
        path.with_name(f"{name}.log.jsonl").write_text(json.dumps(finished) + "\n")
        path.unlink()


def measure(command):
    """Wall seconds, processor seconds and peak MiB of a command."""
    start = time.monotonic()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.monotonic() - start
    assert status == 0, f"{command} failed"
    return wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("old")
    arguments.add_argument("new")
    arguments.add_argument("--configurations", type=int, default=2000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--folder", type=Path)
    given = arguments.parse_args()
    folder = given.folder or Path(tempfile.mkdtemp())
    if not (folder / "plan").exists():
        fabricate(given.old, folder, given.configurations)
    trials = sum(1 for _ in open(folder / "plan" / "trials.jsonl"))
    print(f"{trials} trials in {folder}")
    for _ in range(given.rounds):
        for name, program in [("old", given.old), ("new", given.new)]:
            plan = folder / "plan"
            for command in [["collect", plan, "-q"], ["status", plan], ["report", plan, "--force"]]:
                wall, cpu, peak = measure([program, *command])
                print(f"{name} {command[0]:8} {wall:7.2f} s wall {cpu:7.2f} s cpu {peak:6.0f} MiB", flush=True)
    if given.folder is None:
        shutil.rmtree(folder)


if __name__ == "__main__":
    main()
