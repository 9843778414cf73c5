"""Encoders of packages that few have: their real classes with tiny random checkpoints."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from blendfuse.extract.encoders import Encoder, LoadOptions, load
from blendfuse.extract.errors import ExtractError, MissingPackage, NothingToEncode
from blendfuse.extract.media import Picture, Samples
from blendfuse.extract.registry import find
from made_clips import picture
from tiny_checkpoints import WIDTH, libraries

torch: Any = pytest.importorskip("torch", reason="no torch")

CONVOLUTIONS = "[(16, 10, 5)] + [(16, 3, 2)] * 4 + [(16, 2, 2)] * 2"


def loaded(name: str, weights: Path) -> Encoder:
    spec = find(name)
    assert spec is not None
    try:
        return load(spec, LoadOptions(weights={name: weights}, offline=True))
    except MissingPackage as error:
        pytest.skip(str(error))


def noise(seconds: float) -> Samples:
    samples: Samples = np.random.default_rng(3).normal(0, 0.1, round(seconds * 16000)).astype(np.float32)
    return samples


def windows(count: int) -> list[list[Picture]]:
    return [[Picture(picture(n, 96, 48), n, n / 25)] for n in range(count)]


def check_speech(encoder: Encoder) -> None:
    """49 rows a second, the same twice, none for less than 25 ms."""
    for seconds, rows in [(0.1, 4), (1.0, 49), (4.0, 199)]:
        (frames,) = encoder.encode_sound(noise(seconds))
        assert frames.shape == (rows, WIDTH) and np.isfinite(frames).all()
    np.testing.assert_array_equal(encoder.encode_sound(noise(4.0))[0], frames)
    with pytest.raises(NothingToEncode):
        encoder.encode_sound(noise(399 / 16000))


AUDIO = {
    "type": "AUDIO", "prenet_depth": 2, "prenet_layerdrop": 0.05, "prenet_dropout": 0.1, "start_drop_path_rate": 0.0,
    "end_drop_path_rate": 0.0, "num_extra_tokens": 10, "init_extra_token_zero": True, "mask_noise_std": 0.01,
    "mask_prob_min": None, "mask_prob": 0.5, "inverse_mask": False, "mask_prob_adjust": 0.05, "keep_masked_pct": 0.0,
    "mask_length": 5, "add_masks": False, "remove_masks": False, "mask_dropout": 0.0, "encoder_zero_mask": True,
    "mask_channel_prob": 0.0, "mask_channel_length": 64, "ema_local_encoder": False, "local_grad_mult": 1.0,
    "use_alibi_encoder": True, "alibi_scale": 1.0, "learned_alibi": False, "alibi_max_pos": None,
    "learned_alibi_scale": True, "learned_alibi_scale_per_head": True, "learned_alibi_scale_per_layer": False,
    "num_alibi_heads": 4, "model_depth": 2, "extractor_mode": "layer_norm", "feature_encoder_spec": CONVOLUTIONS,
    "conv_pos_width": 19, "conv_pos_groups": 4, "conv_pos_depth": 2, "conv_pos_pre_ln": False, "decoder": None,
}  # fmt: skip
EMOTION2VEC = {
    "loss_beta": 0.0, "loss_scale": None, "depth": 2, "start_drop_path_rate": 0.0, "end_drop_path_rate": 0.0,
    "num_heads": 4, "norm_eps": 1e-5, "norm_affine": True, "encoder_dropout": 0.1, "post_mlp_drop": 0.1,
    "attention_dropout": 0.1, "activation_dropout": 0.0, "dropout_input": 0.0, "layerdrop": 0.05, "embed_dim": WIDTH,
    "mlp_ratio": 4.0, "layer_norm_first": False, "average_top_k_layers": 2, "end_of_block_targets": False,
    "clone_batch": 8, "normalize": True, "modalities": {"audio": AUDIO},
}  # fmt: skip


def test_emotion2vec(tmp_path: Path) -> None:
    pytest.importorskip("funasr", reason="no funasr")
    model = pytest.importorskip("funasr.models.emotion2vec.model", reason="no emotion2vec in funasr")
    yaml = pytest.importorskip("yaml", reason="no yaml")
    torch.manual_seed(1)
    labels = ["angry", "happy", "<unk>"]
    made = model.Emotion2vec(model_conf=EMOTION2VEC, vocab_size=len(labels))
    torch.save({"model": made.state_dict()}, tmp_path / "model.pt")
    (tmp_path / "tokens.txt").write_text("\n".join(labels) + "\n")
    config = {
        "model": "Emotion2vec",
        "model_conf": EMOTION2VEC,
        "tokenizer": "CharTokenizer",
        "tokenizer_conf": {"unk_symbol": "<unk>", "split_with_space": True},
    }
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    metas = {
        "init_param": "model.pt",
        "config": "config.yaml",
        "tokenizer_conf": {"token_list": "tokens.txt"},
    }
    (tmp_path / "configuration.json").write_text(json.dumps({"file_path_metas": metas}))
    check_speech(loaded("emotion2vec_plus_base", tmp_path))


def test_hubert_by_s3prl(tmp_path: Path) -> None:
    pytest.importorskip("torchaudio", reason="no torchaudio")
    hubert = pytest.importorskip("s3prl.upstream.hubert.hubert_model", reason="no s3prl")
    sizes = {
        "encoder_layers": 2,
        "encoder_embed_dim": WIDTH,
        "encoder_ffn_embed_dim": 37,
        "encoder_attention_heads": 4,
    }
    config = hubert.HubertConfig(
        label_rate=50, conv_feature_layers=CONVOLUTIONS, conv_pos=16, conv_pos_groups=2, final_dim=8,
        extractor_mode="layer_norm", layer_norm_first=True, **sizes,
    )  # fmt: skip
    task = hubert.HubertPretrainingConfig(label_rate=50, normalize=True)
    torch.manual_seed(1)
    symbols = [["a", "b", "c"]]
    held = {
        "task_cfg": asdict(task),
        "model_cfg": asdict(config),
        "model_weight": hubert.HubertModel(config, task, symbols).state_dict(),
        "dictionaries_symbols": symbols,
    }
    torch.save(held, tmp_path / "hubert.pt")
    check_speech(loaded("hubert_large_s3prl", tmp_path / "hubert.pt"))
    (tmp_path / "text.pt").write_text("no weights")
    with pytest.raises(ExtractError, match="s3prl cannot load"):
        loaded("hubert_large_s3prl", tmp_path / "text.pt")


def test_imagebind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("torchvision", reason="no torchvision")
    from blendfuse.extract.encoders import imagebind

    try:
        models = imagebind._models()
    except MissingPackage as error:
        pytest.skip(str(error))
    parts = ("vision", "audio", "depth", "thermal", "imu")
    small: dict[str, Any] = {f"{part}_embed_dim": 32 for part in parts}
    small |= {f"{part}_num_blocks": 1 for part in (*parts, "text")}
    small |= {f"{part}_num_heads": 4 for part in (*parts, "text")}

    def tiny(pretrained: bool = False) -> Any:
        assert not pretrained
        return models.ImageBindModel(**small, out_embed_dim=24)

    monkeypatch.setattr(models, "imagebind_huge", tiny)
    torch.manual_seed(1)
    torch.save(tiny().state_dict(), tmp_path / "imagebind.pth")
    encoder = loaded("imagebind", tmp_path / "imagebind.pth")
    (frames,) = encoder.encode_pictures(windows(3))
    assert frames.shape == (3, 24) and len(np.unique(frames, axis=0)) == 3
    np.testing.assert_allclose(np.linalg.norm(frames, axis=1), 1, rtol=1e-4)
    alone = np.concatenate([encoder.encode_pictures([window])[0] for window in windows(3)])
    np.testing.assert_allclose(frames, alone, atol=1e-5)
    with pytest.raises(ExtractError, match="does not fit its model"):
        torch.save({"something": torch.ones(2)}, tmp_path / "other.pth")
        (tmp_path / "other.pth").write_bytes(b"text")
        loaded("imagebind", tmp_path / "other.pth")


TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}{% if part['type'] == 'image' %}<IMG_CONTEXT> "
    "{% else %}{{ part['text'] }} {% endif %}{% endfor %}{% endfor %}"
)


def internvl_checkpoint(folder: Path) -> Path:
    _, hf = libraries()
    tokenizers = pytest.importorskip("tokenizers", reason="no tokenizers")
    special = ["<img>", "</img>", "<IMG_CONTEXT>", "<video>", "<pad>", "<unk>"]
    words = ["Which", "emotions", "does", "this", "person", "show", "and", "how", "strongly", "?", ","]
    made = tokenizers.Tokenizer(
        tokenizers.models.WordLevel({word: at for at, word in enumerate(special + words)}, unk_token="<unk>")
    )
    made.pre_tokenizer = tokenizers.pre_tokenizers.Whitespace()
    names = {
        "start_image_token": "<img>",
        "end_image_token": "</img>",
        "context_image_token": "<IMG_CONTEXT>",
        "video_token": "<video>",
    }
    tokenizer = hf.PreTrainedTokenizerFast(
        tokenizer_object=made, pad_token="<pad>", unk_token="<unk>", extra_special_tokens=names
    )
    vision = {
        "hidden_size": WIDTH, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 37,
        "image_size": [32, 32], "patch_size": [4, 4],
    }  # fmt: skip
    text = {
        "model_type": "qwen2", "vocab_size": len(special + words), "hidden_size": WIDTH, "num_hidden_layers": 2,
        "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 37,
    }  # fmt: skip
    config = hf.InternVLConfig(vision_config=vision, text_config=text, image_token_id=2, image_seq_length=16)
    hf.InternVLForConditionalGeneration(config).to(torch.bfloat16).save_pretrained(folder)
    processor = hf.InternVLProcessor(
        image_processor=hf.GotOcr2ImageProcessor(size={"height": 32, "width": 32}),
        tokenizer=tokenizer,
        video_processor=hf.InternVLVideoProcessor(size={"height": 32, "width": 32}),
        image_seq_length=16,
        chat_template=TEMPLATE,
    )
    processor.save_pretrained(folder)
    return folder


def test_internvl_gives_a_row_per_picture(tmp_path: Path) -> None:
    pytest.importorskip("torchvision", reason="no torchvision")
    encoder = loaded("internvl35_8b", internvl_checkpoint(tmp_path))
    (frames,) = encoder.encode_pictures(windows(2))
    assert frames.shape == (2, WIDTH) and frames.dtype == np.float32 and np.isfinite(frames).all()
    (alone,) = encoder.encode_pictures(windows(2)[1:])
    np.testing.assert_array_equal(alone[0], frames[1])
