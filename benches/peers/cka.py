"""Linear CKA of projected embeddings in NumPy, compared with ours.

    cargo run --release --example embeddings -- RUN DATA OUT
    python benches/peers/cka.py OUT

Takes `OUT/ENCODER.npz` and `OUT/cka.json`. Numpy's side is the form with matrices of clips by clips,
HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)) with K = X X^T and L = Y Y^T in f64 (Kornblith et al. 2019), on
the clips that both encoders have. Prints the greatest difference; ends with 1 where it is above 1e-10.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np


def centred_kernel(x: np.ndarray) -> np.ndarray:
    """(N, N): H X X^T H."""
    x = x.astype(np.float64)
    kernel = x @ x.T
    return kernel - kernel.mean(0) - kernel.mean(1)[:, None] + kernel.mean()


def main() -> None:
    """Compares every pair."""
    folder = Path(sys.argv[1])
    ours = json.loads((folder / "cka.json").read_text())
    files = [np.load(folder / f"{name}.npz") for name in ours["encoders"]]
    rows = [dict(zip(file["filenames"].tolist(), file["X"])) for file in files]
    shared = len({tuple(sorted(of)) for of in rows}) == 1
    order = sorted(rows[0])
    kernels = [centred_kernel(np.stack([of[name] for name in order])) for of in rows] if shared else []
    worst = 0.0
    for a, first in enumerate(rows):
        for b in range(a, len(rows)):
            if shared:
                k, l = kernels[a], kernels[b]
            else:
                both = sorted(first.keys() & rows[b].keys())
                k, l = (centred_kernel(np.stack([of[name] for name in both])) for of in (first, rows[b]))
            cka = np.vdot(k, l) / np.sqrt(np.vdot(k, k) * np.vdot(l, l))
            worst = max(worst, abs(cka - ours["cka"][a][b]))
    pairs = len(rows) * (len(rows) + 1) // 2
    print(f"{pairs} pairs of {len(rows)} encoders: greatest difference {worst:.2e}")
    sys.exit(1 if worst > 1e-10 else 0)


if __name__ == "__main__":
    main()
