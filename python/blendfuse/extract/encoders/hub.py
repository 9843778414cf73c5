"""Checkpoints of the hub: where they are loaded from, and in which precision."""

from __future__ import annotations

import re
from typing import Any

from ..errors import WRONG_WEIGHTS, ExtractError, MissingPackage, need
from .base import Encoder

# Weights that no feature depends on: those of text and of decoders, and what training masks with.
UNUSED = re.compile(r"^(text_|logit_|decoder\.)|(^|\.)(masked_spec_embed|mask_token|position_ids)$")


def from_pretrained(encoder: Encoder, kind: Any, **options: Any) -> Any:
    """`kind.from_pretrained` of the encoder's checkpoint: the user's folder, or the hub's.

    Raises:
        ExtractError: if it cannot be loaded, with what to do.
    """
    spec = encoder.spec
    folder = encoder.options.weights.get(spec.name)
    where = _where(encoder)
    try:
        return kind.from_pretrained(
            where,
            revision=spec.revision or "main",
            local_files_only=encoder.options.offline or bool(folder),
            **options,
        )
    except WRONG_WEIGHTS as error:
        raise ExtractError(f"{spec.name}: {_advice(encoder, where, error)}") from error
    except ImportError as error:
        raise MissingPackage(" ".join(str(error).split())) from error


def _where(encoder: Encoder) -> str:
    return str(encoder.options.weights.get(encoder.spec.name, encoder.spec.source))


def _advice(encoder: Encoder, where: str, error: Exception) -> str:
    spec = encoder.spec
    reason = " ".join(str(error).split())[:300]
    if spec.name in encoder.options.weights:
        return f"{where} is no checkpoint of {spec.model_class}: {reason}"
    if spec.gated and ("gated" in reason.lower() or "401" in reason or "403" in reason):
        return f"{where} is gated: accept its licence on its page and log in with `hf auth login`"
    if encoder.options.offline:
        return f"{where} is not in the cache of this machine; leave --offline out, or name a folder with --weights"
    return f"{where} cannot be loaded: {reason}; or name a folder with --weights {spec.name}=DIR"


def load_model(encoder: Encoder, model_class: str, **options: Any) -> Any:
    """The checkpoint's model of a class of transformers, in float32 whatever the file holds, on the device.

    Half-precision checkpoints would otherwise compute in half precision without a word. Sets the
    encoder's source and revision to what was loaded.

    Raises:
        ExtractError: if the checkpoint is of another kind of model, or lacks weights: transformers would make
            them up.
    """
    torch = need("torch", "torch")
    transformers = need("transformers", "transformers")
    kind = getattr(transformers, model_class, None)
    if kind is None:
        raise MissingPackage(
            f"transformers {transformers.__version__} has no {model_class}: pip install -U transformers"
        )
    options.setdefault("dtype", torch.float32)
    # Its table of weights without a counterpart; what matters of it is an error here.
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    _check_kind(encoder, kind)
    model, told = from_pretrained(encoder, kind, output_loading_info=True, **options)
    if lacking := sorted(key for key in told["missing_keys"] if not UNUSED.search(key)):
        raise ExtractError(
            f"{encoder.spec.name}: {_where(encoder)} is no checkpoint of {model_class}: it lacks "
            f"{len(lacking)} of its weights, such as {lacking[0]}"
        )
    model.eval().to(encoder.options.device)
    record_source(encoder, model)
    return model


class _Config:
    """The configuration of a checkpoint, as it is in the file."""

    def __init__(self, kind: Any) -> None:
        self._kind = kind

    def from_pretrained(self, where: str, **options: Any) -> dict[str, Any]:
        found: dict[str, Any] = self._kind.get_config_dict(where, **options)[0]
        return found


def _check_kind(encoder: Encoder, kind: Any) -> None:
    """Refuses a checkpoint of another architecture, of which transformers takes what has the same name."""
    expected = kind.config_class
    found = from_pretrained(encoder, _Config(expected)).get("model_type", expected.model_type)
    if found != expected.model_type:
        raise ExtractError(
            f"{encoder.spec.name}: {_where(encoder)} is no checkpoint of {encoder.spec.model_class}: it is one "
            f"of {found}, expected {expected.model_type}"
        )


def record_source(encoder: Encoder, model: Any) -> None:
    """Notes where the weights came from and which revision of it."""
    encoder.source = _where(encoder)
    encoder.revision = getattr(model.config, "_commit_hash", None) or encoder.spec.revision


# The first version of transformers whose last hidden layer is as the layer left it.
LAST_AS_IT_IS = 5


def check_layers(encoder: Encoder, count: int, *, normalised: bool = False) -> None:
    """Refuses layers that a model of `count` hidden layers has not, and the last one where the installed
    transformers would give it after the model's final normalisation (`normalised`: the model has one).

    Raises:
        ExtractError: naming the layer and the count, or the version.
    """
    version = need("transformers", "transformers").__version__
    if normalised and count in encoder.options.layers and int(version.split(".")[0]) < LAST_AS_IT_IS:
        raise ExtractError(
            f"{encoder.spec.name}: transformers {version} normalises layer {count}, the last, which transformers "
            f"{LAST_AS_IT_IS} leaves as it is: pip install -U transformers, or leave the layer out for the last "
            "hidden state"
        )
    for layer in encoder.options.layers:
        if not 0 <= layer <= count:
            raise ExtractError(
                f"{encoder.spec.name}: has no layer {layer}; its layers are 0 (embeddings) to {count}"
            )
