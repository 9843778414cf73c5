"""Tiny random checkpoints of the encoders' real classes, saved as the hub has them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

# Every model has this hidden size.
WIDTH = 32
VISION = {
    "hidden_size": WIDTH,
    "intermediate_size": 37,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
}
SPEECH = {
    "hidden_size": WIDTH,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 37,
    "conv_dim": (16,) * 7,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
}
# Those with group normalisation, whose frames change where zeros stand behind a clip.
GROUP = ("wav2vec2_base", "wav2vec2_large", "wav2vec2_large_960h")
LARGE = {"feat_extract_norm": "layer", "do_stable_layer_norm": True, "conv_bias": True}


def libraries() -> tuple[Any, Any]:
    """torch and transformers, or a skip that names what lacks."""
    torch: Any = pytest.importorskip("torch", reason="no torch")
    transformers: Any = pytest.importorskip("transformers", reason="no transformers")
    torch.manual_seed(1)
    return torch, transformers


def save(folder: Path, model: Any, processor: Any) -> Path:
    """Writes a checkpoint in half precision, as many on the hub are."""
    model.half().save_pretrained(folder)
    processor.save_pretrained(folder)
    return folder


def picture_checkpoint(name: str, folder: Path) -> Path:
    """A checkpoint for an encoder of pictures of transformers."""
    _, hf = libraries()
    pytest.importorskip("torchvision", reason="no torchvision")
    size = {"height": 32, "width": 32}
    if name.startswith("clip"):
        text = {
            "hidden_size": WIDTH,
            "intermediate_size": 37,
            "num_hidden_layers": 1,
            "num_attention_heads": 4,
        }
        config = hf.CLIPConfig(
            vision_config=VISION, text_config={**text, "vocab_size": 50}, projection_dim=24
        )
        shorter = {"shortest_edge": 32}
        return save(folder, hf.CLIPModel(config), hf.CLIPImageProcessor(size=shorter, crop_size=size))
    if name == "dinov2":
        return save(
            folder, hf.Dinov2Model(hf.Dinov2Config(**VISION)), hf.BitImageProcessor(size=size, crop_size=size)
        )
    if name == "dinov3":
        config = hf.DINOv3ViTConfig(**VISION, num_register_tokens=4)
        return save(folder, hf.DINOv3ViTModel(config), hf.DINOv3ViTImageProcessorFast(size=size))
    text = {"hidden_size": WIDTH, "intermediate_size": 37, "num_hidden_layers": 1, "num_attention_heads": 4}
    config = hf.SiglipConfig(vision_config=VISION, text_config={**text, "vocab_size": 50})
    return save(folder, hf.SiglipModel(config), hf.SiglipImageProcessor(size=size))


def speech_checkpoint(name: str, folder: Path) -> Path:
    """A checkpoint for an encoder of speech, with the normalisation that it has."""
    _, hf = libraries()
    extractor = hf.Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=name not in GROUP)
    if name in GROUP:
        return save(folder, hf.Wav2Vec2Model(hf.Wav2Vec2Config(**SPEECH)), extractor)
    if name.startswith("wav2vec2"):
        return save(folder, hf.Wav2Vec2Model(hf.Wav2Vec2Config(**SPEECH, **LARGE)), extractor)
    if name == "hubert_large":
        return save(folder, hf.HubertModel(hf.HubertConfig(**SPEECH, **LARGE)), extractor)
    if name == "wavlm_large":
        return save(folder, hf.WavLMModel(hf.WavLMConfig(**SPEECH, **LARGE)), extractor)
    sizes = {
        "encoder_attention_heads": 4,
        "decoder_attention_heads": 4,
        "encoder_ffn_dim": 37,
        "decoder_ffn_dim": 37,
    }
    layers = {"encoder_layers": 3, "decoder_layers": 1}
    config = hf.WhisperConfig(
        d_model=WIDTH, num_mel_bins=128, vocab_size=60, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=3, suppress_tokens=[], begin_suppress_tokens=[], **sizes, **layers,
    )  # fmt: skip
    return save(folder, hf.WhisperModel(config), hf.WhisperFeatureExtractor(feature_size=128))


def clap_checkpoint(folder: Path) -> Path:
    """A checkpoint of CLAP, unfused."""
    _, hf = libraries()
    audio = {
        "spec_size": 256, "hidden_size": 64, "patch_size": 4, "patch_stride": [4, 4], "window_size": 8, "num_mel_bins": 64,
        "depths": [1, 1], "num_attention_heads": [2, 2], "patch_embeds_hidden_size": 32, "enable_fusion": False,
    }  # fmt: skip
    text = {"hidden_size": WIDTH, "intermediate_size": 37, "num_hidden_layers": 1, "num_attention_heads": 4}
    config = hf.ClapConfig(audio_config=audio, text_config={**text, "vocab_size": 50}, projection_dim=24)
    extractor = hf.ClapFeatureExtractor(feature_size=64, truncation="rand_trunc")
    # Its batch normalisation has no half precision on every processor.
    model = hf.ClapModel(config)
    model.save_pretrained(folder)
    extractor.save_pretrained(folder)
    return folder
