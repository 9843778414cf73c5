"""Times training steps of the same model in PyTorch, alternating with ours.

    python benches/peers/train_step.py --variant fused --batch 64 --rounds 9
    python benches/peers/train_step.py --against target/release/blendfuse --batch 64

The first prints one JSON object for one way of using PyTorch. The second runs ours and every way of
PyTorch in turn, several times over, each as a process of its own, and prints the medians of the
runs' medians and the ratios to ours: what other work the machine does then strikes all alike.

Variants: `default` (torch.optim.Adam as it comes), `fused` (fused=True), `tuned` (fused, and memory
that is kept between steps and lies in huge pages: the fastest way known), `compile` (torch.compile
and fused), `jax` (`jax_model.py`, jitted, buffers donated). Needs torch and numpy, and jax for the last.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

VARIANTS = ["default", "fused", "tuned", "compile", "jax"]
TUNED = {
    "GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=4294967296:glibc.malloc.trim_threshold=8589934592",
    "THP_MEM_ALLOC_ENABLE": "1",
}
# Usual frame sizes of the paper's 36 encoders; an encoder has seven statistics of each column.
FRAMES = [
    512, 768, 1024, 1024, 1024, 1024, 768, 512, 768, 1024, 31, 19, 768, 1536, 1024, 1152, 1408, 1024,
    4096, 5120, 5120, 8192, 1024, 768, 768, 1024, 768, 768, 1024, 1024, 1024, 1024, 1024, 1024, 1280, 512,
]  # fmt: skip
WARM_UP = 3


def step_times(arguments) -> dict:
    """Medians over steps of one process."""
    sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "fixtures"))
    import torch
    from model import Config, FusionNet

    torch.set_num_threads(arguments.threads)
    torch.manual_seed(0)
    divisor, batch = arguments.divisor, arguments.batch
    widths = {f"enc{m}": max(1, 7 * frame // divisor) for m, frame in enumerate(FRAMES)}
    config = Config(uda=arguments.uda)
    net = FusionNet(widths, 6, config)
    if arguments.variant == "jax":
        return jax_times(arguments, net, config, widths)
    run = torch.compile(net) if arguments.variant == "compile" else net
    fused = None if arguments.variant == "default" else True
    adam = torch.optim.Adam(net.parameters(), lr=3e-4, weight_decay=1e-3, fused=fused)
    rows = 2 * batch if arguments.uda else batch
    x = {name: 2 * torch.rand(rows, width) - 1 for name, width in widths.items()}
    y = torch.zeros(batch, 6)
    for row in range(batch):
        y[row, row % 6], y[row, (row + 1) % 6] = 0.7, 0.3
    forward, backward, optimiser = [], [], []
    net.train()
    for step in range(WARM_UP + arguments.rounds):
        start = time.perf_counter()
        losses = net.losses(run(x), y)
        losses["total"].item()
        middle = time.perf_counter()
        adam.zero_grad(set_to_none=True)
        losses["total"].backward()
        late = time.perf_counter()
        adam.step()
        net.clamp_temperature()
        end = time.perf_counter()
        if step >= WARM_UP:
            forward.append(middle - start)
            backward.append(late - middle)
            optimiser.append(end - late)
    total = [sum(parts) for parts in zip(forward, backward, optimiser)]
    milliseconds = lambda times: 1e3 * statistics.median(times)  # noqa: E731
    return {
        "variant": arguments.variant,
        "batch": batch,
        "uda": arguments.uda,
        "divisor": divisor,
        "threads": arguments.threads,
        "torch": torch.__version__,
        "params": sum(parameter.numel() for parameter in net.parameters()),
        "step_ms": milliseconds(total),
        "forward_ms": milliseconds(forward),
        "backward_ms": milliseconds(backward),
        "adam_ms": milliseconds(optimiser),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def jax_times(arguments, net, config, widths) -> dict:
    """The same step in JAX, from the same parameters; its threads are those of the machine."""
    import jax
    import jax.numpy as jnp
    import jax_model

    batch = arguments.batch
    rows = 2 * batch if arguments.uda else batch
    keys = jax.random.split(jax.random.key(1), len(widths))
    x = {
        name: jax.random.uniform(key, (rows, width), minval=-1.0)
        for key, (name, width) in zip(keys, widths.items())
    }
    y = [[0.7 if c == r % 6 else 0.3 if c == (r + 1) % 6 else 0.0 for c in range(6)] for r in range(batch)]
    y = jnp.array(y)
    state, running = jax_model.from_torch(net)
    options = {"names": tuple(widths), "config": config, "lr": 3e-4, "decay": 1e-3}
    times = []
    for step in range(WARM_UP + arguments.rounds):
        start = time.perf_counter()
        state, running, total = jax_model.train_step(state, running, x, y, step, **options)
        jax.block_until_ready((state, total))
        if step >= WARM_UP:
            times.append(time.perf_counter() - start)
    return {
        "variant": "jax",
        "batch": batch,
        "uda": arguments.uda,
        "divisor": arguments.divisor,
        "jax": jax.__version__,
        "step_ms": 1e3 * statistics.median(times),
        "peak_rss_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def in_turn(arguments) -> None:
    """Runs ours and PyTorch alternately and prints medians and ratios."""
    common = ["--batch", str(arguments.batch), "--rounds", str(arguments.rounds)]
    ours = [arguments.against, "bench", "--json", "--threads", str(arguments.threads), *common]
    ours += ["--preset", "paper" if arguments.divisor == 1 else "small"]
    if arguments.uda:
        ours.append("--uda")
    commands = {"ours": (ours, {})}
    for variant in arguments.variants.split(","):
        command = [sys.executable, __file__, "--variant", variant, "--threads", str(arguments.threads)]
        command += ["--divisor", str(arguments.divisor), *common] + (["--uda"] if arguments.uda else [])
        commands[variant] = (command, TUNED if variant == "tuned" else {})
    results: dict[str, list[dict]] = {name: [] for name in commands}
    for turn in range(arguments.turns):
        for name, (command, environment) in commands.items():
            output = subprocess.run(
                command, env=os.environ | environment, stdout=subprocess.PIPE, check=True, text=True
            )
            results[name].append(json.loads(output.stdout))
            print(f"turn {turn + 1} {name}: {results[name][-1]['step_ms']:.1f} ms", file=sys.stderr)
    median = {name: statistics.median(run["step_ms"] for run in runs) for name, runs in results.items()}
    best = results["ours"][0]
    print(f"batch {arguments.batch}, uda {arguments.uda}, divisor {arguments.divisor}, {best['params']} parameters")
    shares = statistics.median(run["share_of_peak"] for run in results["ours"])
    peak = statistics.median(run["fma_peak_gflops"] for run in results["ours"])
    print(f"ours: {best['kernel']} kernel, {100 * shares:.0f} % of a peak of {peak:.0f} GFLOP/s")
    print("| | step, ms (median of turns) | times ours | peak memory, MiB |")
    print("|---|---|---|---|")
    for name, runs in results.items():
        memory = max(run["peak_rss_mib"] for run in runs)
        print(f"| {name} | {median[name]:.1f} | {median[name] / median['ours']:.2f} | {memory:.0f} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--variant", choices=VARIANTS, default="fused")
    parser.add_argument("--variants", default=",".join(VARIANTS[:3]), help="with --against: which, by comma")
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--uda", action="store_true")
    parser.add_argument("--divisor", type=int, default=1, help="input widths divided by this (16: reduced model)")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=9, help="steps timed in each process")
    parser.add_argument("--turns", type=int, default=7, help="with --against: processes of each kind")
    parser.add_argument("--against", metavar="BLENDFUSE", help="our binary, to run in turn with PyTorch")
    arguments = parser.parse_args()
    if arguments.against:
        in_turn(arguments)
    else:
        if arguments.variant == "tuned" and "GLIBC_TUNABLES" not in os.environ:
            os.execve(sys.executable, [sys.executable, *sys.argv], os.environ | TUNED)
        print(json.dumps(step_times(arguments)))


if __name__ == "__main__":
    main()
