#!/usr/bin/env bash
# Packages: pydub 0.25.1 (with audioop-lts 0.2.2, which Python 3.13 needs), moviepy 2.2.1,
#   imageio-ffmpeg 0.8.1, soundfile 0.14.0, numpy 2.4.6.
# Expected: converting sound to the 16 kHz that speech models want removes what lies above 8 kHz.
# Behaviour: pydub's set_frame_rate interpolates between samples and moviepy's write_audiofile(fps=...)
#   picks the nearest ones, both without a low-pass filter. Sound above 8 kHz (s and f, breath, noise of a
#   camera) is folded to below 8 kHz, where speech is, at nearly full level. ffmpeg itself, which both
#   programs call for decoding, removes it when it is asked for the rate.
# Output seen (a tone of 10,000 Hz and amplitude 0.5, 44.1 kHz to 16 kHz):
#   pydub     0.421 at 6000 Hz
#   moviepy   0.326 at 6000 Hz
#   ffmpeg    0.000
# What to do: ffmpeg -ar 16000, PyAV's AudioResampler, soxr or librosa.resample.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet pydub==0.25.1 'audioop-lts==0.2.2; python_version>="3.13"' \
  moviepy==2.2.1 imageio-ffmpeg==0.8.1 soundfile==0.14.0 numpy==2.4.6
cd "$work"
venv/bin/python -W ignore - <<'PY'
import subprocess

import imageio_ffmpeg
import numpy as np
import soundfile
from moviepy import AudioFileClip
from pydub import AudioSegment

time = np.arange(2 * 44100) / 44100
soundfile.write("tone.wav", 0.5 * np.sin(2 * np.pi * 10000 * time), 44100)


def strongest(name, path):
    sound, rate = soundfile.read(path)
    assert rate == 16000
    sound = sound[:, 0] if sound.ndim == 2 else sound
    middle = sound[len(sound) // 4 : 3 * len(sound) // 4]
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle)))) / (len(middle) / 4)
    peak = spectrum.argmax()
    where = f" at {peak * rate / len(middle):.0f} Hz" if spectrum[peak] > 0.0005 else ""
    print(f"{name:<8}  {spectrum[peak]:.3f}{where}")
    return spectrum[peak]


AudioSegment.from_wav("tone.wav").set_frame_rate(16000).export("pydub.wav", format="wav")
AudioFileClip("tone.wav").write_audiofile("moviepy.wav", fps=16000, logger=None)
command = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-i", "tone.wav"]
subprocess.run([*command, "-ar", "16000", "ffmpeg.wav"], check=True)
pydub, moviepy = strongest("pydub", "pydub.wav"), strongest("moviepy", "moviepy.wav")
assert strongest("ffmpeg", "ffmpeg.wav") < 0.001, "the reference does not filter"
assert pydub > 0.1 and moviepy > 0.1, "the tone is filtered out now"
PY
