#!/usr/bin/env bash
# Packages: transformers 5.23.0, numpy 2.4.6 (feature extractors need no PyTorch).
# Expected: Wav2Vec2FeatureExtractor(do_normalize=True) scales every clip of a batch to mean 0 and
#   variance 1, so that a clip is the same input alone and in a batch.
# Behaviour: this is so only where return_attention_mask=True. Its default is False, and the checkpoints
#   with group normalisation (wav2vec2 base, large, 960h; HuBERT base) are used without a mask: mean and
#   variance are then taken after padding, zeros included. A second of sound padded to four is twice as
#   loud as alone, and the padding is not 0. Clips of equal length are unharmed, so a test may pass.
# Output seen (a second of noise with an offset, in a batch with four seconds):
#   return_attention_mask  alone: std    in the batch: std    its padding
#   True                       1.0000               1.0000         0.0000
#   False                      1.0000               1.9690        -0.1011
# What to do: one clip at a time, or clips normalised one by one and padded with zeros afterwards.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet transformers==5.23.0 numpy==2.4.6
cd "$work"
venv/bin/python -W ignore - 2> >(grep -v "PyTorch was not found" >&2) <<'PY'
import numpy as np
from transformers import Wav2Vec2FeatureExtractor

rate = 16000
noise = np.random.default_rng(0).standard_normal(5 * rate)
second = (0.1 * noise[:rate] + 0.02).astype("float32")
four_seconds = (0.1 * noise[rate:]).astype("float32")
assert Wav2Vec2FeatureExtractor().return_attention_mask is False, "the default has changed"
print("return_attention_mask  alone: std    in the batch: std    its padding")
scale = {}
for mask in (True, False):
    extractor = Wav2Vec2FeatureExtractor(do_normalize=True, return_attention_mask=mask)

    def extract(sounds):
        return extractor(sounds, sampling_rate=rate, padding=True, return_tensors="np").input_values[0]

    alone, padded = extract([second]), extract([second, four_seconds])
    scale[mask] = padded[:rate].std() / alone.std()
    print(f"{mask!s:<21}  {alone.std():10.4f}  {padded[:rate].std():19.4f}  {padded[-1]:13.4f}")
assert abs(scale[True] - 1) < 1e-3, "with a mask, too, a clip depends on its batch now"
assert scale[False] > 1.5, "padding is left out of the normalisation now"
PY
