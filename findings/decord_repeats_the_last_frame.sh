#!/usr/bin/env bash
# Packages: decord 0.6.0, av 18.1.0, imageio-ffmpeg 0.8.1, numpy 2.4.6.
# Expected: decord's VideoReader has as many frames as the clip shows, or fails.
# Behaviour: its length is the number of packets in the file. A clip that was cut without encoding
#   (ffmpeg -ss ... -c copy, phone and editing programs) hides the frames before the cut by an edit list,
#   which decoding obeys. The indices at the end then give the last frame again and again. There is no error,
#   and a message on stderr only where more than a quarter of the frames are such copies. Sampling N frames
#   over the clip, as most video encoders do, weights its end.
# Output seen (50 frames, cut after 0.2 s; every frame is brighter than the one before):
#   av      45 frames, 45 different
#   decord  50 frames, 45 different, the last one 6 times
# What to do: count and read frames with PyAV, or encode again when cutting.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet decord==0.6.0 av==18.1.0 imageio-ffmpeg==0.8.1 numpy==2.4.6
cd "$work"
venv/bin/python -W ignore - <<'PY'
import subprocess

import av
import decord
import imageio_ffmpeg

ffmpeg = [imageio_ffmpeg.get_ffmpeg_exe(), "-y", "-loglevel", "error"]
source = ["-f", "lavfi", "-i", "color=black:s=64x64:r=25:d=2", "-vf", "geq=lum='30+4*N':cb=128:cr=128"]
encoder = ["-c:v", "libx264", "-qp", "0", "-pix_fmt", "yuv420p"]
subprocess.run([*ffmpeg, *source, *encoder, "whole.mp4"], check=True)
subprocess.run([*ffmpeg, "-ss", "0.2", "-i", "whole.mp4", "-c", "copy", "cut.mp4"], check=True)
with av.open("cut.mp4") as clip:
    shown = [int(frame.to_ndarray(format="rgb24")[32, 32, 0]) for frame in clip.decode(video=0)]
reader = decord.VideoReader("cut.mp4")
read = [int(reader[index].asnumpy()[32, 32, 0]) for index in range(len(reader))]
print(f"av      {len(shown)} frames, {len(set(shown))} different")
print(
    f"decord  {len(read)} frames, {len(set(read))} different, the last one {read.count(read[-1])} times"
)
assert len(shown) == len(set(shown)) < 48, "the edit list is not obeyed"
assert len(read) == 50 and read.count(shown[-1]) > 3, "the last frame is no longer repeated"
PY
