"""The table of encoders for people: `--list`, `--dry-run`, and the one in docs/encoders.md."""

from __future__ import annotations

import shutil
from importlib.metadata import PackageNotFoundError, version

from .encoders import LoadOptions
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


def dry_run(selection: Selection, clips: list[ClipFile], options: LoadOptions) -> str:
    """What each encoder of a request needs."""
    size = sum(clip.size for clip in clips)
    lines = [f"{len(clips)} clips, {size / 1e6:.1f} MB; device {options.device}"]
    for spec in selection.specs:
        lacking = [package for package in spec.packages if not _installed(package)]
        where = (
            f"from {options.weights[spec.name]}"
            if spec.name in options.weights
            else f"{spec.where}: {spec.source}"
        )
        lines.append(f"{spec.name}: {where}; {_licence(spec)}")
        if lacking:
            lines.append(f"  missing: {', '.join(lacking)}")
        if spec.note:
            lines.append(f"  {spec.note}")
    free = shutil.disk_usage(".").free
    lines.append(
        f"free on this disk: {free / 1e9:.0f} GB (sizes of downloads are not known before they begin)"
    )
    return "\n".join(lines)


def _installed(package: str) -> bool:
    name = package.split()[0].split("=")[0].split("<")[0].split(">")[0]
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True
