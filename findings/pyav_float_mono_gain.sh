#!/usr/bin/env bash
# Packages: av 18.1.0 (FFmpeg inside), numpy 2.4.6.
# Expected: the mono mix of a recording with two equal channels is that channel, in every sample format.
# Behaviour: libswresample normalises the weights of its mix (0.7071 for each channel) only where the
#   output is an integer format. In float formats mono is 0.7071 * (left + right): 1.414 times too loud
#   for equal channels, beyond 1.0 for a loud recording; a mono file is left alone. Features that depend
#   on level then tell stereo recordings from mono ones. In s16 the mix is the mean.
#   The same for `ffmpeg -ac 1 -c:a pcm_f32le`.
# Output seen:
#   source          fltp    s16
#   stereo, L = R   1.2727  0.9000
#   left only       0.6364  0.4500
#   mono            0.9000  0.9000
# What to do: resample to s16 and divide by 32768, or keep the channels and take their mean.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet av==18.1.0 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PY'
import wave

import av
import numpy as np

rate = 16000
sine = 0.9 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
sources = {
    "stereo, L = R": np.stack([sine, sine], 1),
    "left only": np.stack([sine, 0 * sine], 1),
    "mono": sine[:, None],
}


def peak(path, form):
    parts = []
    with av.open(path) as media:
        resampler = av.AudioResampler(format=form, layout="mono", rate=rate)
        for frame in [*media.decode(audio=0), None]:
            parts += [part.to_ndarray().ravel() for part in resampler.resample(frame)]
    scale = 32768 if form == "s16" else 1
    return np.abs(np.concatenate(parts) / scale).max()


peaks = {}
print("source          fltp    s16")
for name, samples in sources.items():
    with wave.open("clip.wav", "wb") as file:
        file.setnchannels(samples.shape[1]), file.setsampwidth(2), file.setframerate(rate)
        file.writeframes((samples * 32767).round().astype("<i2").tobytes())
    peaks[name] = [peak("clip.wav", form) for form in ("fltp", "s16")]
    print(f"{name:<14}  {peaks[name][0]:.4f}  {peaks[name][1]:.4f}")
expected = {"stereo, L = R": (1.2728, 0.9), "left only": (0.6364, 0.45), "mono": (0.9, 0.9)}
for name, values in expected.items():
    assert np.allclose(peaks[name], values, atol=2e-3), f"{name}: the gain has changed"
PY
