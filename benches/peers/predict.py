"""Times the prediction of clips with the same model in PyTorch, alternating with ours.

    python benches/peers/predict.py --clips 3050 --batch 256
    python benches/peers/predict.py --against target/release/blendfuse --clips 3050 --turns 7

The first prints one JSON object for PyTorch with one batch size. The second runs ours and PyTorch
with every batch size of `--batches` in turn, several times over, each as a process of its own, and
prints the medians of the runs' medians and the ratio of the best PyTorch to ours: what other work the
machine does then strikes all alike.

PyTorch predicts in inference mode from tensors in memory that are standardised already; ours starts
from stored features and standardises them in the time that is told. `--variant tuned` keeps PyTorch's
memory between batches and in huge pages. Needs torch; 3,050 clips at full size take 4.4 GB.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

from train_step import FRAMES, TUNED

WARM_UP = 1


def predict_times(arguments) -> dict:
    """Median over rounds of one process."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fixtures"))
    import torch
    from model import Config, FusionNet

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    widths = {f"enc{m}": max(1, 7 * frame // arguments.divisor) for m, frame in enumerate(FRAMES)}
    net = FusionNet(widths, 6, Config()).eval()
    clips, batch = arguments.clips, min(arguments.batch, arguments.clips)
    x = {name: (2 * torch.rand(16, width) - 1).repeat(-(-clips // 16), 1)[:clips] for name, width in widths.items()}
    times = []
    with torch.inference_mode():
        for _ in range(WARM_UP + arguments.rounds):
            start = time.perf_counter()
            for first in range(0, clips, batch):
                out = net({name: values[first : first + batch] for name, values in x.items()})
                torch.sigmoid(out["presence_logits"]), torch.softmax(out["salience_logits"], 1)
            times.append(time.perf_counter() - start)
    return {
        "clips": clips,
        "batch": batch,
        "divisor": arguments.divisor,
        "threads": arguments.threads,
        "torch": torch.__version__,
        "params": sum(parameter.numel() for parameter in net.parameters()),
        "predict_ms": 1e3 * statistics.median(times[WARM_UP:]),
    }


def in_turn(arguments) -> None:
    """Runs ours and PyTorch alternately and prints medians and ratios."""
    common = ["--rounds", str(arguments.rounds), "--threads", str(arguments.threads)]
    preset = "paper" if arguments.divisor == 1 else "small"
    ours = [arguments.against, "bench", "--json", "--preset", preset, "--predict", str(arguments.clips), *common]
    environment = os.environ | (TUNED if arguments.variant == "tuned" else {})
    commands = {"ours": (ours, os.environ)}
    for batch in arguments.batches.split(","):
        command = [sys.executable, __file__, "--batch", batch, "--clips", str(arguments.clips)]
        command += ["--divisor", str(arguments.divisor), *common]
        commands[f"PyTorch, batch {batch}"] = (command, environment)
    results: dict[str, list[dict]] = {name: [] for name in commands}
    for turn in range(arguments.turns):
        for name, (command, environment) in commands.items():
            output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, check=True, text=True)
            results[name].append(json.loads(output.stdout))
            print(f"turn {turn + 1} {name}: {results[name][-1]['predict_ms']:.1f} ms", file=sys.stderr)
    median = {name: statistics.median(run["predict_ms"] for run in runs) for name, runs in results.items()}
    best = min((name for name in median if name != "ours"), key=median.get)
    share = statistics.median(run["share_of_peak"] for run in results["ours"])
    first = results["ours"][0]
    print(f"{arguments.clips} clips, divisor {arguments.divisor}, {first['params']} parameters, {first['kernel']} kernel")
    print(f"ours: {100 * share:.0f} % of the FMA peak; best PyTorch: {median[best] / median['ours']:.2f} times ours")
    print("| | all clips, ms (median of turns) | times ours |")
    print("|---|---|---|")
    for name in results:
        print(f"| {name} | {median[name]:.1f} | {median[name] / median['ours']:.2f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--clips", type=int, default=3050)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--batches", default="64,256,1024", help="with --against: which of PyTorch's, by comma")
    parser.add_argument("--variant", choices=["plain", "tuned"], default="plain", help="with --against")
    parser.add_argument("--divisor", type=int, default=1, help="input widths divided by this (16: reduced model)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3, help="rounds timed in each process")
    parser.add_argument("--turns", type=int, default=7, help="with --against: processes of each kind")
    parser.add_argument("--against", metavar="BLENDFUSE", help="our binary, to run in turn with PyTorch")
    arguments = parser.parse_args()
    if arguments.against:
        in_turn(arguments)
    else:
        print(json.dumps(predict_times(arguments)))


if __name__ == "__main__":
    main()
