"""Every encoder of the table that has code here, as small as it can be: its real classes with tiny random
checkpoints, or the weights of its package."""

from __future__ import annotations

import contextlib
import hashlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blendfuse.extract.encoders import Encoder, LoadOptions, load
from blendfuse.extract.errors import MissingPackage
from blendfuse.extract.media import Face, Picture
from blendfuse.extract.registry import EncoderSpec, find
from rare_checkpoints import (
    emotion2vec_checkpoint,
    imagebind_checkpoint,
    internvl_checkpoint,
    openface3_checkpoint,
    s3prl_checkpoint,
    videomaev2_checkpoint,
)
from tiny_checkpoints import clap_checkpoint, picture_checkpoint, speech_checkpoint

# Why no test runs the others' code.
NOT_RUN = {
    "openface2": "a program of its own",
    "video_swin_finetuned": "its checkpoint is private",
}

# Pixels of the small models of timm and open_clip.
PIXELS = 56

# A model with the call of the repository's: of each of its inputs, one value per channel.
STAND_IN = """
import torch

class Model(torch.nn.Module):
    def __init__(self, **settings):
        super().__init__()
        self.settings = settings
        self.mix = torch.nn.Linear(3, 8)
        self.fc_norm = torch.nn.LayerNorm(8)

    def forward(self, pictures, sound=None):
        mixed = self.mix(pictures.mean((2, 3, 4)))
        return self.fc_norm(mixed if sound is None else mixed + sound.mean((1, 2, 3))[:, None] * torch.arange(8.0))

    forward_features = forward

def NAME(**settings):
    return Model(**settings)
"""


def clone(name: str, folder: Path) -> tuple[EncoderSpec, LoadOptions]:
    """A stand-in for the clone of an encoder and its weights, and the row of the table for it."""
    torch: Any = pytest.importorskip("torch", reason="no torch")
    spec = find(name)
    assert spec is not None and spec.code is not None
    text = STAND_IN.replace("NAME", spec.model_class).encode()
    path = folder / "clone" / spec.code["file"]
    path.parent.mkdir(parents=True)
    path.write_bytes(text)
    spec = replace(spec, code={**spec.code, "sha256": hashlib.sha256(text).hexdigest()}, packages=())
    torch.manual_seed(4)
    held = {"mix.weight": torch.randn(8, 3), "mix.bias": torch.randn(8)}
    if name != "hicmae":
        held |= {"fc_norm.weight": torch.ones(8), "fc_norm.bias": torch.zeros(8)}
    torch.save({"module": held, "epoch": 3}, folder / "weights.pth")
    options = LoadOptions(weights={name: folder / "weights.pth"}, code={name: folder / "clone"})
    return spec, options


class FaceEverywhere:
    """A finder to which every picture is a face."""

    kind = "everywhere"

    def __init__(self, device: str) -> None:
        pass

    @staticmethod
    def versions() -> dict[str, str]:
        """Of no package."""
        return {}

    def find(self, pictures: Sequence[Picture]) -> list[Picture]:
        """The pictures, with the middle of each as the face."""
        return [replace(one, face=_middle(*one.pixels.shape[:2])) for one in pictures]


def _middle(height: int, width: int) -> Face:
    points = np.array([[0.4, 0.4], [0.6, 0.4], [0.5, 0.5], [0.42, 0.62], [0.58, 0.62]], np.float32)
    box = (0.2 * width, 0.2 * height, 0.8 * width, 0.8 * height)
    return Face(box, 1.0, points * np.array([width, height], np.float32))


def small_timm(monkeypatch: pytest.MonkeyPatch) -> Any:
    """timm, whose EVA models have one block and take few pixels from now on; `open_clip` makes them by it."""
    timm: Any = pytest.importorskip("timm", reason="no timm")
    create = timm.create_model

    def small(name: str, pretrained: bool = False, **settings: Any) -> Any:
        overlay = {**settings.pop("pretrained_cfg_overlay", {}), "input_size": (3, PIXELS, PIXELS)}
        settings |= {"depth": 1, "img_size": PIXELS, "pretrained_cfg_overlay": overlay}
        return create("eva02_tiny_patch14_224", pretrained=pretrained, **settings)

    monkeypatch.setattr(timm, "create_model", small)
    return timm


def _timm(spec: EncoderSpec, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    torch: Any = pytest.importorskip("torch", reason="no torch")
    timm = small_timm(monkeypatch)
    torch.manual_seed(2)
    torch.save(timm.create_model(spec.source, num_classes=0).state_dict(), folder / "timm.pth")
    return load(spec, LoadOptions(weights={spec.name: folder / "timm.pth"}))


def _open_clip(spec: EncoderSpec, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    torch: Any = pytest.importorskip("torch", reason="no torch")
    package: Any = pytest.importorskip("open_clip", reason="no open_clip")
    small_timm(monkeypatch)
    seen = {
        "image_size": PIXELS,
        "timm_model_name": "eva02_tiny_patch14_224",
        "timm_model_pretrained": False,
        "timm_pool": "token",
        "timm_proj": "linear",
    }
    text = {"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1}
    config = {"embed_dim": 24, "vision_cfg": seen, "text_cfg": text, "custom_text": True}
    (folder / "small-eva.json").write_text(json.dumps(config))
    package.add_model_config(folder / "small-eva.json")
    torch.manual_seed(2)
    torch.save(package.create_model("small-eva").state_dict(), folder / "small.pt")
    spec = replace(spec, source="small-eva:none")
    return load(spec, LoadOptions(weights={spec.name: folder / "small.pt"}))


def small_swin() -> Any:
    """A Video Swin of 32 features with random weights."""
    swin = pytest.importorskip("torchvision.models.video.swin_transformer", reason="no torchvision")
    return swin.SwinTransformer3d([2, 4, 4], 16, [1, 1], [2, 2], [4, 4, 4], num_classes=5)


def _video_swin(spec: EncoderSpec, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    torch: Any = pytest.importorskip("torch", reason="no torch")
    video: Any = pytest.importorskip("torchvision.models.video", reason="no torchvision")
    monkeypatch.setattr(video, "swin3d_b", lambda weights=None: small_swin())
    torch.manual_seed(2)
    torch.save(small_swin().state_dict(), folder / "swin.pth")
    return load(spec, LoadOptions(weights={spec.name: folder / "swin.pth"}))


def _clone(spec: EncoderSpec, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    if spec.name == "hicmae":
        pytest.importorskip("torchaudio", reason="no torchaudio")
    return load(*clone(spec.name, folder))


def _videomae(spec: EncoderSpec, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    if spec.code:
        return _clone(spec, folder, monkeypatch)
    weights = {spec.name: videomaev2_checkpoint(folder)}
    return load(spec, LoadOptions(weights=weights, offline=True))


def _imagebind(spec: EncoderSpec, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    file = imagebind_checkpoint(folder / "imagebind.pth", monkeypatch)
    return load(spec, LoadOptions(weights={spec.name: file}))


@contextlib.contextmanager
def one_thread() -> Iterator[None]:
    """torch with one thread: tiny models wait for more longer than they compute."""
    torch = sys.modules.get("torch")
    if torch is None:
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


Make = Callable[[EncoderSpec, Path, pytest.MonkeyPatch], Encoder]


def _from(checkpoint: Callable[[str, Path], Path]) -> Make:
    """From a folder of weights."""

    def make(spec: EncoderSpec, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Encoder:
        weights = {spec.name: checkpoint(spec.name, folder)}
        return load(spec, LoadOptions(weights=weights, offline=True))

    return make


MAKERS: dict[str, Make] = {
    "clap": _from(lambda name, folder: clap_checkpoint(folder)),
    "emotion2vec": _from(lambda name, folder: emotion2vec_checkpoint(folder)),
    "hicmae": _clone,
    "imagebind": _imagebind,
    "internvl": _from(lambda name, folder: internvl_checkpoint(folder)),
    "open_clip": _open_clip,
    "openface": _from(lambda name, folder: openface3_checkpoint(folder)),
    "s3prl": _from(lambda name, folder: s3prl_checkpoint(folder / "hubert.pt")),
    "speech": _from(speech_checkpoint),
    "timm": _timm,
    "torchvision_video": _video_swin,
    "transformers_image": _from(picture_checkpoint),
    "videomae": _videomae,
}


def tiny(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Encoder:
    """The encoder of a name, or a skip that says what is not installed."""
    spec = find(name)
    assert spec is not None and name not in NOT_RUN
    folder.mkdir(exist_ok=True)
    try:
        if spec.family in MAKERS:
            return MAKERS[spec.family](spec, folder, monkeypatch)
        return load(spec, LoadOptions(offline=True))
    except MissingPackage as error:
        pytest.skip(str(error))
