#!/usr/bin/env bash
# Package: opensmile 2.6.0 (PyPI), numpy 2.4.6.
# Expected: the pitch of a frame without voice is missing (NaN), or such frames are left out.
# Behaviour: the low-level descriptors hold 0 for pitch, jitter and shimmer there, and -201 for the
#   amplitudes of the formants, like measured values. A mean over frames therefore measures how much of
#   the clip was voiced: of a tone of constant pitch that fills half of the clip it is about half of the
#   true value. The functionals of the same package leave these frames out.
# Seen: F0 in semitones, voiced frames alone: 36.0, mean over all frames: 18.4, functionals: 36.0;
#   lowest formant amplitude -201
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
time = np.arange(rate) / rate
voice = sum(0.2 / k * np.sin(2 * np.pi * 220 * k * time) for k in range(1, 8))
noise = 0.001 * np.random.default_rng(0).standard_normal(rate)
clip = np.concatenate([voice, noise]).astype("float32")
pitch = "F0semitoneFrom27.5Hz_sma3nz"


def features(level):
    return opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, level).process_signal(clip, rate)


frames = features(opensmile.FeatureLevel.LowLevelDescriptors)
functionals = features(opensmile.FeatureLevel.Functionals)
f0 = frames[pitch].to_numpy()
voiced, over_all = np.median(f0[f0 > 0]), f0.mean()
summary = float(functionals[pitch + "_amean"].iloc[0])
lowest = float(frames["F1amplitudeLogRelF0_sma3nz"].min())
print(
    f"voiced frames alone: {voiced:.1f}, mean over all frames: {over_all:.1f}, "
    f"functionals: {summary:.1f}; lowest formant amplitude {lowest:.0f}"
)
sys.exit(not (over_all < 0.6 * voiced and abs(summary - voiced) < 1 and lowest == -201))
PY
