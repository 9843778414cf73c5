"""The table of encoders for people: `--list`, `--dry-run`, and the one in docs/encoders.md."""

from __future__ import annotations

import contextlib
import shutil
from importlib.metadata import PackageNotFoundError, version

from .encoders import LoadOptions
from .encoders.base import Sampling
from .errors import need
from .estimate import Estimate, duration, measure, operations_per_second
from .registry import EncoderSpec, Selection, encoders, sets
from .store import ClipFile


def plain() -> str:
    """Names, modalities, sizes, sources and licences, by set."""
    blocks = []
    for title in ("paper", "challenge", "light"):
        rows = [spec for spec in encoders() if title in spec.sets]
        lines = [
            f"  {spec.name:30} {spec.modality:10} {spec.frame_size:5}  {spec.source}; {_licence(spec)}"
            for spec in rows
        ]
        blocks.append("\n".join([f"{title} ({len(rows)}):", *lines]))
    names = ", ".join(sets())
    return "\n\n".join(
        [*blocks, f"Sets: {names}. Sizes are features per frame (per clip: egemaps, compare)."]
    )


def _licence(spec: EncoderSpec) -> str:
    return (spec.licence or "licence unknown") + (", gated" if spec.gated else "")


def markdown() -> str:
    """The table of docs/encoders.md."""
    head = (
        "| Feature file | Modality | Frame size | Source | Evidence | Licence | Layer | Frames per second |"
    )
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for spec in encoders():
        cells = [
            f"`{spec.name}`",
            spec.modality,
            str(spec.frame_size),
            f"`{spec.source}`" if spec.where != "private" else spec.source,
            spec.evidence or "",
            _licence(spec),
            spec.layer or "",
            "one row per clip" if spec.per_clip else spec.frames_per_second or "",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def dry_run(
    selection: Selection,
    clips: list[ClipFile],
    options: LoadOptions,
    sampling: Sampling,
    keeps_frames: bool,
) -> str:
    """What each encoder of a request needs: download, packages, and about how much time and disk."""
    size = sum(clip.size for clip in clips)
    lines = [f"{len(clips)} clips, {size / 1e6:.1f} MB; device {options.device}"]
    workload = measure(clips, sampling.per_second)
    lines.append(workload.told() if workload else "estimates need: pip install 'blendfuse[extract]'")
    speed = operations_per_second(options.device) if workload else 0.0
    total = Estimate(0.0, 0.0)
    for spec in selection.specs:
        lacking = missing_packages(spec)
        where = (
            f"from {options.weights[spec.name]}"
            if spec.name in options.weights
            else f"{spec.where}: {spec.source}"
        )
        lines.append(f"{spec.name}: {where}; {_licence(spec)}")
        if spec.name not in options.weights and spec.where == "hub":
            lines.append(f"  {_download(spec, options)}")
        if workload:
            layers = max(1, len(options.layers))
            estimate = workload.of(spec, layers, speed, keeps_frames)
            total = total.plus(estimate)
            lines.append(f"  {estimate.told()}")
        if lacking:
            lines.append(f"  missing: {', '.join(lacking)}")
        if spec.note:
            lines.append(f"  {spec.note}")
    if workload:
        lines.append(f"all: {total.told()}, and {duration(workload.decoding)} of decoding beside it")
    lines.append(f"free on this disk: {shutil.disk_usage('.').free / 1e9:.0f} GB")
    return "\n".join(lines)


def _download(spec: EncoderSpec, options: LoadOptions) -> str:
    """The size of a checkpoint: what the hub says, else what the table has from memory."""
    if not options.offline and "/" in spec.source and ":" not in spec.source:
        with contextlib.suppress(Exception):
            hub = need("huggingface_hub", "huggingface_hub")
            found = hub.HfApi().model_info(spec.source, files_metadata=True, timeout=5)
            weights = [file.size or 0 for file in found.siblings if file.rfilename.endswith(".safetensors")]
            if weights:
                return f"download: {sum(weights) / 1e9:.2f} GB, by the hub"
    if spec.download_mb is None:
        return "download: of unknown size"
    return f"download: about {spec.download_mb / 1000:.1f} GB"


def missing_packages(spec: EncoderSpec) -> list[str]:
    """What an encoder needs that is not installed, as pip takes it."""
    return [package for package in spec.packages if not _installed(package)]


def _installed(package: str) -> bool:
    name = package.split()[0].split("=")[0].split("<")[0].split(">")[0]
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
