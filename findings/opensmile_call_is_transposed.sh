#!/usr/bin/env bash
# Package: opensmile 2.6.0 (PyPI), numpy 2.4.6.
# Expected: calling the object and process_signal() give the same table, frames in rows.
# Behaviour: the call gives an array (channels, features, frames), so that frames are columns. Saved by
#   np.save and read as (frames, features), as every other extractor writes, a clip of one second has
#   "25 frames of 96 features"; functionals become 88 frames of one feature.
# Seen: process_signal: (96, 25), call: (1, 25, 96), functionals by call: (1, 88, 1)
set -euo pipefail
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
python3 -m venv "$dir/env"
"$dir/env/bin/pip" install --quiet --disable-pip-version-check opensmile==2.6.0 numpy==2.4.6
"$dir/env/bin/python" - <<'PY'
import sys

import numpy as np
import opensmile

rate = 16000
tone = (0.5 * np.sin(2 * np.pi * 220 * np.arange(rate) / rate)).astype("float32")
frames = opensmile.Smile(
    opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.LowLevelDescriptors
)
functionals = opensmile.Smile(
    opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals
)
table = frames.process_signal(tone, rate).to_numpy()
called = frames(tone, rate)
print(
    f"process_signal: {table.shape}, call: {called.shape}, "
    f"functionals by call: {functionals(tone, rate).shape}"
)
same = np.array_equal(called[0].T, table)
sys.exit(not (same and called.shape == (1, 25, 96) and functionals(tone, rate).shape == (1, 88, 1)))
PY
