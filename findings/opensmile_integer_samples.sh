#!/usr/bin/env bash
# Packages: opensmile 2.6.0, numpy 2.4.6, scipy 1.17.1.
# Expected: process_signal takes the integer samples that scipy.io.wavfile.read returns, or refuses them.
# Behaviour: samples are multiplied by 32768 in their own type and cast to int16. int16 raises an
#   OverflowError under numpy 2, but int32 (what scipy returns for 24-bit WAV files) overflows without a
#   word: the low bits that remain are digital silence or noise. Unscaled samples as float32 also wrap.
#   All features come back finite.
# Output seen (the same sine of 220 Hz):
#   float in [-1, 1]            loudness 0.990  F0  36.04 semitones
#   int32, scipy's 24-bit WAV   loudness 0.001  F0   0.00 semitones
#   float32, not scaled         loudness 6.787  F0   0.00 semitones
#   int16                       OverflowError: Python integer 32768 out of bounds for int16
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet opensmile==2.6.0 numpy==2.4.6 scipy==1.17.1
cd "$work"
venv/bin/python -W ignore - <<'PY'
import wave

import numpy as np
import opensmile
from scipy.io import wavfile

rate = 16000
time = np.arange(rate) / rate
sine = 0.5 * np.sin(2 * np.pi * 220 * time) + 0.2 * np.sin(2 * np.pi * 440 * time)
with wave.open("24bit.wav", "wb") as file:
    file.setnchannels(1), file.setsampwidth(3), file.setframerate(rate)
    samples = (sine * (2**23 - 1)).astype("<i4")
    file.writeframes(samples.view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
_, read = wavfile.read("24bit.wav")
assert read.dtype == np.int32
smile = opensmile.Smile(opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals)


def features(title, signal):
    row = smile.process_signal(signal, rate).iloc[0]
    loudness, pitch = row["loudness_sma3_amean"], row["F0semitoneFrom27.5Hz_sma3nz_amean"]
    print(f"{title:<27} loudness {loudness:.3f}  F0 {pitch:6.2f} semitones")
    return loudness, pitch


right = features("float in [-1, 1]", sine.astype("float32"))
silent = features("int32, scipy's 24-bit WAV", read)
wrapped = features("float32, not scaled", (sine * 32767).astype("float32"))
assert right[1] > 30, "the reference has no pitch"
assert silent[1] == 0, "int32 samples are no longer misread"
assert wrapped[1] == 0, "unscaled float samples are no longer misread"
try:
    features("int16", (sine * 32767).astype("int16"))
except OverflowError as error:
    print(f"{'int16':<27} OverflowError: {error}")
else:
    raise SystemExit("int16 samples are now accepted")
PY
