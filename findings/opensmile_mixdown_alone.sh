#!/usr/bin/env bash
# Packages: opensmile 2.6.0, numpy 2.4.6.
# Expected: a stereo recording is mixed to mono, at least with Smile(..., mixdown=True).
# Behaviour: channels defaults to 0, and the selection of channels comes before the mix, so the features
#   are those of the first channel alone, with mixdown=True as without. A speaker on the right channel
#   (a dialogue recorded on two lapel microphones) is silence. No warning. Only channels=None with
#   mixdown=True mixes.
# Output seen (a voice on the right channel only):
#   default                       loudness 0.001
#   mixdown=True                  loudness 0.001
#   mixdown=True, channels=None   loudness 0.861
#   the voice by itself           loudness 1.360
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
voice = (0.5 * voice / np.abs(voice).max()).astype("float32")
stereo = np.stack([np.zeros_like(voice), voice])


def loudness(title, signal, **options):
    smile = opensmile.Smile(
        opensmile.FeatureSet.eGeMAPSv02, opensmile.FeatureLevel.Functionals, **options
    )
    value = smile.process_signal(signal, rate)["loudness_sma3_amean"].iloc[0]
    print(f"{title:<29} loudness {value:.3f}")
    return value


default = loudness("default", stereo)
mixdown = loudness("mixdown=True", stereo, mixdown=True)
both = loudness("mixdown=True, channels=None", stereo, mixdown=True, channels=None)
alone = loudness("the voice by itself", voice)
assert default < 0.01 and mixdown == default, "mixdown=True alone now mixes the channels"
assert 0.5 < both < alone, "mixdown=True with channels=None no longer mixes"
PY
