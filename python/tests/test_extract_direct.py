"""Frames of a request equal those of a direct call of each library on the clip as PyAV decodes it."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from blendfuse.extract import making
from blendfuse.extract import session as sessions
from blendfuse.extract.clips import find_clips
from blendfuse.extract.encoders import Encoder
from blendfuse.extract.encoders.faces import Fer
from blendfuse.extract.encoders.packaged import package_file
from blendfuse.extract.media import Picture
from blendfuse.extract.session import Session, Settings
from made_clips import write_clip
from numpy.typing import NDArray
from tiny_encoders import PIXELS, FaceEverywhere, one_thread, small_swin, tiny

av: Any = pytest.importorskip("av", reason="no av")

Frames = NDArray[np.float32]


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """1.6 s of 40 pictures and of noise at 16 kHz, in which nothing is resampled."""
    noise = np.random.default_rng(5).normal(0, 0.1, (1, 25600)).astype(np.float32)
    return write_clip(tmp_path_factory.mktemp("direct") / "clip.mkv", 40, sound=noise, rate=16000)


def images(clip: Path) -> list[Any]:
    """Its pictures for PIL."""
    pytest.importorskip("PIL", reason="no pillow")
    with av.open(str(clip)) as media:
        return [frame.to_image() for frame in media.decode(video=0)]


def samples(clip: Path) -> Frames:
    """Its sound, which is stored in 16-bit steps."""
    with av.open(str(clip)) as media:
        steps = np.concatenate([frame.to_ndarray()[0] for frame in media.decode(audio=0)])
    return steps.astype(np.float32) / np.float32(32768)


def inference(call: Callable[[], Any]) -> Frames:
    torch: Any = pytest.importorskip("torch", reason="no torch")
    with torch.inference_mode():
        frames: Frames = call().float().numpy()
    return frames


def of_transformers(folder: Path, clip: Path, model: str) -> Frames:
    hf: Any = pytest.importorskip("transformers", reason="no transformers")
    torch: Any = pytest.importorskip("torch", reason="no torch")
    processor = hf.AutoImageProcessor.from_pretrained(folder)
    loaded = getattr(hf, model).from_pretrained(folder, dtype=torch.float32).eval()
    inputs = processor(images=images(clip), return_tensors="pt")
    if model in ("CLIPModel", "SiglipModel"):
        return inference(lambda: pooled(loaded.get_image_features(**inputs)))
    return inference(lambda: loaded(**inputs).last_hidden_state[:, 0])


def pooled(out: Any) -> Any:
    return getattr(out, "pooler_output", out)


def of_speech(folder: Path, clip: Path, model: str) -> Frames:
    hf: Any = pytest.importorskip("transformers", reason="no transformers")
    torch: Any = pytest.importorskip("torch", reason="no torch")
    extractor = hf.AutoFeatureExtractor.from_pretrained(folder)
    loaded = getattr(hf, model).from_pretrained(folder, dtype=torch.float32).eval()
    inputs = extractor(samples(clip), sampling_rate=16000, return_tensors="pt")
    if model == "WhisperModel":
        return inference(lambda: loaded.encoder(**inputs).last_hidden_state[0, :80])
    return inference(lambda: loaded(**inputs).last_hidden_state[0])


def of_clap(folder: Path, clip: Path) -> Frames:
    hf: Any = pytest.importorskip("transformers", reason="no transformers")
    extractor = hf.ClapFeatureExtractor.from_pretrained(folder)
    model = hf.ClapModel.from_pretrained(folder).eval()
    with av.open(str(clip)) as media:
        resampler = av.AudioResampler(format="fltp", rate=48000)
        parts = [part for frame in media.decode(audio=0) for part in resampler.resample(frame)]
        parts += resampler.resample(None)
    sound = np.concatenate([part.to_ndarray()[0] for part in parts])
    inputs = extractor(sound, sampling_rate=48000, return_tensors="pt")
    return inference(lambda: pooled(model.get_audio_features(**inputs)))


def of_timm(folder: Path, clip: Path) -> Frames:
    torch: Any = pytest.importorskip("torch", reason="no torch")
    timm: Any = pytest.importorskip("timm", reason="no timm")
    model = timm.create_model("eva02_tiny_patch14_224", num_classes=0).eval()
    model.load_state_dict(torch.load(folder / "timm.pth"))
    config = timm.data.resolve_model_data_config(model)
    assert config["input_size"] == (3, PIXELS, PIXELS)
    transform = timm.data.create_transform(**config, is_training=False)
    return inference(lambda: model(torch.stack([transform(image) for image in images(clip)])))


def of_open_clip(folder: Path, clip: Path) -> Frames:
    torch: Any = pytest.importorskip("torch", reason="no torch")
    package: Any = pytest.importorskip("open_clip", reason="no open_clip")
    weights = str(folder / "small.pt")
    model, _, transform = package.create_model_and_transforms("small-eva", pretrained=weights)
    return inference(
        lambda: model.eval().encode_image(torch.stack([transform(image) for image in images(clip)]))
    )


def of_video_swin(folder: Path, clip: Path) -> Frames:
    torch: Any = pytest.importorskip("torch", reason="no torch")
    video: Any = pytest.importorskip("torchvision.models.video", reason="no torchvision")
    model = small_swin().eval()
    model.load_state_dict(torch.load(folder / "swin.pth"))
    model.head = torch.nn.Identity()
    transform = video.Swin3D_B_Weights.KINETICS400_V1.transforms()
    # The first picture at or after each fifteenth of a second; 24 of them, and the last one again.
    taken = [int(np.ceil(k / 15 * 25 - 1e-6)) for k in range(24)]
    pixels = np.stack([np.asarray(image) for image in images(clip)])[[*taken, *[taken[-1]] * 8]]
    return inference(lambda: model(transform(torch.from_numpy(pixels).permute(0, 3, 1, 2))[None]))


def of_videomaev2(folder: Path, clip: Path) -> Frames:
    hf: Any = pytest.importorskip("transformers", reason="no transformers")
    torch: Any = pytest.importorskip("torch", reason="no torch")
    processor = hf.VideoMAEImageProcessor.from_pretrained(folder)
    model = hf.AutoModel.from_pretrained(folder, trust_remote_code=True).eval()
    # Two windows of 16; 8 of the 40 pictures are left.
    windows = [images(clip)[begin : begin + 16] for begin in (0, 16)]
    inputs = [processor(window, return_tensors="pt")["pixel_values"] for window in windows]
    return inference(lambda: model(pixel_values=torch.cat(inputs).permute(0, 2, 1, 3, 4)))


def of_imagebind(folder: Path, clip: Path) -> Frames:
    torch: Any = pytest.importorskip("torch", reason="no torch")
    transforms: Any = pytest.importorskip("torchvision.transforms", reason="no torchvision")
    imagebind_model: Any = pytest.importorskip("imagebind.models.imagebind_model", reason="no imagebind")

    model = imagebind_model.imagebind_huge(pretrained=False).eval()
    model.load_state_dict(torch.load(folder / "imagebind.pth"))
    # The steps of load_and_transform_vision_data in imagebind/data.py.
    transform = transforms.Compose(
        [
            transforms.Resize(224, interpolation=transforms.InterpolationMode.BICUBIC),
            transforms.CenterCrop(224),
            transforms.ToTensor(),
            transforms.Normalize(
                mean=(0.48145466, 0.4578275, 0.40821073), std=(0.26862954, 0.26130258, 0.27577711)
            ),
        ]
    )
    pixels = torch.stack([transform(image) for image in images(clip)])
    return inference(lambda: model({"vision": pixels})["vision"])


def of_internvl(folder: Path, clip: Path) -> Frames:
    hf: Any = pytest.importorskip("transformers", reason="no transformers")
    torch: Any = pytest.importorskip("torch", reason="no torch")
    from blendfuse.extract.encoders.internvl import PROMPT

    processor = hf.AutoProcessor.from_pretrained(folder)
    model = hf.InternVLForConditionalGeneration.from_pretrained(folder, dtype=torch.bfloat16).eval()
    text = f"<img>{'<IMG_CONTEXT>' * 16}</img> {PROMPT}"
    tokens = processor.tokenizer(text, return_tensors="pt")
    rows = []
    for number in (0, 25):
        squares = processor.image_processor(images(clip)[number], crop_to_patches=False, return_tensors="pt")
        pixels = squares["pixel_values"].to(torch.bfloat16)
        with torch.inference_mode():
            out = model(**tokens, pixel_values=pixels, output_hidden_states=True)
        rows.append(out.hidden_states[-1][0, -1].float().numpy())
    return np.stack(rows)


def of_emotion2vec(folder: Path, clip: Path) -> Frames:
    package: Any = pytest.importorskip("funasr", reason="no funasr")
    model = package.AutoModel(model=str(folder), disable_update=True, disable_pbar=True, log_level="ERROR")
    found = model.generate(samples(clip), granularity="frame", extract_embedding=True)
    return np.asarray(found[0]["feats"], np.float32)


def of_s3prl(folder: Path, clip: Path) -> Frames:
    torch: Any = pytest.importorskip("torch", reason="no torch")
    hub: Any = pytest.importorskip("s3prl.upstream.hubert.hubconf", reason="no s3prl")
    model = hub.hubert_custom(str(folder / "hubert.pt")).eval()
    return inference(lambda: model([torch.from_numpy(samples(clip))])["last_hidden_state"][0])


def of_opensmile(clip: Path, features: str, level: str) -> Frames:
    package: Any = pytest.importorskip("opensmile", reason="no opensmile")
    smile = package.Smile(package.FeatureSet[features], package.FeatureLevel[level])
    frames: Frames = smile.process_signal(samples(clip), 16000).to_numpy(np.float32)
    return frames


def of_silero(folder: Path, clip: Path) -> Frames:
    torch: Any = pytest.importorskip("torch", reason="no torch")
    package: Any = pytest.importorskip("silero_vad", reason="no silero_vad")
    model = package.load_silero_vad()
    return inference(lambda: model.audio_forward(torch.from_numpy(samples(clip)), sr=16000).T)


def of_swift_f0(folder: Path, clip: Path) -> Frames:
    package: Any = pytest.importorskip("swift_f0", reason="no swift_f0")
    found = package.SwiftF0(spin=False).detect(samples(clip), 16000)
    return np.stack([found.pitch_hz, found.confidence, found.loudness_db], axis=1)


def of_crepe(folder: Path, clip: Path) -> Frames:
    torch: Any = pytest.importorskip("torch", reason="no torch")
    package: Any = pytest.importorskip("torchcrepe", reason="no torchcrepe")
    sound = torch.from_numpy(samples(clip))[None]
    return inference(lambda: package.embed(sound, 16000, 160, model="tiny").reshape(-1, 256))


def of_resemblyzer(folder: Path, clip: Path) -> Frames:
    package: Any = pytest.importorskip("resemblyzer", reason="no resemblyzer")
    loud = package.normalize_volume(samples(clip), -30, increase_only=True)
    _, frames, _ = package.VoiceEncoder("cpu", verbose=False).embed_utterance(
        loud, return_partials=True, rate=16
    )
    return np.asarray(frames, np.float32)


def with_faces(clip: Path) -> list[Picture]:
    """Its pictures with the faces that the tests' finder has."""
    return FaceEverywhere("cpu").find([Picture(np.asarray(image), 0, 0.0) for image in images(clip)])


def box_of(picture: Picture) -> tuple[float, float, float, float]:
    assert picture.face is not None
    return picture.face.box


def of_fer(folder: Path, clip: Path) -> Frames:
    """The package itself, with LiteRT in place of the TensorFlow that it imports."""
    litert: Any = pytest.importorskip("ai_edge_litert.interpreter", reason="no ai_edge_litert")
    # Those of its imports that may look for TensorFlow themselves come first.
    for name in ("cv2", "facenet_pytorch"):
        pytest.importorskip(name, reason=f"no {name}, which fer imports")
    lite = SimpleNamespace(Interpreter=litert.Interpreter)
    stubs: dict[str, dict[str, Any]] = {
        "tensorflow": {"lite": lite},
        "tensorflow.keras": {},
        "tensorflow.keras.models": {"load_model": None},
        "pkg_resources": {"resource_filename": lambda package, name: str(package_file(package, name, ""))},
    }
    with pytest.MonkeyPatch.context() as monkeypatch:
        for name, members in stubs.items():
            module = ModuleType(name)
            vars(module).update(members)
            monkeypatch.setitem(sys.modules, name, module)
        package: Any = pytest.importorskip("fer.fer", reason="no fer, or not what it imports")
        detector = package.FER(mtcnn=True)
    classify = detector._classify_emotions
    cut_out: list[Frames] = []

    def note(faces: Frames) -> Frames:
        cut_out.append(faces)
        found: Frames = classify(faces)
        return found

    detector._classify_emotions = note
    rows = []
    for picture in with_faces(clip):
        # Whole pixels, as it has them of its own finder.
        left, top, right, bottom = map(int, box_of(picture))
        detector.detect_emotions(picture.pixels[:, :, ::-1].copy(), [(left, top, right - left, bottom - top)])
        face = Fer._grey_face(picture)[None]
        # OpenCV and Pillow may round to neighbouring steps, of grey and then of the smaller picture.
        np.testing.assert_allclose(face, cut_out[-1], rtol=0, atol=2 / 127.5 + 1e-6)
        # Its result is rounded to two digits; here are all of them.
        rows.append(classify(face))
    return np.concatenate(rows)


def of_dlib(folder: Path, clip: Path) -> Frames:
    dlib: Any = pytest.importorskip("dlib", reason="no dlib")
    files = ("shape_predictor_5_face_landmarks", "dlib_face_recognition_resnet_model_v1")
    points_file, net_file = (
        str(package_file("face_recognition_models", f"models/{name}.dat", "face-recognition-models"))
        for name in files
    )
    points, net = dlib.shape_predictor(points_file), dlib.face_recognition_model_v1(net_file)
    rows = []
    for picture in with_faces(clip):
        shape = points(picture.pixels, dlib.rectangle(*map(round, box_of(picture))))
        chip = dlib.get_face_chip(picture.pixels, shape, size=150, padding=0.25)
        rows.append(net.compute_face_descriptor(chip))
    return np.array(rows, np.float32)


def of_openface3(folder: Path, clip: Path) -> Frames:
    """As its README has it: pictures in files."""
    faces: Any = pytest.importorskip("openface.face_detection", reason="no openface-test")
    tasks: Any = pytest.importorskip("openface.multitask_model", reason="no openface-test")
    detector = faces.FaceDetector(str(folder / "Alignment_RetinaFace.pth"))
    model = tasks.MultitaskPredictor(str(folder / "MTL_backbone.pth"))
    rows = []
    for image in images(clip):
        image.save(folder / "picture.png")
        found, pixels = detector.detect_faces(str(folder / "picture.png"))
        # As in get_face, which fails where a corner is outside of the picture.
        left, top, right, bottom = found[0][:4].astype(int).clip(min=0)
        emotion, gaze, units = model.predict(pixels[top:bottom, left:right])
        rows.append(np.concatenate([units[0], gaze[0], emotion[0]]))
    return np.stack(rows)


Direct = Callable[[Path, Path], Frames]
DIRECT: dict[str, Direct] = {
    **{
        name: lambda folder, clip, model=model: of_transformers(folder, clip, model)  # type: ignore[misc]
        for name, model in [
            ("clip", "CLIPModel"),
            ("clip_vit_b32", "CLIPModel"),
            ("dinov2", "Dinov2Model"),
            ("dinov3", "DINOv3ViTModel"),
            ("siglip2_base", "SiglipModel"),
            ("siglip2_large", "SiglipModel"),
            ("siglip2_so400m", "SiglipModel"),
            ("siglip2_giant_opt", "SiglipModel"),
        ]
    },
    **{
        name: lambda folder, clip, model=model: of_speech(folder, clip, model)  # type: ignore[misc]
        for name, model in [
            ("wavlm_large", "WavLMModel"),
            ("wav2vec2_base", "Wav2Vec2Model"),
            ("wav2vec2_large_960h", "Wav2Vec2Model"),
            ("wav2vec2_large_robust_emotion", "Wav2Vec2Model"),
            ("wav2vec2_large_robust", "Wav2Vec2Model"),
            ("wav2vec2_large", "Wav2Vec2Model"),
            ("wav2vec2_xlsr", "Wav2Vec2Model"),
            ("hubert_large", "HubertModel"),
            ("whisper_v3", "WhisperModel"),
        ]
    },
    "clap": of_clap,
    "eva_giant_336": of_timm,
    **dict.fromkeys(["eva_giant", "eva_large", "eva02_base", "eva02_large"], of_open_clip),
    "video_swin": of_video_swin,
    "videomaev2": of_videomaev2,
    **dict.fromkeys(["imagebind", "imagebind_joint"], of_imagebind),
    **dict.fromkeys(["internvl35_8b", "internvl35_14b", "internvl35_38b", "internvl35_78b"], of_internvl),
    **dict.fromkeys(
        [
            "emotion2vec_base",
            "emotion2vec_plus_base",
            "emotion2vec_plus_large",
            "emotion2vec_plus_seed",
        ],
        of_emotion2vec,
    ),
    "hubert_large_s3prl": of_s3prl,
    "egemaps": lambda folder, clip: of_opensmile(clip, "eGeMAPSv02", "Functionals"),
    "compare": lambda folder, clip: of_opensmile(clip, "ComParE_2016", "Functionals"),
    "egemaps_lld": lambda folder, clip: of_opensmile(clip, "eGeMAPSv02", "LowLevelDescriptors"),
    "silero_vad": of_silero,
    "swift_f0": of_swift_f0,
    "crepe_tiny": of_crepe,
    "resemblyzer": of_resemblyzer,
    "fer": of_fer,
    "dlib_face": of_dlib,
    "openface3": of_openface3,
}


def frames_of(clip: Path, out: Path, encoder: Encoder) -> Frames:
    settings = Settings(out / "data", keep_frames=out / "frames")
    report = Session(find_clips([clip], False, None), [encoder], settings).run(lambda clip: None)
    assert not any(report.failed.values()) and not any(report.missing.values()), report
    frames: Frames = np.load(out / "frames" / encoder.spec.name / "clip.npy")
    return frames


@pytest.mark.parametrize("name", DIRECT)
def test_a_request_equals_a_direct_call(
    name: str, clip: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "weights"
    for module in (sessions, making):
        monkeypatch.setattr(module, "FaceFinder", FaceEverywhere)
    encoder = tiny(name, folder, monkeypatch)
    with one_thread():
        found = frames_of(clip, tmp_path, encoder)
        expected = DIRECT[name](folder, clip)
    # A direct call has all pictures in one batch.
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * max(1.0, np.abs(expected).max()))
