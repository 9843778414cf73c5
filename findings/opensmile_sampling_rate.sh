#!/usr/bin/env bash
# Packages: opensmile 2.6.0, audresample 1.3.6, numpy 2.4.6.
# Expected: eGeMAPS describes voice below 8 kHz, so that a recording of 16 kHz and the same one converted to
#   48 kHz, which holds nothing more, have nearly the same features; or the program converts it.
# Behaviour: opensmile works at the rate that it is given, and its features change with it: mean loudness
#   is 1.8 times as high at 48 kHz, and 39 of 88 functionals differ by more than 5 %. A corpus with several
#   rates (video clips at 44.1 or 48 kHz beside recordings of 16 kHz) is told apart by its rate. Smile
#   has resample=False by default.
# Output seen (the same voice):
#   16000 Hz: mean loudness 1.428
#   44100 Hz: mean loudness 2.506, features that differ by more than 5 %: 37 of 88
#   48000 Hz: mean loudness 2.582, features that differ by more than 5 %: 39 of 88
#   48000 Hz, resample=True, sampling_rate=16000: 4 of 88
# What to do: convert all clips to one rate before extracting.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet opensmile==2.6.0 audresample==1.3.6 numpy==2.4.6
cd "$work"
venv/bin/python -W ignore - <<'PY'
import audresample
import numpy as np
import opensmile

rate = 16000
time = np.arange(3 * rate) / rate
phase = 2 * np.pi * np.cumsum(150 + 30 * np.sin(3 * np.pi * time)) / rate
voice = sum(np.sin(k * phase) / k for k in range(1, 20)) * (0.6 + 0.4 * np.sin(6 * np.pi * time))
voice = 0.5 * voice / np.abs(voice).max()
voice = (voice + 0.003 * np.random.default_rng(0).standard_normal(len(time))).astype("float32")
SET = (opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)


def features(sound, rate, **options):
    return opensmile.Smile(*SET, **options).process_signal(sound, rate).iloc[0]


def differing(row):
    return int((abs(row - reference) > 0.05 * abs(reference)).sum())


reference = features(voice, rate)
print(f"{rate} Hz: mean loudness {reference['loudness_sma3_amean']:.3f}")
counts, loudness = [], []
for higher in (44100, 48000):
    sound = audresample.resample(voice, rate, higher)[0]
    row = features(sound, higher)
    counts.append(differing(row))
    loudness.append(row["loudness_sma3_amean"] / reference["loudness_sma3_amean"])
    print(
        f"{higher} Hz: mean loudness {row['loudness_sma3_amean']:.3f}, features that differ by more than"
        f" 5 %: {counts[-1]} of {len(row)}"
    )
converted = differing(features(sound, higher, resample=True, sampling_rate=rate))
print(f"{higher} Hz, resample=True, sampling_rate={rate}: {converted} of {len(row)}")
assert min(counts) > 20 and min(loudness) > 1.5, "features no longer depend on the rate"
assert converted < 10, "resample=True does not help"
PY
