"""Times the seven temporal statistics of clips in NumPy and PyTorch, alternating with ours.

    python benches/peers/aggregate.py --method script
    python benches/peers/aggregate.py --against target/release/blendfuse --turns 7

The first prints one JSON object for one way of computing them. The second runs ours and every way in
turn, several times over, each as a process of its own, and prints the medians of the runs' medians
and their ratios to ours: what other work the machine does then strikes all alike.

All start from f32 frames in memory (standard normal, clips of 300 frames of 1,024 values) and take
one clip after another. numpy works on one thread, torch and ours on `--threads`. Each way is compared
with numpy on f64 before it is timed. Needs numpy and torch.

script    as the challenge's script: np.mean, np.std and five calls of np.percentile, over axis 0
one call  the same with one call of np.percentile
sorted    the best numpy we know: transpose, sort along the contiguous axis, interpolate
torch     torch.mean, torch.std and one call of torch.quantile
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

import numpy as np

PERCENTILES = (10, 25, 50, 75, 90)
FRACTIONS = np.array(PERCENTILES) / 100
# Numbers of clips that take about the same time for each method.
CLIPS = {"script": 8, "one call": 20, "sorted": 80, "torch": 40, "ours": 800}


def script(frames: np.ndarray) -> np.ndarray:
    parts = [np.mean(frames, axis=0), np.std(frames, axis=0)]
    parts += [np.percentile(frames, q, axis=0) for q in PERCENTILES]
    return np.concatenate(parts)


def one_call(frames: np.ndarray) -> np.ndarray:
    parts = [np.mean(frames, axis=0), np.std(frames, axis=0)]
    return np.concatenate([*parts, *np.percentile(frames, PERCENTILES, axis=0)])


def sorted_columns(frames: np.ndarray) -> np.ndarray:
    columns = np.ascontiguousarray(frames.T)
    mean, std = columns.mean(axis=1), columns.std(axis=1)
    columns.sort(axis=1)
    at = FRACTIONS * (len(frames) - 1)
    below = np.floor(at).astype(int)
    above = np.minimum(below + 1, len(frames) - 1)
    low, high = columns[:, below], columns[:, above]
    percentiles = low + (high - low) * (at - below).astype(frames.dtype)
    return np.concatenate([mean, std, percentiles.T.ravel()])


def with_torch(frames: np.ndarray) -> np.ndarray:
    import torch

    x = torch.from_numpy(frames)
    quantiles = torch.quantile(x, torch.from_numpy(FRACTIONS.astype(frames.dtype)), dim=0)
    return torch.cat([x.mean(0), x.std(0, correction=0), quantiles.flatten()]).numpy()


METHODS = {"script": script, "one call": one_call, "sorted": sorted_columns, "torch": with_torch}


def peer_times(arguments) -> dict:
    """Median over rounds of one process."""
    if arguments.method == "torch":
        import torch

        torch.set_num_threads(arguments.threads)
    compute, clips = METHODS[arguments.method], arguments.clips or CLIPS[arguments.method]
    rng = np.random.default_rng(0)
    data = [rng.standard_normal((arguments.frames, arguments.columns), dtype=np.float32) for _ in range(min(clips, 64))]
    difference = np.abs(compute(data[0]) - script(data[0].astype(np.float64))).max()
    assert difference <= 1e-5, f"{arguments.method} is off by {difference}"
    times = []
    for _ in range(1 + arguments.rounds):
        start = time.perf_counter()
        for clip in range(clips):
            compute(data[clip % len(data)])
        times.append(time.perf_counter() - start)
    seconds = statistics.median(times[1:])
    return {"method": arguments.method, "clips": clips, "clips_per_second": clips / seconds, "numpy": np.__version__}


def in_turn(arguments) -> None:
    """Runs ours and the others alternately and prints medians and ratios."""
    shape = ["--frames", str(arguments.frames), "--columns", str(arguments.columns)]
    common = [*shape, "--rounds", str(arguments.rounds), "--threads", str(arguments.threads)]
    ours = [arguments.against, "bench", "--json", "--aggregate", str(arguments.clips or CLIPS["ours"]), *common]
    commands = {"ours": ours}
    for method in METHODS:
        command = [sys.executable, __file__, "--method", method, *common]
        commands[method] = command + (["--clips", str(arguments.clips)] if arguments.clips else [])
    results: dict[str, list[dict]] = {name: [] for name in commands}
    environment = os.environ | {"OMP_NUM_THREADS": str(arguments.threads)}
    for turn in range(arguments.turns):
        for name, command in commands.items():
            output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
            results[name].append(json.loads(output.stdout))
            print(f"turn {turn + 1} {name}: {results[name][-1]['clips_per_second']:.0f} clips/s", file=sys.stderr)
    median = {name: statistics.median(run["clips_per_second"] for run in runs) for name, runs in results.items()}
    first = results["ours"][0]
    print(f"clips of {arguments.frames} x {arguments.columns}, {first['kernel']} kernel, {first['threads']} threads")
    print("| | clips a second (median of turns) | ours, times as fast |")
    print("|---|---|---|")
    for name in results:
        print(f"| {name} | {median[name]:,.0f} | {median['ours'] / median[name]:.1f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--method", choices=list(METHODS), default="script")
    parser.add_argument("--frames", type=int, default=300)
    parser.add_argument("--columns", type=int, default=1024)
    parser.add_argument("--clips", type=int, help="of a round; default: as many as take each way a third of a second")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="rounds timed in each process")
    parser.add_argument("--turns", type=int, default=7, help="with --against: processes of each kind")
    parser.add_argument("--against", metavar="BLENDFUSE", help="our binary, to run in turn with the others")
    arguments = parser.parse_args()
    if arguments.against:
        in_turn(arguments)
    else:
        print(json.dumps(peer_times(arguments)))


if __name__ == "__main__":
    main()
