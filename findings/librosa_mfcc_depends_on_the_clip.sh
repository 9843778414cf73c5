#!/usr/bin/env bash
# Packages: librosa 0.11.0, numpy 2.4.6.
# Expected: the MFCCs of a frame depend on the samples in that frame, so that a clip may be cut before or
#   after.
# Behaviour: librosa.feature.mfcc converts to decibels with power_to_db's default top_db=80, which raises
#   everything to at least 80 dB below the loudest bin of the whole clip. The coefficients of quiet speech
#   change when one loud sound (a laugh, a bang, another speaker) is anywhere in the clip. Computing
#   over a clip and over its windows are two different features, and so are training on cut clips and
#   predicting on long ones.
# Output seen (the first coefficient of the same quiet frame):
#   the quiet second by itself   -1109.3
#   with a loud second after it   -571.1
#   largest change of any coefficient of that frame: 538.2
# What to do: librosa.feature.mfcc(S=librosa.power_to_db(melspectrogram, top_db=None)).
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet librosa==0.11.0 numpy==2.4.6
cd "$work"
venv/bin/python -W ignore - <<'PY'
import librosa
import numpy as np

rate = 16000
tone = (0.3 * np.sin(2 * np.pi * 200 * np.arange(rate) / rate)).astype("float32")
quiet = 0.001 * tone
alone = librosa.feature.mfcc(y=quiet, sr=rate)[:, 5]
beside = librosa.feature.mfcc(y=np.concatenate([quiet, tone]), sr=rate)[:, 5]
change = np.abs(alone - beside).max()
print(f"the quiet second by itself   {alone[0]:7.1f}")
print(f"with a loud second after it  {beside[0]:7.1f}")
print(f"largest change of any coefficient of that frame: {change:.1f}")
assert change > 100, "a frame's coefficients no longer depend on the rest of the clip"
PY
