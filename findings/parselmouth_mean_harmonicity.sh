#!/usr/bin/env bash
# Packages: praat-parselmouth 0.4.7, numpy 2.4.6.
# Expected: the mean of Sound.to_harmonicity().values is the mean harmonics-to-noise ratio of the clip, as
#   Praat's "Get mean" gives it.
# Behaviour: frames without voice hold -200 dB, which is a marker and not a value. Praat's own mean leaves
#   them out; the array does not, so that the "ratio" mostly measures how much of the clip is silent. All
#   statistics over .values are affected.
# Output seen (one second of a noisy tone, followed by silence):
#   silence 0 s: values.mean()   20.4, without -200   20.4, Praat's mean   20.4
#   silence 1 s: values.mean()  -88.8, without -200   20.2, Praat's mean   20.2
#   silence 3 s: values.mean() -144.7, without -200   20.2, Praat's mean   20.2
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet praat-parselmouth==0.4.7 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PY'
import numpy as np
import parselmouth
from parselmouth.praat import call

rate = 16000
noise = np.random.default_rng(0).standard_normal(rate)
tone = 0.5 * np.sin(2 * np.pi * 200 * np.arange(rate) / rate) + 0.035 * noise
means = []
for seconds in (0, 1, 3):
    sound = parselmouth.Sound(np.concatenate([tone, np.zeros(seconds * rate)]), rate)
    ratio = sound.to_harmonicity()
    values = ratio.values
    voiced, praat = values[values > -200].mean(), call(ratio, "Get mean", 0, 0)
    print(
        f"silence {seconds} s: values.mean() {values.mean():6.1f}, without -200 {voiced:6.1f},"
        f" Praat's mean {praat:6.1f}"
    )
    means.append((values.mean(), voiced, praat))
assert all(abs(voiced - praat) < 0.5 for _, voiced, praat in means), "Praat's mean has changed"
assert means[1][0] < -50 and means[2][0] < -100, "silent frames are no longer -200"
PY
