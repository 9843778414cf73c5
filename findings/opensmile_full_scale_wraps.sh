#!/usr/bin/env bash
# Packages: opensmile 2.6.0, numpy 2.4.6.
# Expected: float samples are in [-1, 1], so a signal whose peak is exactly 1.0 is valid, and larger
#   samples (a float WAV, a signal normalised by its peak) are clipped.
# Behaviour: process_signal multiplies by 32768 and casts to int16 without a limit, so 1.0 becomes -32768
#   and 1.1 becomes -29492: the loudest samples jump to the other end. No warning. Files are affected in
#   the same way, because they are read as floats. A peak of -1.0 is unharmed: the same sound with its
#   sign flipped has other features.
# Output seen:
#   peak  0.9999: loudness 2.149, features that differ from the reference by more than 5 %: 0 of 88
#   peak -1.0000: loudness 2.149, features that differ from the reference by more than 5 %: 1 of 88
#   peak  1.0000: loudness 2.156, features that differ from the reference by more than 5 %: 9 of 88
#   peak  1.1000: loudness 2.561, features that differ from the reference by more than 5 %: 56 of 88
#   peak  1.1000, clipped first: loudness 2.297
# What to do: scale to a peak below 32767/32768, or clip, before extracting.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet opensmile==2.6.0 numpy==2.4.6
cd "$work"
venv/bin/python -W ignore - <<'PY'
import numpy as np
import opensmile

rate = 16000
time = np.arange(2 * rate) / rate
phase = 2 * np.pi * np.cumsum(150 + 30 * np.sin(3 * np.pi * time)) / rate
voice = sum(np.sin(k * phase) / k for k in range(1, 20)) * (0.6 + 0.4 * np.sin(6 * np.pi * time))
voice /= np.abs(voice).max()
voice *= np.sign(voice[np.abs(voice).argmax()])  # the largest sample is positive
smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)


def features(signal):
    frame = smile.process_signal(signal.astype("float32"), rate)
    return frame["loudness_sma3_amean"].iloc[0], frame.to_numpy()[0]


reference = features(0.9999 * voice)[1]
changed = {}
for peak in (0.9999, -1.0, 1.0, 1.1):
    loudness, values = features(peak * voice)
    changed[peak] = int((np.abs(values - reference) > 0.05 * np.abs(reference)).sum())
    print(
        f"peak {peak:7.4f}: loudness {loudness:.3f}, features that differ from the reference by more"
        f" than 5 %: {changed[peak]} of {len(values)}"
    )
clipped = features(np.clip(1.1 * voice, -0.9999, 0.9999))[0]
print(f"peak  1.1000, clipped first: loudness {clipped:.3f}")
assert changed[-1.0] <= 2, "a peak of -1.0 is no longer harmless"
assert changed[1.0] > 5 and changed[1.1] > 30, "samples of 1.0 and more no longer wrap around"
PY
