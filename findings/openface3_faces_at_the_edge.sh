#!/usr/bin/env bash
# Packages: openface-test 0.1.26 (OpenFace 3.0), torch 2.15.0, torchvision 0.29.2, numpy 2.4.6, opencv-python-headless 5.0.0.
# Expected: get_face gives the part of the picture that is inside of the box of the detected face.
# Behaviour: the detector's boxes may begin outside of the picture, and get_face cuts the picture at their corners as they are: a
#   negative corner counts from the other side. A face at the left edge becomes a strip of the right side, without a
#   word, or an empty array, on which predict then fails.
# Output seen:
#   box from column 10 to 90: get_face gives columns 10 to 89
#   box from column -20 to 90: get_face gives columns 80 to 89
#   box from column -10 to 70: get_face gives no pixel
# What to do: take detect_faces, limit the box to the picture, and cut it out yourself.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 torchvision==0.29.2 numpy==2.4.6 opencv-python-headless==5.0.0.93
"$work/venv/bin/pip" install --quiet --no-deps openface-test==0.1.26
cd "$work"
venv/bin/python -W ignore - <<'PY'
import cv2
import numpy as np
import torch
from openface import face_detection

# A picture whose blue tells the column.
picture = np.zeros((100, 100, 3), np.uint8)
picture[..., 0] = np.arange(100)
cv2.imwrite("picture.png", picture)


def given(left, right):
    """get_face with a detector that finds one face, of a probability of 0.9, in the given columns."""
    detector = face_detection.FaceDetector.__new__(face_detection.FaceDetector)
    detector.vis_threshold = 0.5
    found = np.array([[left, 20, right, 80, 0.9]], np.float32)
    detector.detect_faces = lambda path, resize=1.0: (found, cv2.imread(path))
    face, _ = detector.get_face("picture.png")
    columns = face[0, :, 0] if face.size else face
    seen = f"columns {columns[0]} to {columns[-1]}" if len(columns) and face.size else "no pixel"
    print(f"box from column {left} to {right}: get_face gives {seen}")
    return seen


assert given(10, 90) == "columns 10 to 89"
assert given(-20, 90) == "columns 80 to 89", "a corner outside of the picture no longer counts from the other side"
assert given(-10, 70) == "no pixel", "a corner outside of the picture no longer counts from the other side"
PY
