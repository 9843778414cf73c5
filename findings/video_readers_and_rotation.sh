#!/usr/bin/env bash
# Packages: av 18.1.0, imageio 2.38.1, imageio-ffmpeg 0.8.1, opencv-python-headless 5.0.0.93,
#   numpy 2.4.6.
# Expected: all readers show a clip that a phone recorded upright in the same orientation; at least one
#   function of one library does (imageio.v3.imread).
# Behaviour: OpenCV and imageio's FFMPEG plugin apply the rotation of the container's display matrix;
#   PyAV and imageio's pyav plugin (its default for video if av is installed) ignore it, so that faces
#   lie on their side: face detectors miss them or give other landmarks. PyAV tells the angle in
#   frame.rotation; image.rotate(frame.rotation, expand=True) is right, the negative angle is upside down.
# Output seen (a landscape clip with a display matrix of 90 degrees, white at the top left as stored):
#   opencv          240 x 320, white at the bottom left
#   imageio FFMPEG  240 x 320, white at the bottom left
#   av              320 x 240, white at the top left, frame.rotation 90
#   imageio pyav    320 x 240, white at the top left
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet av==18.1.0 imageio==2.38.1 imageio-ffmpeg==0.8.1 \
  opencv-python-headless==5.0.0.93 numpy==2.4.6
cd "$work"
venv/bin/python - 2>/dev/null <<'PY'
import subprocess

import av
import cv2
import imageio.v3
import imageio_ffmpeg

ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error"]
source = ["-f", "lavfi", "-i", "color=black:s=320x240:r=25:d=1"]
paint = ["-vf", "drawbox=0:0:160:120:white:fill", "-c:v", "libx264", "-pix_fmt", "yuv420p"]
subprocess.run([*ffmpeg, *source, *paint, "stored.mp4"], check=True)
turn = ["-display_rotation", "90", "-i", "stored.mp4", "-c", "copy", "phone.mp4"]
subprocess.run([*ffmpeg, *turn], check=True)


def place(name, image, note=""):
    rows, columns = image.shape[:2]
    vertical = "top" if image[: rows // 2].mean() > image[rows // 2 :].mean() else "bottom"
    left = image[:, : columns // 2].mean() > image[:, columns // 2 :].mean()
    white = f"{vertical} {'left' if left else 'right'}"
    print(f"{name:<14}  {columns} x {rows}, white at the {white}{note}")
    return columns, rows, white


_, image = cv2.VideoCapture("phone.mp4").read()
opencv = place("opencv", image)
plugin = place("imageio FFMPEG", imageio.v3.imread("phone.mp4", plugin="FFMPEG", index=3))
with av.open("phone.mp4") as media:
    frame = next(media.decode(video=0))
    pyav = place("av", frame.to_ndarray(format="rgb24"), f", frame.rotation {frame.rotation}")
    angle = frame.rotation
other = place("imageio pyav", imageio.v3.imread("phone.mp4", plugin="pyav", index=3))
assert opencv == plugin == (240, 320, "bottom left"), "OpenCV or FFMPEG no longer rotate"
assert pyav == other == (320, 240, "top left"), "PyAV now applies the rotation"
assert angle == 90, "frame.rotation has changed"
PY
