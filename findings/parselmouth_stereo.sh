#!/usr/bin/env bash
# Packages: praat-parselmouth 0.4.7, numpy 2.4.6.
# Expected: Praat's analyses treat a stereo sound alike: all mix it to mono, or all take one channel.
# Behaviour: to_mfcc takes the first channel, to_intensity the mean power of both, to_formant_burg the mono
#   mix, to_pitch and to_harmonicity look at both. A speaker on the right channel (a dialogue on two lapel
#   microphones) has a pitch and formants, and the MFCCs of digital silence; channels of opposite sign (one
#   cable the wrong way round) have a pitch and no formants. No error.
# Output seen (the same voice):
#                    first MFCC  intensity  pitch   F1
#   mono                   1472       77.6    150  757
#   left channel           1472       74.6    150  757
#   right channel         -8100       74.6    150  757
#   opposite signs         1472       77.6    150  nan
# What to do: choose a channel, or convert_to_mono(), before every analysis.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet praat-parselmouth==0.4.7 numpy==2.4.6
cd "$work"
venv/bin/python -W ignore - <<'PY'
import numpy as np
import parselmouth

rate = 16000
time = np.arange(2 * rate) / rate
voice = sum(np.sin(2 * np.pi * 150 * k * time) / k for k in range(1, 20))
voice = 0.3 * voice / np.abs(voice).max()
voice = voice + 0.01 * np.random.default_rng(0).standard_normal(len(time))
silence = np.zeros_like(voice)
print("                  first MFCC  intensity  pitch   F1")


def analyse(name, *channels):
    sound = parselmouth.Sound(np.stack(channels), rate)
    mfcc = sound.to_mfcc().to_array()[0].mean()
    pitch = sound.to_pitch().selected_array["frequency"]
    pitch = pitch[pitch > 0].mean()
    formants = sound.to_formant_burg()
    first = np.mean([formants.get_value_at_time(1, second) for second in np.arange(0.5, 1.5, 0.1)])
    print(f"{name:<16}  {mfcc:10.0f}  {sound.get_intensity():9.1f}  {pitch:5.0f}  {first:3.0f}")
    return mfcc, pitch, first


mono = analyse("mono", voice)
left = analyse("left channel", voice, silence)
right = analyse("right channel", silence, voice)
opposite = analyse("opposite signs", voice, -voice)
assert np.allclose(left, mono, rtol=1e-3), "the left channel alone is another voice"
assert right[0] < mono[0] - 1000, "MFCCs take more than the first channel now"
assert np.allclose(right[1:], mono[1:], rtol=1e-3), "pitch or formants have changed"
assert np.isnan(opposite[2]) and abs(opposite[1] - mono[1]) < 1, "formants no longer need the mix"
PY
