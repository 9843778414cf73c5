#!/usr/bin/env bash
# Packages: moviepy 2.2.1, imageio-ffmpeg 0.8.1 (both the newest, as `pip install moviepy` gives them),
#   imageio-ffmpeg 0.6.0 for comparison, numpy 2.4.6.
# Expected: a clip that a phone recorded upright is read upright in its own proportions.
# Behaviour: moviepy finds the rotation by looking for "displaymatrix" in the text that ffmpeg prints.
#   The FFmpeg 9 of imageio-ffmpeg 0.8.1 prints "Display Matrix", which it does not recognise: it takes
#   the stored size and has ffmpeg, which does rotate, scale the upright picture to that size. A 9:16
#   clip comes out 16:9, with faces 3.2 times as wide as they are. No warning.
# Output seen (320 x 240 as stored, to be shown as 240 x 320; a square of 80 pixels painted into it):
#   imageio-ffmpeg 0.6.0: 240 x 320, the square is 80 x 80
#   imageio-ffmpeg 0.8.1: 320 x 240, the square is 107 x 60
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet moviepy==2.2.1 imageio-ffmpeg==0.6.0 numpy==2.4.6
cd "$work"
cat > read.py <<'PY'
import sys

import imageio_ffmpeg
from moviepy import VideoFileClip

with VideoFileClip("phone.mp4", audio=False) as clip:
    white = clip.get_frame(0.5)[..., 0] > 128
rows, columns = white.shape
size = f"{int(white.any(0).sum())} x {int(white.any(1).sum())}"
print(f"imageio-ffmpeg {imageio_ffmpeg.__version__}: {columns} x {rows}, the square is {size}")
sys.exit((columns, rows) != tuple(map(int, sys.argv[1:])))
PY
ffmpeg="$(venv/bin/python -c 'import imageio_ffmpeg; print(imageio_ffmpeg.get_ffmpeg_exe())')"
"$ffmpeg" -y -loglevel error -f lavfi -i color=black:s=320x240:r=25:d=1 \
  -vf drawbox=100:60:80:80:white:fill -c:v libx264 -pix_fmt yuv420p stored.mp4
"$ffmpeg" -y -loglevel error -display_rotation 90 -i stored.mp4 -c copy phone.mp4
venv/bin/python read.py 240 320 || { echo "changed with imageio-ffmpeg 0.6.0"; exit 1; }
venv/bin/pip install --quiet imageio-ffmpeg==0.8.1
venv/bin/python read.py 320 240 || { echo "the proportions are right now"; exit 1; }
