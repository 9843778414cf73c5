"""The command line of `blendfuse extract`."""

from __future__ import annotations

import argparse
import json
import math
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from .clips import find_clips
from .encoders import Encoder, LoadOptions, load
from .encoders.base import Sampling
from .errors import ExtractError, MissingPackage, need
from .like import Wanted, load_wanted, wanted, ways_of
from .listing import dry_run, markdown, missing_packages, plain
from .progress import Progress
from .registry import Selection, select
from .session import Report, Session, Settings
from .slurm import submit, task_command
from .store import ClipFile

EXAMPLES = """\
Examples:
  blendfuse extract clips --out DATA --encoders light
  blendfuse extract clips --out DATA --encoders clip,wavlm_large --frames-per-second 5
  blendfuse extract clips --out DATA --encoders dinov2 --crop face
  blendfuse extract clips --out DATA --encoders wavlm_large --layers 6-12
  blendfuse extract clips --out DATA --encoders paper --dry-run
  blendfuse extract new_clips --out NEW --like runs/fold0 --test
  blendfuse extract --list

Exit codes: 0 done; 1 failed while running; 2 wrong usage or bad input, or a clip failed without --skip-bad;
130 interrupted (repeat the command to go on)."""


def parser() -> argparse.ArgumentParser:
    """The flags."""
    made = argparse.ArgumentParser(
        prog="blendfuse extract",
        description="Extract feature files from clips: decode, encode, and aggregate over time into "
        "DATA/features/train/NAME.npz and DATA/features/test/NAME.npz (clips of test_metadata.csv).",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    made.add_argument("clips", nargs="*", type=Path, metavar="CLIPS", help="folders of clips, or clips")
    made.add_argument("--out", type=Path, metavar="DATA", help="data folder")
    made.add_argument(
        "--encoders", metavar="LIST", help="names separated by commas; paper, video, audio, challenge, light"
    )
    made.add_argument(
        "--like",
        type=Path,
        metavar="RUN_OR_DATA",
        help="the encoders and settings by which the features of a run or data folder were made; --encoders takes some of them",
    )
    made.add_argument(
        "--list", action="store_true", help="list all encoders and end (--markdown: as a table)"
    )
    made.add_argument("--markdown", action="store_true", help=argparse.SUPPRESS)
    made.add_argument("--dry-run", action="store_true", help="say what each encoder needs, and end")
    what = made.add_argument_group("clips and pictures")
    what.add_argument("--pattern", metavar="GLOB", help="only files whose name matches, such as '*.mov'")
    what.add_argument("--recursive", action="store_true", help="clips in subfolders too")
    what.add_argument(
        "--test",
        action="store_true",
        help="all clips are test clips: their names become DATA/test_metadata.csv, so that predict takes DATA",
    )
    what.add_argument("--frames-per-second", type=float, metavar="N", help="take at most N pictures a second")
    what.add_argument(
        "--crop",
        choices=["none", "face"],
        default="none",
        help="face: crop each picture to its largest face, and leave out pictures without one",
    )
    how = made.add_argument_group("models")
    how.add_argument(
        "--layer", type=int, metavar="K", help="hidden layer K instead of the last (file NAME_lK.npz)"
    )
    how.add_argument(
        "--layers", metavar="A-B", help="hidden layers as encoders of their own, such as 6-12 or 6,9"
    )
    how.add_argument(
        "--weights", action="append", default=[], metavar="NAME=DIR", help="load NAME from this folder"
    )
    how.add_argument(
        "--code",
        action="append",
        default=[],
        metavar="NAME=DIR",
        help="clone of the repository with the code of NAME",
    )
    how.add_argument("--offline", action="store_true", help="download nothing")
    how.add_argument("--device", default="auto", help="cpu, cuda, cuda:1, mps [default: the best there is]")
    work = made.add_argument_group("work")
    work.add_argument("--skip-bad", action="store_true", help="write files without the clips that failed")
    work.add_argument(
        "--keep-frames", type=Path, metavar="DIR", help="also save each clip's frames as DIR/NAME/CLIP.npy"
    )
    work.add_argument(
        "--print",
        type=_count,
        metavar="N",
        help="print N commands that share the work, for any job scheduler, and end",
    )
    work.add_argument(
        "--executor", choices=["local", "slurm"], default="local", help="slurm: submit an array of --tasks"
    )
    work.add_argument("--tasks", type=_count, metavar="N", help="with Slurm: tasks that share the clips")
    work.add_argument(
        "--slurm-args",
        metavar="OPTIONS",
        help="with Slurm: options for sbatch, such as --slurm-args='--gpus=1 --time=4:00:00'",
    )
    work.add_argument("--force", action="store_true", help="replace feature files that were made otherwise")
    work.add_argument("--json", action="store_true", help="print the result as one JSON object on stdout")
    work.add_argument("--quiet", "-q", action="store_true", help="no progress and no notes")
    return made


def _count(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) == 0:
        raise argparse.ArgumentTypeError(f"{text!r}: expected a whole number from 1 on")
    return int(text)


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    flags = parser().parse_args(words)
    try:
        code = _run(flags, words)
        sys.stdout.flush()
        return code
    except ExtractError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader has stopped, such as `head`; without this, Python would complain again when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command goes on where this one ended", file=sys.stderr)
        return 130


def _run(flags: argparse.Namespace, words: list[str]) -> int:
    if flags.list:
        print(markdown() if flags.markdown else plain())
        return 0
    _check(flags)
    like = wanted(ways_of(flags.like, _names(flags.encoders))) if flags.like else []
    specs = [entry.spec.name for entry in like] if like else _names(flags.encoders)
    selection = select(specs)
    options = _options(flags, selection)
    clips = find_clips(flags.clips, flags.recursive, flags.pattern)
    if flags.dry_run:
        print(
            dry_run(
                selection, clips, options, Sampling(flags.frames_per_second), flags.keep_frames is not None
            )
        )
        return 0
    if flags.print:
        print("\n".join([shlex.join(task_command(words))] * flags.print))
        return 0
    if flags.executor == "slurm":
        print(submit(words, flags.out, flags.tasks, flags.slurm_args or ""))
        return 0
    need("av", "'blendfuse[extract]'  (without torch: 'blendfuse[extract-light]')")
    encoders = _load_alike(like, options, flags.quiet) if like else _load(selection, options, flags.quiet)
    return _extract(flags, clips, encoders, options.device)


def _check(flags: argparse.Namespace) -> None:
    if not flags.clips or flags.out is None or not (flags.encoders or flags.like):
        raise ExtractError(
            "expected CLIPS, --out DATA and --encoders LIST (or --like); see `blendfuse extract --help`"
        )
    if flags.frames_per_second is not None and not 0 < flags.frames_per_second < math.inf:
        raise ExtractError("--frames-per-second: expected a number above 0")
    decided = {
        "--layer": flags.layer is not None,
        "--layers": flags.layers is not None,
        "--frames-per-second": flags.frames_per_second is not None,
        "--crop": flags.crop != "none",
    }
    if flags.like and (given := [flag for flag, is_given in decided.items() if is_given]):
        raise ExtractError(f"{given[0]}: --like decides it; leave {given[0]} out")
    if (flags.executor == "slurm") != (flags.tasks is not None):
        raise ExtractError("--executor slurm and --tasks N need each other")
    if flags.slurm_args is not None and flags.executor != "slurm":
        raise ExtractError("--slurm-args: requires --executor slurm")


def _names(text: str | None) -> list[str]:
    return [word.strip() for word in text.split(",")] if text else []


def _extract(flags: argparse.Namespace, clips: list[ClipFile], encoders: list[Encoder], device: str) -> int:
    settings = Settings(
        out=flags.out,
        sampling=Sampling(flags.frames_per_second, flags.crop == "face"),
        keep_frames=flags.keep_frames,
        skip_bad=flags.skip_bad,
        force=flags.force,
        device=device,
        test=flags.test,
    )
    session = Session(clips, encoders, settings)
    progress = Progress(len(session.to_do()), flags.quiet)
    try:
        report = session.run(progress.clip_done)
    finally:
        progress.end()
    _tell(report, flags)
    return 2 if not flags.skip_bad and any(report.failed.values()) else 0


def _options(flags: argparse.Namespace, selection: Selection) -> LoadOptions:
    if flags.layer is not None and flags.layers is not None:
        raise ExtractError("--layer and --layers exclude each other")
    layers = [str(flags.layer)] if flags.layer is not None else (flags.layers or "").split(",")
    if flags.offline:
        os.environ["HF_HUB_OFFLINE"] = "1"
    return LoadOptions(
        device=_device(flags.device),
        layers=tuple(sorted({layer for part in layers if part for layer in _layers(part)})),
        weights=_folders("--weights", flags.weights, selection),
        code=_folders("--code", flags.code, selection),
        offline=flags.offline,
    )


def _layers(text: str) -> range:
    first, _, last = text.partition("-")
    try:
        found = range(int(first), int(last or first) + 1)
    except ValueError:
        found = range(0)
    if not found:
        raise ExtractError(f"--layers {text!r}: expected numbers such as 6-12 or 6,9,12")
    return found


def _folders(flag: str, given: list[str], selection: Selection) -> dict[str, Path]:
    names = [spec.name for spec in selection.specs]
    found = {}
    for text in given:
        name, separator, folder = text.partition("=")
        if not separator or name not in names:
            raise ExtractError(
                f"{flag} {text!r}: expected NAME=DIR with one of the encoders {', '.join(names)}"
            )
        if not Path(folder).exists():
            raise ExtractError(f"{flag} {text!r}: no such file or folder")
        found[name] = Path(folder)
        if flag == "--code" and not any(spec.code for spec in selection.specs if spec.name == name):
            raise ExtractError(f"{flag} {text!r}: its code comes from a package; leave --code out")
    return found


def _device(word: str) -> str:
    if word != "auto":
        return word
    try:
        torch = need("torch", "torch")
    except MissingPackage:
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


def _load(selection: Selection, options: LoadOptions, quiet: bool) -> list[Encoder]:
    """The encoders. One that only a set names is left out, with a note, where its package is missing."""
    loaded = []
    for spec in selection.specs:
        try:
            loaded.append(load(spec, options))
        except MissingPackage as error:
            if spec.name in selection.named:
                others = [package for package in missing_packages(spec) if package not in str(error)]
                more = f"; it also needs {', '.join(others)}" if others else ""
                raise ExtractError(f"{spec.name}: {error}{more}") from error
            if not quiet:
                print(f"note: {spec.name} left out: {error}", file=sys.stderr)
    if not loaded:
        raise ExtractError("no encoder's packages are installed: pip install 'blendfuse[extract]'")
    return loaded


def _load_alike(like: list[Wanted], options: LoadOptions, quiet: bool) -> list[Encoder]:
    loaded = []
    for entry in like:
        encoder, notes = load_wanted(entry, options)
        loaded.append(encoder)
        for note in () if quiet else notes:
            print(f"note: {note}", file=sys.stderr)
    return loaded


def _clips(count: int) -> str:
    return "1 clip" if count == 1 else f"{count} clips"


def _tell(report: Report, flags: argparse.Namespace) -> None:
    if flags.json:
        print(json.dumps(asdict(report)))
    else:
        for path, rows in report.written.items():
            print(f"{path}: {_clips(rows)}")
    for name, lacking in report.unfinished.items():
        print(
            f"note: {name}: {_clips(lacking)} with another process, which will write the file",
            file=sys.stderr,
        )
    for name, reasons in report.missing.items():
        if reasons and not flags.quiet:
            clip, reason = next(iter(reasons.items()))
            print(
                f"note: {name}: missing for {_clips(len(reasons))}, such as {clip}: {reason}", file=sys.stderr
            )
    if report.empty and not flags.quiet:
        print(
            f"note: {_clips(len(report.empty))} without any features, so not in test_metadata.csv, such as "
            f"{report.empty[0]}",
            file=sys.stderr,
        )
    for name, reasons in report.failed.items():
        for clip, reason in reasons.items():
            print(f"{'warning' if flags.skip_bad else 'error'}: {name}: {clip}: {reason}", file=sys.stderr)
        if reasons and not flags.skip_bad:
            print(
                f"error: {name}: {_clips(len(reasons))} failed and its file was not written; --skip-bad writes it "
                "without them, from the rows that are there",
                file=sys.stderr,
            )
