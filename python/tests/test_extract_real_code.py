"""Encoders whose code is a repository, with the real code: that of a clone which an environment variable names.

The models have random weights, saved as the repository saves them. Frames are compared with a direct call of the
repository's model on inputs that its own data loaders make.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from blendfuse.extract import making
from blendfuse.extract import session as sessions
from blendfuse.extract.clips import find_clips
from blendfuse.extract.encoders import LoadOptions, load
from blendfuse.extract.errors import ExtractError, MissingPackage
from blendfuse.extract.face_finder import crop
from blendfuse.extract.media import Picture, pictures, sounds
from blendfuse.extract.registry import EncoderSpec, find
from blendfuse.extract.session import Session, Settings
from made_clips import write_clip
from numpy.typing import NDArray
from rare_checkpoints import videomaev2_checkpoint
from tiny_encoders import FaceEverywhere

pytest.importorskip("av", reason="no av")
torch: Any = pytest.importorskip("torch", reason="no torch")

# Pictures of the clips, 25 a second: two windows of HiCMAE and the beginning of a third, and less than one.
LENGTHS = (140, 28)


def clone(name: str, variable: str) -> tuple[EncoderSpec, Path]:
    """The row of the table and the user's clone of its code, or a skip that says how to name one."""
    spec = find(name)
    assert spec is not None and spec.code is not None
    if variable not in os.environ:
        pytest.skip(f"{variable} names no clone of {spec.code['repository']} at {spec.code['revision']}")
    return spec, Path(os.environ[variable])


def loaded(spec: EncoderSpec, folder: Path, weights: Path) -> Any:
    try:
        return load(spec, LoadOptions(code={spec.name: folder}, weights={spec.name: weights}))
    except MissingPackage as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Clips with pictures, and noise at 16 kHz that gets louder."""
    folder = tmp_path_factory.mktemp("clips")
    made = []
    for length in LENGTHS:
        sound = np.random.default_rng(5).normal(0, 0.1, length * 640).astype(np.float32)
        sound *= np.linspace(0.5, 1.5, len(sound), dtype=np.float32)
        made.append(write_clip(folder / f"of{length}.mkv", length, sound=sound[None], rate=16000))
    return made


def frames_of(clip: Path, out: Path, encoder: Any) -> NDArray[np.float32]:
    settings = Settings(out / "data", keep_frames=out / "frames")
    report = Session(find_clips([clip], False, None), [encoder], settings).run(lambda clip: None)
    assert not any(report.failed.values()) and not any(report.missing.values()), report
    rows: NDArray[np.float32] = np.load(out / "frames" / encoder.spec.name / f"{clip.stem}.npy")
    return rows


class Reader:
    """Pictures as decord's reader gives them, 25 a second."""

    def __init__(self, faces: list[Picture]) -> None:
        self._faces = faces

    def get_batch(self, numbers: list[int]) -> Any:
        """The pictures of these numbers."""
        found = np.stack([self._faces[number].pixels for number in numbers])
        return SimpleNamespace(asnumpy=lambda: found)

    def get_frame_timestamp(self, number: int) -> tuple[float, float]:
        """When a picture begins and ends."""
        return number / 25, (number + 1) / 25


class OfHicmae:
    """The repository's models and data loaders."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.syspath_prepend(str(folder))
        # Its loaders import these, and use none of them here.
        for name in ("decord", "cv2", "numpy.lib.function_base"):
            stub: Any = ModuleType(name)
            stub.VideoReader, stub.cpu, stub.disp = object, None, None
            monkeypatch.setitem(sys.modules, name, stub)
        for name in ("torchaudio", "torchvision", "timm", "einops"):
            pytest.importorskip(name, reason=f"no {name}")
        self.pretraining: Any = __import__("modeling_pretrain_av")
        self.model: Any = __import__("modeling_finetune_av")
        self.data: Any = __import__("kinetics_av")
        self._monkeypatch = monkeypatch

    def checkpoint(self, file: Path) -> Path:
        """What its pretraining saves, with random weights."""
        torch.manual_seed(1)
        model = self.pretraining.pretrain_hicmae_dim512_patch16_160_a256(
            encoder_depth=10, decoder_depth=4, encoder_depth_audio=10, decoder_depth_audio=4, encoder_fusion_depth=2
        )  # fmt: skip
        for weights in model.parameters():
            # Its biases are zeros, and what is added to zero is not seen.
            weights.data += 0.02 * torch.randn_like(weights)
        optimizer = torch.optim.AdamW([model.mask_token])
        args = argparse.Namespace(lr=3e-4, window_size=(8, 10, 10), audio_conf={"num_mel_bins": 128})
        held = {"model": model.state_dict(), "optimizer": optimizer.state_dict(), "epoch": 99, "args": args}
        torch.save(held, file)
        return file

    def rows(self, clip: Path, checkpoint: Path) -> NDArray[np.float32]:
        """The features of a clip: windows as in its pretraining, each from where the last one ended."""
        model = self.model.avit_dim512_patch16_160_a256(
            num_classes=0, all_frames=16, tubelet_size=2, init_scale=0.001, attn_type="joint", depth=10,
            depth_audio=10, fusion_depth=2, use_mean_pooling=True,
        ).eval()  # fmt: skip
        model.load_state_dict(torch.load(checkpoint, weights_only=False)["model"], strict=False)
        data = self.data.VideoMAE(
            None, "none", new_length=16, new_step=4, lazy_init=True,
            audio_conf={"num_mel_bins": 128, "mean": -4.2677393, "std": 4.5689974, "target_length": 256},
        )  # fmt: skip
        # Without its random loudness, which is an augmentation.
        data.roll_mag_aug, data._roll_mag_aug = True, torch.Tensor
        found = FaceEverywhere("cpu").find(list(pictures(clip)))
        reader = Reader([crop(picture) for picture in found])
        samples = torch.from_numpy(sounds(clip, [16000])[16000].samples)[None]
        self._monkeypatch.setattr(
            "torchaudio.load",
            lambda path, frame_offset, num_frames: (samples[:, frame_offset:][:, :num_frames], 16000),
        )
        rows = []
        for begin in range(0, max(1, len(found) - 63), 64):
            seen, (first, last) = data._video_TSN_decord_batch_loader(
                "", reader, len(found), [begin + 1], np.zeros(16, int)
            )
            heard = data._audio_decord_batch_loader("", reader, first, last)
            with torch.inference_mode():
                rows.append(model(self._pixels(seen)[None], heard[None])[0].numpy())
        return np.stack(rows)

    def _pixels(self, seen: list[Any]) -> Any:
        """The steps of its fine-tuning's test, for faces of any size."""
        steps, volumes = __import__("video_transforms"), __import__("volume_transforms")
        transform = steps.Compose(
            [
                steps.Resize(size=(160, 160), interpolation="bilinear"),
                volumes.ClipToTensor(),
                steps.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
            ]
        )
        return transform(seen)


def test_hicmae(clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (sessions, making):
        monkeypatch.setattr(module, "FaceFinder", FaceEverywhere)
    spec, folder = clone("hicmae", "BLENDFUSE_TEST_HICMAE")
    real = OfHicmae(folder, monkeypatch)
    weights = real.checkpoint(tmp_path / "checkpoint-99.pth")
    encoder = loaded(spec, folder, weights)
    for clip, count in zip(clips, (2, 1)):
        found = frames_of(clip, tmp_path / clip.stem, encoder)
        assert found.shape == (count, 2048)
        np.testing.assert_allclose(found, real.rows(clip, weights), rtol=0, atol=1e-4)
    held = torch.load(weights, weights_only=False)
    del held["model"]["encoder.blocks.3.norm1.weight"]
    torch.save(held, weights)
    with pytest.raises(ExtractError, match=r"lacks 'encoder.blocks.3.norm1.weight' and 0 more"):
        loaded(spec, folder, weights)


def test_videomae_v2_of_the_challenge(
    clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the repository's small model in place of the giant one."""
    spec, folder = clone("videomaev2_k710", "BLENDFUSE_TEST_VIDEOMAEV2")
    spec = replace(spec, model_class="vit_small_patch16_224")
    monkeypatch.syspath_prepend(str(folder))
    pytest.importorskip("timm", reason="no timm")
    create: Callable[..., Any] = __import__("models.modeling_finetune", fromlist=["x"]).vit_small_patch16_224
    settings = {"num_classes": 710, "all_frames": 16, "tubelet_size": 2, "use_mean_pooling": True}
    torch.manual_seed(1)
    model = create(img_size=224, drop_path_rate=0.3, init_scale=0.001, **settings).eval()
    for weights in model.parameters():
        weights.data += 0.02 * torch.randn_like(weights)
    torch.save({"module": model.state_dict()}, tmp_path / "k710.pth")
    encoder = loaded(spec, folder, tmp_path / "k710.pth")
    # The transforms of its extract_tad_feature.py, with the pixels of OpenCV, as in the challenge's script.
    seen = np.stack([picture.pixels[:, :, ::-1] for picture in pictures(clips[1])])[:16]
    pixels = torch.from_numpy(seen.copy()).permute(3, 0, 1, 2).float() / 255
    squares = torch.nn.functional.interpolate(
        pixels, size=(224, 224), scale_factor=None, mode="bilinear", align_corners=False
    )
    with torch.inference_mode():
        expected = model.forward_features(squares[None]).numpy()
    found = frames_of(clips[1], tmp_path, encoder)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_videomae_v2_of_the_hub(clips: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The repository's network as the code of a small checkpoint; that of the hub has it in a file of its own."""
    _, folder = clone("videomaev2_k710", "BLENDFUSE_TEST_VIDEOMAEV2")
    hf: Any = pytest.importorskip("transformers", reason="no transformers")
    network = (folder / "models" / "modeling_finetune.py").read_text(encoding="utf-8")
    checkpoint = videomaev2_checkpoint(tmp_path / "hub", network)
    spec = find("videomaev2")
    assert spec is not None
    try:
        encoder = load(spec, LoadOptions(weights={spec.name: checkpoint}, offline=True))
    except MissingPackage as error:
        pytest.skip(str(error))
    # Not by transformers, which would show no value that it loads wrongly.
    monkeypatch.syspath_prepend(str(folder))
    repository: Any = __import__("models.modeling_finetune", fromlist=["x"])
    sizes = hf.AutoConfig.from_pretrained(checkpoint, trust_remote_code=True).model_config
    model = repository.VisionTransformer(**sizes).eval()
    held = torch.load(checkpoint / "pytorch_model.bin")
    model.load_state_dict({key.removeprefix("model."): value for key, value in held.items()})
    processor = hf.VideoMAEImageProcessor.from_pretrained(checkpoint)
    seen = [picture.pixels for picture in pictures(clips[1])][:16]
    pixels = processor(seen, return_tensors="pt")["pixel_values"].permute(0, 2, 1, 3, 4)
    with torch.inference_mode():
        expected = model.forward_features(pixels).numpy()
    np.testing.assert_allclose(frames_of(clips[1], tmp_path, encoder), expected, rtol=0, atol=1e-5)
