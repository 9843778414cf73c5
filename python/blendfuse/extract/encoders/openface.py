"""OpenFace 2, a program that writes tables, which `blendfuse openface` reads; and OpenFace 3's models."""

from __future__ import annotations

import io
import warnings
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import WRONG_WEIGHTS, ExtractError, MissingPackage, need
from ..media import Picture, Pixels
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions

INSTALL = "--no-deps openface-test==0.1.26 && pip install opencv-python-headless timm torchvision"
DETECTOR, MODEL = "Alignment_RetinaFace.pth", "MTL_backbone.pth"
# Action units, gaze and emotions.
VALUES = 8 + 2 + 8
# What the detector takes from the bytes of a pixel, blue first.
DETECTOR_MEAN = (104, 117, 123)


def create(spec: EncoderSpec, options: LoadOptions) -> Encoder:
    """The encoder of a row of the table."""
    return {"openface2": OpenFace2, "openface3": OpenFace3}[spec.name](spec, options)


class OpenFace2(Encoder):
    """Refuses with the commands that make the features."""

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        raise MissingPackage(
            "run OpenFace's `FeatureExtraction -f CLIP -out_dir processed -aus -gaze -pose -2Dfp`, then "
            "`blendfuse openface processed --out DATA/features/openface2.npz --groups challenge`"
        )


class OpenFace3(Encoder):
    """Eight action units, gaze (yaw, pitch) and eight logits of emotions, of the likeliest face of each picture
    that OpenFace 3's own detector finds; no row without one.

    Its command for videos cannot run, but the classes behind it do.
    """

    window: ClassVar[int] = 1

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        faces: Any = need("openface.face_detection", INSTALL)
        tasks: Any = need("openface.multitask_model", INSTALL)
        # It would load the weights that its training began with, from the current folder.
        faces.cfg_mnet["pretrain"] = False
        folder = self._folder()
        self.source = str(folder if spec.name in options.weights else spec.source)
        try:
            # They tell what they do, and timm that it renamed their model.
            with redirect_stdout(io.StringIO()), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._detector = faces.FaceDetector(str(folder / DETECTOR), device=options.device)
                self._model = tasks.MultitaskPredictor(str(folder / MODEL), device=options.device)
            self._check_detector(folder / DETECTOR)
        except WRONG_WEIGHTS as error:
            reason = " ".join(str(error).split())[:300]
            raise ExtractError(f"{spec.name}: {folder} holds no weights of OpenFace 3: {reason}") from error
        # Its own reads a file.
        self._detector.preprocess_image = self._picture

    def _folder(self) -> Path:
        """The folder of the weights: the user's, or the hub's."""
        name, options = self.spec.name, self.options
        if name in options.weights:
            return options.weights[name]
        hub: Any = need("huggingface_hub", "huggingface_hub")
        try:
            folder = hub.snapshot_download(
                self.spec.source, allow_patterns=[DETECTOR, MODEL], local_files_only=options.offline
            )
        except WRONG_WEIGHTS as error:
            reason = f"cannot be loaded: {' '.join(str(error).split())[:300]}"
            if options.offline:
                reason = "is not in the cache of this machine; leave --offline out"
            raise ExtractError(
                f"{name}: {self.spec.source} {reason}, or name a folder with --weights {name}=DIR"
            ) from error
        # The hub's cache names a folder by its revision.
        self.revision = Path(folder).name
        return Path(folder)

    def _check_detector(self, path: Path) -> None:
        """Its own loader takes any file that has one array in common with the model."""
        held = self._torch.load(path, map_location="cpu", weights_only=True)
        keys = {key.split("module.", 1)[-1] for key in held.get("state_dict", held)}
        lacking = [key for key in self._detector.model.state_dict() if key not in keys]
        if lacking := [key for key in lacking if not key.endswith("num_batches_tracked")]:
            raise ExtractError(
                f"{self.spec.name}: {path} lacks {lacking[0]!r} and {len(lacking) - 1} more arrays of its model"
            )

    def _picture(self, blue_first: Pixels, resize: float = 1.0) -> tuple[Any, Pixels]:
        """What `FaceDetector` makes of a file: its network's input `[1, 3, H, W]`, and the pixels."""
        pixels = blue_first.astype(np.float32) - np.array(DETECTOR_MEAN, np.float32)
        return self._torch.from_numpy(pixels.transpose(2, 0, 1)[None]).to(self.options.device), blue_first

    def encode_pictures(self, batch: Sequence[Sequence[Picture]]) -> list[Frames]:
        rows = [row for (picture,) in batch if (row := self._row(picture)) is not None]
        return [np.array(rows, np.float32).reshape(len(rows), VALUES)]

    def _row(self, picture: Picture) -> NDArray[np.float32] | None:
        pixels = np.ascontiguousarray(picture.pixels[:, :, ::-1])
        found, _ = self._detector.detect_faces(pixels)
        if len(found) == 0 or found[0][4] < self._detector.vis_threshold:
            return None
        # A corner outside of the picture would count from its other side.
        left, top, right, bottom = (max(0, int(side)) for side in found[0][:4])
        face = pixels[top:bottom, left:right]
        if face.size == 0:
            return None
        emotion, gaze, units = self._model.predict(face)
        return np.concatenate([part[0].float().cpu().numpy() for part in (units, gaze, emotion)])
