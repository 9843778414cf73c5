#!/usr/bin/env bash
# Packages: webrtcvad-wheels 2.0.14.post1 (the webrtcvad of WebRTC, with wheels), numpy 2.4.6.
# Expected: a detector of speech tells it from a steady tone or hiss, at the latest with the highest
#   aggressiveness, 3 ("how aggressive it is about filtering out non-speech").
# Behaviour: it tells level from background more than speech from sound. A clip that is nothing but a tone
#   or loud white noise is speech in every frame, with aggressiveness 0 as with 3. What trims by it
#   (Resemblyzer's preprocess_wav, recipes that drop clips without voice) keeps hum, music and hiss.
# Output seen (share of frames called speech, five seconds each):
#   aggressiveness        0     1     2     3
#   tone of 440 Hz     1.00  1.00  1.00  1.00
#   noise, -20 dBFS    1.00  1.00  1.00  1.00
#   noise, -60 dBFS    0.02  0.02  0.02  0.02
# What to do: use it on recordings known to hold speech; else a trained detector.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet webrtcvad-wheels==2.0.14.post1 numpy==2.4.6
cd "$work"
venv/bin/python -W ignore - <<'PY'
import numpy as np
import webrtcvad

rate, frame = 16000, 480
time = np.arange(5 * rate) / rate
noise = np.random.default_rng(0).standard_normal(len(time))
sounds = {
    "tone of 440 Hz": 0.3 * np.sin(2 * np.pi * 440 * time),
    "noise, -20 dBFS": 0.1 * noise,
    "noise, -60 dBFS": 0.001 * noise,
}
print("aggressiveness        0     1     2     3")
shares = {}
for name, sound in sounds.items():
    samples = (32767 * sound).astype("<i2")
    frames = [samples[at : at + frame].tobytes() for at in range(0, len(samples) - frame + 1, frame)]
    shares[name] = []
    for aggressiveness in range(4):
        detector = webrtcvad.Vad(aggressiveness)
        shares[name].append(np.mean([detector.is_speech(part, rate) for part in frames]))
    print(f"{name:<16}", "".join(f"  {share:.2f}" for share in shares[name]))
assert min(shares["tone of 440 Hz"]) > 0.9, "a tone is no longer speech"
assert min(shares["noise, -20 dBFS"]) > 0.9, "noise is no longer speech"
assert max(shares["noise, -60 dBFS"]) < 0.2, "quiet noise is speech now"
PY
