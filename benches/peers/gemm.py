"""Times f32 matrix products in NumPy (OpenBLAS) and PyTorch, alternating with our bench.

    python benches/peers/gemm.py --library numpy
    python benches/peers/gemm.py --turns 5

The first prints one JSON object, GFLOP/s by product. The second runs our bench (ours, faer, gemm,
matrixmultiply: `cargo bench --manifest-path benches/Cargo.toml --bench gemm`, built before) and both libraries in
turn, several times over, each as a process of its own, and prints a table of the medians: what other
work the machine does then strikes all alike. Every product is written into memory that is already
there, and is checked before it is timed. Needs numpy and torch.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

ROUNDS = 9
# Name of the product in our bench: m, k, n, and whether A and B are stored transposed.
PRODUCTS = {
    "forward 64 x 57344 . W^T (256)": (64, 57_344, 256, False, True),
    "forward 64 x 7168 . W^T (256)": (64, 7_168, 256, False, True),
    "forward 64 x 9216 . W^T (512)": (64, 9_216, 512, False, True),
    "weight gradient (256) dY^T . 64 x 57344": (256, 64, 57_344, True, False),
    "input gradient dY (64 x 512) . W (9216)": (64, 512, 9_216, False, False),
    "square 2048": (2_048, 2_048, 2_048, False, False),
}
OURS = ["cargo", "bench", "--quiet", "--manifest-path", "benches/Cargo.toml", "--bench", "gemm"]


def time_library(library: str, threads: int) -> dict[str, float]:
    # Read once, when the library is loaded.
    os.environ["OPENBLAS_NUM_THREADS"] = str(threads)
    import numpy as np

    random = np.random.default_rng(0)
    rates = {}
    for name, (m, k, n, a_stored_transposed, b_stored_transposed) in PRODUCTS.items():
        a_shape = (k, m) if a_stored_transposed else (m, k)
        b_shape = (n, k) if b_stored_transposed else (k, n)
        # Small integers: the sums are exact in any order.
        a = random.integers(-3, 4, a_shape).astype(np.float32)
        b = random.integers(-3, 4, b_shape).astype(np.float32)
        a, b = (a.T if a_stored_transposed else a), (b.T if b_stored_transposed else b)
        c = np.zeros((m, n), np.float32)
        if library == "numpy":
            run = lambda: np.matmul(a, b, out=c)
        else:
            import torch

            torch.set_num_threads(threads)
            ta, tb, tc = torch.from_numpy(a), torch.from_numpy(b), torch.from_numpy(c)
            run = lambda: torch.matmul(ta, tb, out=tc)
        run()
        rows = random.integers(0, m, 4)
        expected = a[rows].astype(np.float64) @ b.astype(np.float64)
        assert np.array_equal(c[rows], expected), f"{library} gives another product: {name}"
        times = []
        for _ in range(ROUNDS):
            start = time.perf_counter()
            run()
            times.append(time.perf_counter() - start)
        rates[name] = 2 * m * k * n / statistics.median(times) / 1e9
    return rates


def time_ours(threads: int) -> dict[str, dict[str, float]]:
    environment = os.environ | {"RAYON_NUM_THREADS": str(threads)}
    done = subprocess.run(OURS, check=True, capture_output=True, text=True, env=environment)
    rates: dict[str, dict[str, float]] = {}
    for line in done.stdout.splitlines():
        name, _, found = line.partition(": ")
        if name in PRODUCTS:
            pairs = (entry.rsplit(" ", 1) for entry in found.split(", "))
            rates[name] = {who: float(rate) for who, rate in pairs}
    assert set(rates) == set(PRODUCTS), "our bench prints other products than this script knows"
    return rates


def compare(turns: int, threads: int) -> None:
    found: dict[str, dict[str, list[float]]] = {name: {} for name in PRODUCTS}

    def add(name: str, who: str, rate: float) -> None:
        found[name].setdefault(who, []).append(rate)

    for _ in range(turns):
        for name, rates in time_ours(threads).items():
            for who, rate in rates.items():
                add(name, who, rate)
        for library in ("numpy", "torch"):
            command = [sys.executable, __file__, "--library", library, "--threads", str(threads)]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            for name, rate in json.loads(done.stdout).items():
                add(name, library, rate)
    columns = ["packed", "gemm", "faer", "gemm crate", "matrixmultiply", "numpy", "torch"]
    print("| product | " + " | ".join(columns) + " |")
    print("|---" * (len(columns) + 1) + "|")
    for name, rates in found.items():
        cells = [f"{statistics.median(rates[who]):.0f}" if who in rates else "" for who in columns]
        print(f"| {name} | " + " | ".join(cells) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--library", choices=["numpy", "torch"])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.library:
        print(json.dumps(time_library(arguments.library, arguments.threads)))
    else:
        compare(arguments.turns, arguments.threads)


if __name__ == "__main__":
    main()
