"""The provenance of what a loaded encoder makes with given options."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from .encoders import Encoder
from .encoders.base import Sampling
from .errors import need
from .face_finder import FaceFinder
from .provenance import Provenance
from .statistics import NAMES

# What a hidden layer is called, before its number.
HIDDEN_LAYER = "hidden layer "


def provenance(encoder: Encoder, output: int, sampling: Sampling, device: str) -> Provenance:
    """How an output of an encoder (its number in `outputs`) is made."""
    av = need("av", "av")
    spec = encoder.spec
    layers = encoder.options.layers
    layer = f"{HIDDEN_LAYER}{layers[output]}" if layers else spec.layer
    seeing = encoder.window > 0
    versions = {"blendfuse": _own_version(), "numpy": version("numpy"), **encoder.versions()}
    finds = encoder.finds_faces or (sampling.crop_faces and seeing)
    if finds:
        versions |= FaceFinder.versions()
    return Provenance(
        encoder=spec.name,
        model_class=spec.model_class,
        source=encoder.source,
        revision=encoder.revision,
        weights_sha256=encoder.weights_sha256,
        layer=layer,
        window=spec.window,
        sample_rate=encoder.rate,
        frames_per_second=(sampling.per_second or encoder.per_second) if seeing else None,
        crop="face" if finds else "none",
        statistics=[] if spec.per_clip else list(NAMES),
        dtype=spec.dtype,
        decoder=f"PyAV {av.__version__}",
        versions=versions,
        device=device,
    )


def _own_version() -> str:
    try:
        return version("blendfuse")
    except PackageNotFoundError:
        # Run from a checkout that is not installed.
        return "unknown"
