"""Tiny random checkpoints of the real classes of packages that few have."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from blendfuse.extract.errors import MissingPackage
from tiny_checkpoints import WIDTH, libraries

CONVOLUTIONS = "[(16, 10, 5)] + [(16, 3, 2)] * 4 + [(16, 2, 2)] * 2"

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


def emotion2vec_checkpoint(folder: Path) -> Path:
    """A checkpoint of emotion2vec as FunASR has it: the model, its tokens, two configurations."""
    torch: Any = pytest.importorskip("torch", reason="no torch")
    pytest.importorskip("funasr", reason="no funasr")
    model = pytest.importorskip("funasr.models.emotion2vec.model", reason="no emotion2vec in funasr")
    yaml = pytest.importorskip("yaml", reason="no yaml")
    torch.manual_seed(1)
    labels = ["angry", "happy", "<unk>"]
    made = model.Emotion2vec(model_conf=EMOTION2VEC, vocab_size=len(labels))
    torch.save({"model": made.state_dict()}, folder / "model.pt")
    (folder / "tokens.txt").write_text("\n".join(labels) + "\n")
    config = {
        "model": "Emotion2vec",
        "model_conf": EMOTION2VEC,
        "tokenizer": "CharTokenizer",
        "tokenizer_conf": {"unk_symbol": "<unk>", "split_with_space": True},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    metas = {
        "init_param": "model.pt",
        "config": "config.yaml",
        "tokenizer_conf": {"token_list": "tokens.txt"},
    }
    (folder / "configuration.json").write_text(json.dumps({"file_path_metas": metas}))
    return folder


def s3prl_checkpoint(file: Path) -> Path:
    """A HuBERT in the form to which s3prl converts fairseq's."""
    torch: Any = pytest.importorskip("torch", reason="no torch")
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
    torch.save(held, file)
    return file


def imagebind_checkpoint(file: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Weights of a small ImageBind, which stands in for the huge one from now on."""
    torch: Any = pytest.importorskip("torch", reason="no torch")
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
    torch.save(tiny().state_dict(), file)
    return file


TEMPLATE = (
    "{% for message in messages %}{% for part in message['content'] %}{% if part['type'] == 'image' %}<IMG_CONTEXT> "
    "{% else %}{{ part['text'] }} {% endif %}{% endfor %}{% endfor %}"
)


def internvl_checkpoint(folder: Path) -> Path:
    """A checkpoint of InternVL with a vocabulary of a few words, in bfloat16."""
    torch, hf = libraries()
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


# The code that comes with a checkpoint of VideoMAE v2, as far as it is called: its configuration, and a model of
# transformers around a network whose `forward_features` gives one vector a window.
REMOTE = {
    "modeling_config.py": """
from transformers import PretrainedConfig

class VideoMAEv2Config(PretrainedConfig):
    model_type = "VideoMAEv2_Base"
""",
    "modeling_videomaev2.py": """
from transformers import PreTrainedModel
from .modeling_config import VideoMAEv2Config
from .network import VisionTransformer

class VideoMAEv2(PreTrainedModel):
    config_class = VideoMAEv2Config

    def __init__(self, config):
        super().__init__(config)
        self.model = VisionTransformer(**config.model_config)

    def forward(self, pixel_values):
        return self.model.forward_features(pixel_values)
""",
    "network.py": """
from torch import nn

class VisionTransformer(nn.Module):
    def __init__(self, img_size, patch_size, embed_dim, **settings):
        super().__init__()
        assert img_size % patch_size == 0
        cube = (2, patch_size, patch_size)
        self.patches = nn.Conv3d(3, embed_dim, cube, cube)
        self.fc_norm = nn.LayerNorm(embed_dim)

    def forward_features(self, pixels):
        return self.fc_norm(self.patches(pixels).tanh().flatten(2).mean(2))
""",
}


def videomaev2_checkpoint(folder: Path, network: str = REMOTE["network.py"]) -> Path:
    """A checkpoint of VideoMAE v2 with its code, around the class `VisionTransformer` of a file."""
    torch, hf = libraries()
    folder.mkdir(exist_ok=True)
    for name, text in {**REMOTE, "network.py": network}.items():
        (folder / name).write_text(text)
    size = {
        "img_size": 56,
        "patch_size": 14,
        "embed_dim": WIDTH,
        "depth": 2,
        "num_heads": 4,
        "num_classes": 5,
    }
    code = {"AutoConfig": "modeling_config.VideoMAEv2Config", "AutoModel": "modeling_videomaev2.VideoMAEv2"}
    config = {"model_type": "VideoMAEv2_Base", "architectures": ["VideoMAEv2"], "auto_map": code}
    (folder / "config.json").write_text(json.dumps({**config, "model_config": size}))
    shorter = {"shortest_edge": 56}
    hf.VideoMAEImageProcessor(size=shorter, crop_size={"height": 56, "width": 56}).save_pretrained(folder)
    trust = {"trust_remote_code": True}
    model = hf.AutoModel.from_config(hf.AutoConfig.from_pretrained(folder, **trust), **trust)
    for weights in model.parameters():
        weights.data += 0.05 * torch.randn_like(weights)
    state = {key: value.contiguous() for key, value in model.state_dict().items()}
    torch.save(state, folder / "pytorch_model.bin")
    return folder


def openface3_checkpoint(folder: Path) -> Path:
    """Weights of OpenFace 3's detector and of its model, random: the detector is sure of a face everywhere."""
    torch: Any = pytest.importorskip("torch", reason="no torch")
    faces = pytest.importorskip("openface.face_detection", reason="no openface-test, or not what it imports")
    tasks = pytest.importorskip("openface.multitask_model", reason="no openface-test, or not what it imports")
    folder.mkdir(exist_ok=True)
    torch.manual_seed(1)
    detector = faces.RetinaFace(cfg={**faces.cfg_mnet, "pretrain": False}, phase="test")
    for head in detector.ClassHead:
        # For each of two boxes: no face, a face.
        head.conv1x1.bias.data = torch.tensor([0.0, 3.0, 0.0, 3.0])
    state = {f"module.{key}": value for key, value in detector.state_dict().items()}
    torch.save(state, folder / "Alignment_RetinaFace.pth")
    torch.save(tasks.MTL().state_dict(), folder / "MTL_backbone.pth")
    return folder
