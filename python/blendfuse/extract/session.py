"""A request: all its clips through all its encoders, and the feature files at the end."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from .._files import whole_file
from .clip_run import ClipRun
from .clips import check_test_table, divide, targets, write_test_table
from .decoding import Begin, Decoder, Demand, End
from .encoders import Encoder
from .encoders.base import Frames, Sampling
from .errors import MediaError, NothingToEncode
from .face_finder import FaceFinder
from .making import provenance
from .media import Picture
from .saved_faces import SavedFaces
from .statistics import seven_statistics
from .store import ClipFile, Outcome, RowStore, claim


@dataclass(frozen=True)
class Settings:
    """Options of a request besides clips and encoders. `out` is the data folder; with `test`, all clips
    are test clips, and their names become its `test_metadata.csv`."""

    out: Path
    sampling: Sampling = Sampling()
    keep_frames: Path | None = None
    skip_bad: bool = False
    force: bool = False
    device: str = "cpu"
    test: bool = False

    @property
    def work(self) -> Path:
        """Where rows lie until the feature files are whole."""
        return self.out / ".extract"


@dataclass
class Report:
    """What was done: rows by feature file, failed clips and clips without anything to encode by
    encoder, encoders that other processes are still working on, and, of test clips, those without a row
    of any encoder."""

    written: dict[str, int] = field(default_factory=dict)
    failed: dict[str, dict[str, str]] = field(default_factory=dict)
    missing: dict[str, dict[str, str]] = field(default_factory=dict)
    unfinished: dict[str, int] = field(default_factory=dict)
    empty: list[str] = field(default_factory=list)


class Session:
    """Runs a request. `clip_done` is called after each clip that this process encoded."""

    def __init__(self, clips: list[ClipFile], encoders: list[Encoder], settings: Settings) -> None:
        self.clips, self.encoders, self.settings = clips, encoders, settings
        if settings.test:
            check_test_table(settings.out, clips)
        self.stores = {
            name: self._store(encoder, output)
            for encoder in encoders
            for output, name in enumerate(encoder.outputs)
        }
        needs_faces = any(
            encoder.finds_faces or (self._sampling(encoder).crop_faces and encoder.window)
            for encoder in encoders
        )
        self.faces = SavedFaces(FaceFinder(settings.device), settings.work / "faces") if needs_faces else None

    def _sampling(self, encoder: Encoder) -> Sampling:
        return encoder.sampling or self.settings.sampling

    def _store(self, encoder: Encoder, output: int) -> RowStore:
        settings, name = self.settings, encoder.outputs[output]
        files = targets(settings.out, name)
        how = provenance(encoder, output, self._sampling(encoder), settings.device)
        if settings.force:
            for file in files:
                file.unlink(missing_ok=True)
        return RowStore(settings.work, name, how, files)

    def _lacking(self, clip: ClipFile) -> list[Encoder]:
        """The encoders that have no outcome of the clip, or failed on it."""

        def lacks(name: str) -> bool:
            outcome = self.stores[name].outcome(clip)
            return outcome is None or outcome.failed

        return [encoder for encoder in self.encoders if any(map(lacks, encoder.outputs))]

    def to_do(self) -> list[ClipFile]:
        """The clips that lack an outcome of some encoder."""
        return [clip for clip in self.clips if self._lacking(clip)]

    def run(self, clip_done: Callable[[ClipFile], None]) -> Report:
        """Encodes what lacks and writes the feature files that are complete.

        Raises:
            ExtractError: if a clip's rows do not fit the others'.
        """
        runs: list[ClipRun] = []
        lacking: list[Encoder] = []
        for event in Decoder(self.to_do(), self._demand(), self._claim):
            if isinstance(event, Begin):
                lacking = self._lacking(event.clip)
                runs = [ClipRun(encoder, self._sampling(encoder)) for encoder in lacking]
                if self.faces is not None:
                    self.faces.begin(event.clip)
                for run in runs:
                    run.sound(event.sounds)
            elif isinstance(event, End):
                if self.faces is not None and event.error is None:
                    self.faces.end(event.clip)
                self._finish(event, lacking or self._lacking(event.clip), runs)
                clip_done(event.clip)
                runs, lacking = [], []
            else:
                self._pictures(event, runs)
        return self._write_files()

    def _demand(self) -> Demand:
        rates = frozenset(encoder.rate for encoder in self.encoders if encoder.rate is not None)
        seeing = [encoder for encoder in self.encoders if encoder.window]
        paces = [self._sampling(encoder).per_second or encoder.per_second for encoder in seeing]
        known = [pace for pace in paces if pace is not None]
        # Encoders of different pace choose from all pictures: thinning twice would leave others.
        pace = known[0] if len(known) == len(paces) and len(set(known)) == 1 else None
        return Demand(rates, bool(seeing), pace)

    @contextmanager
    def _claim(self, clip: ClipFile) -> Iterator[bool]:
        """Whether this process is to do a clip: no other is at it, or has done it since."""
        with claim(self.settings.work, clip.key) as taken:
            yield taken and bool(self._lacking(clip))

    def _pictures(self, batch: list[Picture], runs: list[ClipRun]) -> None:
        if self.faces is not None and any(run.needs_faces for run in runs):
            batch = self.faces.find(batch)
        for run in runs:
            run.pictures(batch)

    def _finish(self, end: End, lacking: list[Encoder], runs: list[ClipRun]) -> None:
        with end.claimed:
            for number, encoder in enumerate(lacking):
                outcomes = self._outcomes(end, encoder, runs[number] if runs else None)
                for name, outcome in zip(encoder.outputs, outcomes, strict=True):
                    self.stores[name].put(end.clip, outcome)

    def _outcomes(self, end: End, encoder: Encoder, run: ClipRun | None) -> list[Outcome]:
        try:
            if end.error is not None or run is None:
                raise end.error or MediaError("was not decoded")
            outputs = run.frames()
            if self.settings.keep_frames is not None:
                self._keep(self.settings.keep_frames, encoder, end.clip, outputs)
            return [Outcome(self._row(encoder, frames)) for frames in outputs]
        except NothingToEncode as reason:
            outcome = Outcome(None, str(reason))
        except (MediaError, ValueError) as error:
            outcome = Outcome(None, " ".join(str(error).split()), failed=True)
        return [outcome] * len(encoder.outputs)

    @staticmethod
    def _row(encoder: Encoder, frames: Frames) -> Frames:
        return frames[0] if encoder.spec.per_clip else seven_statistics(frames)

    @staticmethod
    def _keep(folder: Path, encoder: Encoder, clip: ClipFile, outputs: list[Frames]) -> None:
        for name, frames in zip(encoder.outputs, outputs, strict=True):
            path = folder / name / f"{clip.key}.npy"
            path.parent.mkdir(parents=True, exist_ok=True)
            with whole_file(path, overwrite=True) as temporary, temporary.open("wb") as file:
                np.save(file, frames)

    def _write_files(self) -> Report:
        report = Report()
        seen: set[str] = set()
        for name, store in self.stores.items():
            outcomes = {clip.key: store.outcome(clip) for clip in self.clips}
            lacking = sum(outcome is None for outcome in outcomes.values())
            if lacking:
                report.unfinished[name] = lacking
                continue
            done = {key: outcome for key, outcome in outcomes.items() if outcome is not None}
            report.failed[name] = _reasons(done, failed=True)
            report.missing[name] = _reasons(done, failed=False)
            seen |= {key for key, outcome in done.items() if outcome.row is not None}
            if not report.failed[name] or self.settings.skip_bad:
                with claim(self.settings.work, f"{name}.npz") as taken:
                    if taken:
                        self._write_file(store, done, report)
        lost = any(report.failed.values()) and not self.settings.skip_bad
        if self.settings.test and not report.unfinished and not lost:
            report.empty = [clip.name for clip in self.clips if clip.key not in seen]
            write_test_table(self.settings.out, [clip for clip in self.clips if clip.key in seen])
        return report

    def _write_file(self, store: RowStore, outcomes: dict[str, Outcome], report: Report) -> None:
        rows = 0
        for split, clips in divide(self.clips, self.settings.out, self.settings.test).items():
            target = self.settings.out / "features" / split / f"{store.name}.npz"
            count = store.write_file(target, clips, outcomes)
            rows += count
            if count:
                report.written[str(target)] = count
                self._list_skipped(target, clips, outcomes)
        if rows and not report.failed[store.name]:
            store.remove_rows()

    def _list_skipped(self, target: Path, clips: list[ClipFile], outcomes: dict[str, Outcome]) -> None:
        if not self.settings.skip_bad:
            return
        skipped = [
            {"clip": clip.name, "file": str(clip.path), "reason": outcomes[clip.key].reason}
            for clip in clips
            if outcomes[clip.key].failed
        ]
        with whole_file(target.with_suffix(".skipped.json"), overwrite=True) as temporary:
            temporary.write_text(json.dumps({"skipped": skipped}, indent=2) + "\n", encoding="utf-8")


def _reasons(outcomes: dict[str, Outcome], failed: bool) -> dict[str, str]:
    chosen = ((key, outcome) for key, outcome in outcomes.items() if outcome.row is None)
    return {key: outcome.reason for key, outcome in chosen if outcome.failed is failed}
