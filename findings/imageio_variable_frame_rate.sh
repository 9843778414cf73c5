#!/usr/bin/env bash
# Packages: imageio 2.38.1, imageio-ffmpeg 0.8.1, av 18.1.0, opencv-python-headless 5.0.0.93, numpy 2.4.6.
# Expected: a clip has as many frames as it has, whatever reads it.
# Behaviour: imageio's FFMPEG plugin lets ffmpeg convert a clip with a variable frame rate (phones, screen
#   and video-call recordings) to a constant one: frames are repeated and dropped without a word, so
#   that statistics over frames weight them differently and indices no longer match a table of frames
#   made by OpenCV or PyAV. The pyav plugin of the same library gives the frames as stored.
# Output seen (40 frames: 30 of 40 ms, then 10 of 80 ms):
#   opencv          40 frames, 40 different
#   imageio pyav    40 frames, 40 different
#   imageio FFMPEG  49 frames, 40 different
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet imageio==2.38.1 imageio-ffmpeg==0.8.1 av==18.1.0 \
  opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$work"
venv/bin/python - <<'PY'
import subprocess

import cv2
import imageio.v3
import imageio_ffmpeg

# Every frame is one grey level brighter than the one before.
grey = "geq=lum='30+4*N':cb=128:cr=128,select='lt(n,30)+gte(n,30)*not(mod(n,2))'"
subprocess.run(
    [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error", "-f", "lavfi"]
    + ["-i", "color=black:s=64x64:r=25:d=2", "-vf", grey, "-fps_mode", "vfr"]
    + ["-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p", "clip.mp4"],
    check=True,
)
counts = {}


def count(name, frames):
    levels = [int(frame[32, 32, 0]) for frame in frames]
    counts[name] = (len(levels), len(set(levels)))
    print(f"{name:<14}  {len(levels)} frames, {len(set(levels))} different")


def opencv():
    capture = cv2.VideoCapture("clip.mp4")
    while (read := capture.read())[0]:
        yield read[1]


count("opencv", opencv())
count("imageio pyav", imageio.v3.imread("clip.mp4", plugin="pyav"))
count("imageio FFMPEG", imageio.v3.imread("clip.mp4", plugin="FFMPEG"))
assert counts["opencv"] == counts["imageio pyav"] == (40, 40), "OpenCV or PyAV have changed"
assert counts["imageio FFMPEG"][0] > 45, "the FFMPEG plugin no longer repeats frames"
PY
