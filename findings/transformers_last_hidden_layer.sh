#!/usr/bin/env bash
# Packages: transformers 4.56.2 and 5.24.0, torch 2.15.0, numpy 2.4.6.
# Expected: `hidden_states` of the same checkpoint are the same numbers whichever of these versions computes
#   them; the last of them is either always or never the last hidden state.
# Behaviour: where a model normalises once more behind its last layer (WavLM large, wav2vec2 large and HuBERT
#   large with do_stable_layer_norm, DINOv3), version 4 gives the last entry after that normalisation, equal to
#   last_hidden_state, and version 5 before it. All other entries agree. Features of "layer 24" from two
#   environments have the same shape and nothing that tells them apart.
# Output seen (random weights, the largest difference between the versions):
#   model   layers 0 to last but one  last layer  last_hidden_state
#   WavLM   1.2e-07                   1.4e+00     2.4e-07
#   DINOv3  0.0e+00                   1.9e+00     0.0e+00
# What to do: take last_hidden_state where the last layer is wanted, or record the version beside the features.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet torch==2.15.0 numpy==2.4.6 transformers==5.24.0
"$work/venv/bin/pip" install --quiet --target "$work/older" transformers==4.56.2 numpy==2.4.6
cd "$work"
cat > states.py <<'PY'
import sys

import torch
import transformers
from transformers import DINOv3ViTConfig, DINOv3ViTModel, WavLMConfig, WavLMModel

SPEECH = dict(
    hidden_size=24, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
    conv_dim=(16,) * 7, conv_bias=True, feat_extract_norm="layer", do_stable_layer_norm=True,
    num_conv_pos_embeddings=4, num_conv_pos_embedding_groups=2,
)  # fmt: skip
PICTURES = dict(
    hidden_size=24, num_hidden_layers=3, num_attention_heads=2, intermediate_size=32,
    image_size=32, patch_size=16,
)  # fmt: skip
KINDS = {
    "WavLM": (WavLMModel, WavLMConfig(**SPEECH), torch.Size([1, 16000])),
    "DINOv3": (DINOv3ViTModel, DINOv3ViTConfig(**PICTURES), torch.Size([1, 3, 32, 32])),
}
transformers.logging.set_verbosity_error()
found = {}
for name, (kind, config, shape) in KINDS.items():
    if sys.argv[1] == "make":
        torch.manual_seed(0)
        kind(config).save_pretrained(name)
    model = kind.from_pretrained(name).eval()
    given = torch.randn(shape, generator=torch.Generator().manual_seed(1))
    with torch.inference_mode():
        out = model(given, output_hidden_states=True)
    found[name] = [*out.hidden_states, out.last_hidden_state]
torch.save(found, sys.argv[2])
PY
PYTHONPATH="$work/older" venv/bin/python -W ignore states.py make v4.pt 2>/dev/null
venv/bin/python -W ignore states.py load v5.pt 2>/dev/null
venv/bin/python -W ignore - <<'PY'
import torch

v4, v5 = torch.load("v4.pt"), torch.load("v5.pt")
print("model   layers 0 to last but one  last layer  last_hidden_state")
for name in v4:
    *inner, last, final = [float((a - b).abs().max()) for a, b in zip(v4[name], v5[name], strict=True)]
    print(f"{name:<7} {max(inner):<25.1e} {last:<11.1e} {final:.1e}")
    assert max(inner) < 1e-4 and final < 1e-4, "the versions differ elsewhere too"
    assert last > 0.1, "the last layer is the same in both versions now"
    assert torch.equal(v4[name][-2], v4[name][-1]), "version 4 does not normalise the last layer"
PY
