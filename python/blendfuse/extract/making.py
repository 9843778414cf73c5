"""The provenance of what a loaded encoder makes with given options."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, version

from .encoders import Encoder
from .errors import need
from .provenance import Provenance
from .statistics import NAMES


def provenance(
    encoder: Encoder, name: str, per_second: float | None, crop_faces: bool, device: str
) -> Provenance:
    """How the output `name` of an encoder is made."""
    av = need("av", "av")
    spec = encoder.spec
    layer = spec.layer if name == spec.name else f"hidden layer {name.rpartition('_l')[2]}"
    seeing = encoder.window > 0
    versions = {"blendfuse": _own_version(), "numpy": version("numpy"), **encoder.versions()}
    finds = encoder.finds_faces or (crop_faces and seeing)
    if finds:
        versions["facenet-pytorch"] = version("facenet-pytorch")
    return Provenance(
        encoder=spec.name,
        model_class=spec.model_class,
        source=encoder.source,
        revision=encoder.revision,
        weights_sha256=encoder.weights_sha256,
        layer=layer,
        window=spec.window,
        sample_rate=encoder.rate,
        frames_per_second=(per_second or encoder.per_second) if seeing else None,
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
