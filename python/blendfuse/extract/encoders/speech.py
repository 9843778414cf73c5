"""Speech: wav2vec2, HuBERT, WavLM and Whisper, with transformers, one clip at a time.

Never in padded batches: with group normalisation (wav2vec2 base and large) zeros behind a clip change
its frames by a third, with or without an attention mask.
"""

from __future__ import annotations

from typing import Any, ClassVar

from ..errors import need
from ..media import Samples
from ..registry import EncoderSpec
from .base import Encoder, Frames, LoadOptions, check_shortest
from .hub import check_layers, from_pretrained, load_model

RATE = 16000
# Whisper's input and output: 30 s, and 50 frames a second.
WHISPER_SAMPLES, WHISPER_HOP = 30 * RATE, RATE // 50


class Speech(Encoder):
    """The last hidden state, after the final normalisation, or chosen hidden layers."""

    rate: ClassVar[int | None] = RATE
    has_layers: ClassVar[bool] = True

    def __init__(self, spec: EncoderSpec, options: LoadOptions) -> None:
        super().__init__(spec, options)
        self._torch: Any = need("torch", "torch")
        self._whisper = spec.model_class == "WhisperModel"
        model = load_model(self, spec.model_class)
        kind = need("transformers", "transformers").AutoFeatureExtractor
        self._extractor = from_pretrained(self, kind)
        self._model = model.get_encoder() if self._whisper else model
        config = model.config
        count = config.encoder_layers if self._whisper else config.num_hidden_layers
        check_layers(self, count, normalised=getattr(config, "do_stable_layer_norm", False))

    def encode_sound(self, samples: Samples) -> list[Frames]:
        check_shortest(samples, 400, RATE)
        if not self._whisper:
            return self._run(samples, None)
        np = need("numpy", "numpy")
        pieces = [samples[at : at + WHISPER_SAMPLES] for at in range(0, len(samples), WHISPER_SAMPLES)]
        parts = [self._run(piece, max(1, round(len(piece) / WHISPER_HOP))) for piece in pieces]
        return [np.concatenate(frames) for frames in zip(*parts)]

    def _run(self, samples: Samples, rows: int | None) -> list[Frames]:
        """Frames of a sound; of a piece padded to 30 s, only those of its own `rows`."""
        inputs = self._extractor(samples, sampling_rate=RATE, return_tensors="pt").to(self.options.device)
        with self._torch.inference_mode():
            out = self._model(**inputs, output_hidden_states=bool(self.options.layers))
        states = [out.hidden_states[layer] for layer in self.options.layers] or [out.last_hidden_state]
        return [state[0, :rows].float().cpu().numpy() for state in states]
