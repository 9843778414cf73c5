"""SBU_3DFE, 2,500 face images with the shares that 23 raters gave to six emotions, with the people it shows.

    python benches/peers/face_people.py DATA OUT

The database has 100 people with 25 images each, and the published file names none of them. Its rows are in order:
the labels repeat themselves with a period of 25, and an image's nearest neighbour among the features stands in
the same block of 25. Both are printed, beside every other period and start. Writes a data folder OUT whose column
`actor` is the block, with five folds of 20 people each, drawn with seed 0. Needs numpy.
"""

from __future__ import annotations

import argparse
import csv
import os
from pathlib import Path

import numpy as np
from nested import Data

IMAGES, FOLDS = 25, 5


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", metavar="DATA", type=Path)
    parser.add_argument("out", metavar="OUT", type=Path)
    options = parser.parse_args()
    data = Data(options.data)
    if data.names != sorted(data.names) or len(data.names) % IMAGES:
        parser.error(f"{options.data}: expected the 2,500 rows of SBU_3DFE in their published order")
    y = data.y - data.y.mean(axis=0)
    repeats = {lag: (y[lag:] * y[:-lag]).sum() / (y**2).sum() for lag in range(5, 60)}
    first, second = sorted(repeats, key=repeats.get, reverse=True)[:2]
    print(
        f"labels repeat after {first} rows (correlation {repeats[first]:.2f}), then {second} ({repeats[second]:.2f})"
    )
    x = (data.x - data.x.mean(axis=0)) / np.maximum(data.x.std(axis=0), 1e-12)
    square = (x**2).sum(axis=1)
    distance = square[:, None] + square - 2 * x @ x.T
    np.fill_diagonal(distance, np.inf)
    nearest, at = distance.argmin(axis=1), np.arange(len(x))
    same = [(((at - s) // IMAGES) == ((nearest - s) // IMAGES)).mean() for s in range(IMAGES)]
    print(
        f"nearest neighbour in the same {IMAGES}: {same[0]:.3f}; with another start {min(same):.3f} to {max(same[1:]):.3f}"
    )
    people = len(x) // IMAGES
    fold_of = np.random.default_rng(0).permutation(people) % FOLDS
    (options.out / "features").mkdir(parents=True)
    features = options.data.resolve() / "features" / "train"
    os.symlink(features, options.out / "features" / "train", target_is_directory=True)
    with (options.out / "train_metadata.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, [*data.rows[0], "actor"])
        writer.writeheader()
        for k, row in enumerate(data.rows):
            person = k // IMAGES
            writer.writerow(row | {"fold": fold_of[person], "actor": f"p{person:03}"})


if __name__ == "__main__":
    main()
