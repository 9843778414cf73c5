"""Times `blendfuse extract` beside decoding once plus the models alone, and beside one script for each encoder.

    python benches/peers/extract.py --what pictures
    python benches/peers/extract.py --what sounds
    python benches/peers/extract.py --what light
    python benches/peers/extract.py --what memory

Runs all sides in turn, several times over, and prints the medians of their seconds by the clock and of the
processor, and the ratios of the medians: what other work the machine does then strikes all alike. Every side is
whole processes, so each is also run on one short clip: that is what imports and loading of models cost, and the
rest is work. torch and OpenMP have one thread (`--threads`), the decoders as many as they take.

- `extract`: one command for all encoders;
- `alone`: one process that decodes each clip once with the functions of the page, then gives it to every model by
  the page's `embed`, and writes nothing: the least that a script of one's own for all encoders takes;
- `loops`: the examples of docs/encoders.md as they stood at commit 07adbe6, one script for each encoder, one after
  the other, with `blendfuse aggregate` or `blendfuse vectors` for each. Changed in them: names, places and classes
  of the encoders; `AutoImageProcessor` for `AutoProcessor`, since the checkpoints have no tokenizers.

`pictures` are six encoders of transformers on made clips of 1280 x 720 pixels at 25 pictures a second, `sounds` six
of speech, both with tiny random checkpoints in the hub's format (`--hidden` and `--layers` make them larger).
`light` are the encoders of sound of that set with the weights that come with their packages; of these that page had
openSMILE only, so the other scripts are the calls of the packages' own pages in its loop. `memory` is the largest
resident memory of one command with an encoder of pictures and one of sound on 100 and on 3,000 clips.

Needs a checkout with its history, blendfuse[extract], pytest, and for `light` torchcrepe and Resemblyzer.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parents[2]
COMMIT = "07adbe6"
PICTURES = ["clip", "dinov2", "dinov3", "siglip2_base", "siglip2_large", "siglip2_so400m"]
SOUNDS = [
    "wav2vec2_base",
    "wav2vec2_large_960h",
    "wav2vec2_large_robust",
    "hubert_large",
    "wavlm_large",
    "whisper_v3",
]
LIGHT = ["egemaps", "compare", "egemaps_lld", "resemblyzer", "silero_vad", "swift_f0", "crepe_tiny"]
ENCODERS = {"pictures": PICTURES, "sounds": SOUNDS, "light": LIGHT}
MEMORY = {100: "memory-100", 3000: "memory-3000"}
# Clips and turns where they are not told.
USUAL = {"pictures": (6, 5), "sounds": (60, 5), "light": (60, 5), "memory": (0, 1)}
SMILE = {
    "egemaps": ("eGeMAPSv02", "Functionals"),
    "compare": ("ComParE_2016", "Functionals"),
    "egemaps_lld": ("eGeMAPSv02", "LowLevelDescriptors"),
}

# The packages' own calls, with the page's `embed` and loop around them.
PACKAGES = {
    "egemaps_lld": """
import opensmile

smile = opensmile.Smile(
    feature_set=opensmile.FeatureSet.eGeMAPSv02,
    feature_level=opensmile.FeatureLevel.LowLevelDescriptors,
)

def embed(sound):
    return smile.process_signal(sound, 16000).to_numpy()
""",
    "resemblyzer": """
from resemblyzer import VoiceEncoder, normalize_volume

encoder = VoiceEncoder("cpu", verbose=False)

def embed(sound):
    loud = normalize_volume(sound, -30, increase_only=True)
    return encoder.embed_utterance(loud, return_partials=True, rate=16)[1]
""",
    "silero_vad": """
from silero_vad import load_silero_vad

model = load_silero_vad()

@torch.inference_mode()
def embed(sound):
    return model.audio_forward(torch.from_numpy(sound), sr=16000).T.numpy()
""",
    "swift_f0": """
from swift_f0 import SwiftF0

detector = SwiftF0()

def embed(sound):
    found = detector.detect(sound, 16000)
    return np.stack([found.pitch_hz, found.confidence, found.loudness_db], axis=1)
""",
    "crepe_tiny": """
import torchcrepe

@torch.inference_mode()
def embed(sound):
    sound = torch.from_numpy(sound)[None]
    return torchcrepe.embed(sound, 16000, 160, model="tiny", batch_size=512).reshape(-1, 256).numpy()
""",
}
# Of the functionals, which the page had in a loop of the package over files.
SIGNAL = """
def embed(sound):
    return smile.process_signal(sound, 16000).to_numpy()
"""
LOOP = """
for path in clips:
    sound = audio(path)
    save(name, path, embed(sound) if len(sound) >= 400 else [])
"""


@dataclass(frozen=True)
class Spent:
    """Seconds by the clock and of the processor, and MiB of the largest process."""

    wall: float
    cpu: float
    mib: float

    def plus(self, other: Spent) -> Spent:
        return Spent(self.wall + other.wall, self.cpu + other.cpu, max(self.mib, other.mib))

    def less(self, other: Spent) -> Spent:
        return Spent(self.wall - other.wall, self.cpu - other.cpu, self.mib)


def ran(command: list[str], folder: Path, threads: int) -> Spent:
    """A process, which must succeed."""
    quiet = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error", "PYTHONWARNINGS": "ignore"}
    environment = os.environ | quiet | {"OMP_NUM_THREADS": str(threads)}
    begun = time.perf_counter()
    with tempfile.TemporaryFile() as told:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=told, stderr=told)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            told.seek(0)
            raise SystemExit(f"{command} failed:\n{told.read().decode()}")
    return Spent(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def write_clip(path: Path, seconds: float, size: tuple[int, int] | None, seed: int) -> None:
    """A .mov of moving waves (`size`: width and height; None: without video) and of a voice-like sound."""
    import av

    random = np.random.default_rng(seed)
    time_axis = np.arange(round(seconds * 48000)) / 48000
    pitch = 120 + 40 * np.sin(2 * np.pi * (1 + seed % 3) * time_axis)
    voice = sum(np.sin(2 * np.pi * k * np.cumsum(pitch) / 48000) / k for k in range(1, 12))
    sound = 0.15 * voice * (1.1 + np.sin(2 * np.pi * 3 * time_axis)) + random.normal(0, 0.005, len(voice))
    with av.open(str(path), "w") as media:
        video: Any = None
        if size is not None:
            video = media.add_stream("h264", rate=25)
            video.width, video.height, video.pix_fmt = *size, "yuv420p"
        audio: Any = media.add_stream("aac", rate=48000)
        audio.layout = "mono"
        for number in range(round(seconds * 25) if size is not None else 0):
            frame = av.VideoFrame.from_ndarray(waves(number, size or (0, 0), seed), format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, 25)
            media.mux(video.encode(frame))
        if video is not None:
            media.mux(video.encode(None))
        steps = np.round(sound * 32768).clip(-32768, 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(steps[None], "s16", "mono")
        frame.sample_rate, frame.pts = 48000, 0
        media.mux(audio.encode(frame))
        media.mux(audio.encode(None))


def waves(number: int, size: tuple[int, int], seed: int) -> np.ndarray:
    x, y = np.meshgrid(np.arange(size[0]), np.arange(size[1]))
    phases = [(x + 3 * number) / (17 + seed), (y - 2 * number) / 23, (x + y + 5 * number) / 31]
    return np.stack([128 + 100 * np.sin(phase) for phase in phases], axis=2).astype(np.uint8)


def checkpoints(arguments: argparse.Namespace) -> dict[str, Path]:
    """Random ones in the hub's format and in single precision: the page's loops take no half."""
    import torch
    import transformers
    from blendfuse.extract.registry import find

    sys.path.insert(0, str(ROOT / "python/tests"))
    import tiny_checkpoints

    folder = arguments.work / f"checkpoints-{arguments.hidden}-{arguments.layers}"
    sizes = {"hidden_size": arguments.hidden, "num_hidden_layers": arguments.layers}
    if arguments.hidden > tiny_checkpoints.WIDTH:
        sizes["intermediate_size"] = 4 * arguments.hidden
    for config in (tiny_checkpoints.VISION, tiny_checkpoints.SPEECH):
        config.update(sizes)
    makers = {
        "pictures": tiny_checkpoints.picture_checkpoint,
        "sounds": tiny_checkpoints.speech_checkpoint,
    }
    made = {name: folder / name for name in ENCODERS[arguments.what]}
    for name, path in made.items():
        if path.exists():
            continue
        makers[arguments.what](name, path)
        spec = find(name)
        assert spec is not None
        kind = getattr(transformers, spec.model_class)
        kind.from_pretrained(path, dtype=torch.float32).save_pretrained(path)
    return made


def page(containing: str) -> str:
    """The Python example of the page that has these words."""
    command = ["git", "-C", str(ROOT), "show", f"{COMMIT}:docs/encoders.md"]
    text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    blocks = re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    (found,) = (block for block in blocks if containing in block)
    return found


def script(what: str, name: str, weights: Path | None) -> str:
    """The page's script for an encoder, up to its loop over the clips."""
    reading = page("def video(path")
    if what == "light" and name in PACKAGES:
        return f"{reading}\nname = {name!r}\n{PACKAGES[name]}\n{LOOP}"
    if what == "light":
        features, level = SMILE[name]
        example = page("import opensmile").replace("eGeMAPSv02", features).replace("Functionals", level)
        return f"{reading}\nname = {name!r}\n{example.replace('egemaps.csv', f'{name}.csv')}"
    example = page({"pictures": '"siglip2_so400m"', "sounds": '"wavlm_large"'}[what])
    named, count = re.subn(
        r"^name, source = .*$", f'name, source = "{name}", "{weights}"', example, flags=re.M
    )
    assert count == 1
    if name == "whisper_v3":
        # The script knows Whisper by its source.
        named = named.replace(str(weights), f"{weights}-whisper")
    return reading + "\n" + named.replace("AutoProcessor", "AutoImageProcessor")


def until_loop(text: str) -> str:
    """A script without its loop, for a process that has a loop of its own."""
    return re.split(r"^for path in clips:|^smile\.process_files", text, flags=re.MULTILINE)[0]


def alone(arguments: argparse.Namespace) -> None:
    """Decodes each clip once and gives it to every model; prints the seconds of both."""
    spaces: list[dict[str, Any]] = []
    for path in sorted(Path("scripts").glob("*.py")):
        space: dict[str, Any] = {}
        text = until_loop(path.read_text(encoding="utf-8"))
        exec(compile(text if "def embed" in text else text + SIGNAL, path.name, "exec"), space)
        spaces.append(space)
    decoding = models = 0.0
    for clip in spaces[0]["clips"]:
        begun = time.process_time()
        read = spaces[0]["video" if arguments.what == "pictures" else "audio"]
        found = read(clip)
        decoded = time.process_time()
        step = 32 if arguments.what == "pictures" else len(found)
        batches = [found[at : at + step] for at in range(0, len(found), step)]
        for space in spaces:
            for batch in batches:
                space["embed"](batch)
        decoding += decoded - begun
        models += time.process_time() - decoded
    print(json.dumps({"decoding": decoding, "models": models}))


def prepare(folder: Path, arguments: argparse.Namespace, clips: int, seconds: float) -> None:
    """Clips in `videos`, their sound in `audio`, and the scripts."""
    size = (1280, 720) if arguments.what == "pictures" else None
    (folder / "videos").mkdir(parents=True, exist_ok=True)
    for number in range(clips):
        path = folder / "videos" / f"c{number:04}.mov"
        if not path.exists():
            write_clip(path, seconds, size, number)
    if arguments.what == "light":
        (folder / "audio").mkdir(exist_ok=True)
        for path in (folder / "videos").iterdir():
            write_wav(path, folder / "audio" / f"{path.stem}.wav")
    (folder / "scripts").mkdir(exist_ok=True)
    weights = checkpoints(arguments) if arguments.what in ("pictures", "sounds") else {}
    for name in ENCODERS[arguments.what]:
        path = weights.get(name)
        if path is not None and name == "whisper_v3" and not Path(f"{path}-whisper").exists():
            shutil.copytree(path, f"{path}-whisper")
        text = script(arguments.what, name, path)
        (folder / "scripts" / f"run_{name}.py").write_text(text, encoding="utf-8")


def write_wav(clip: Path, path: Path) -> None:
    """The sound of a clip for the page's example of openSMILE, which reads WAV files."""
    import wave

    from blendfuse.extract.media import sounds

    samples = sounds(clip, [16000])[16000].samples
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16000)
        file.writeframes(np.round(samples * 32768).clip(-32768, 32767).astype("<i2").tobytes())


def extract_side(folder: Path, arguments: argparse.Namespace) -> Spent:
    command = [arguments.against, "extract", "videos", "--out", "data", "--device", "cpu", "-q"]
    command += ["--offline", "--encoders", ",".join(ENCODERS[arguments.what])]
    weights = checkpoints(arguments) if arguments.what in ("pictures", "sounds") else {}
    command += [part for name, path in weights.items() for part in ("--weights", f"{name}={path}")]
    shutil.rmtree(folder / "data", ignore_errors=True)
    spent = ran(command, folder, arguments.threads)
    written = len(list((folder / "data/features/train").glob("*.npz")))
    assert written == len(ENCODERS[arguments.what]), f"{written} files in {folder}"
    return spent


def alone_side(folder: Path, arguments: argparse.Namespace) -> Spent:
    words = [sys.executable, __file__, "--what", arguments.what, "--side", "alone"]
    return ran(words, folder, arguments.threads)


def loops_side(folder: Path, arguments: argparse.Namespace) -> Spent:
    spent = Spent(0.0, 0.0, 0.0)
    shutil.rmtree(folder / "frames", ignore_errors=True)
    (folder / "features").mkdir(exist_ok=True)
    for name in ENCODERS[arguments.what]:
        spent = spent.plus(ran([sys.executable, f"scripts/run_{name}.py"], folder, arguments.threads))
        out = ["--out", f"features/{name}.npz", "--force", "-q"]
        table = folder / f"{name}.csv"
        kind = ["vectors", table.name] if table.exists() else ["aggregate", f"frames/{name}"]
        spent = spent.plus(ran([arguments.against, *kind, *out], folder, arguments.threads))
    return spent


SIDES: dict[str, Callable[[Path, argparse.Namespace], Spent]] = {
    "extract": extract_side,
    "alone": alone_side,
    "loops": loops_side,
}


def middle(turns: list[Spent]) -> Spent:
    return Spent(*(statistics.median(getattr(turn, key) for turn in turns) for key in ("wall", "cpu", "mib")))


def speed(arguments: argparse.Namespace) -> None:
    whole, short = (arguments.work / f"{arguments.what}-{clips}" for clips in (arguments.clips, "one"))
    prepare(whole, arguments, arguments.clips, arguments.seconds)
    prepare(short, arguments, 1, 0.2)
    found: dict[str, list[tuple[Spent, Spent]]] = {side: [] for side in SIDES}
    for _ in range(arguments.turns):
        for side, run in SIDES.items():
            found[side].append((run(whole, arguments), run(short, arguments)))
    totals = {side: middle([turn for turn, _ in turns]) for side, turns in found.items()}
    starts = {side: middle([start for _, start in turns]) for side, turns in found.items()}
    print(
        f"{len(ENCODERS[arguments.what])} encoders of {arguments.what}, {arguments.clips} clips of "
        f"{arguments.seconds:g} s; medians of {arguments.turns} turns; {processor()}\n"
    )
    print("| | processor s | clock s | start, processor s | work, processor s | over ours: all | work |")
    print("|---|---|---|---|---|---|---|")
    ours = totals["extract"], totals["extract"].less(starts["extract"])
    for side, total in totals.items():
        work = total.less(starts[side])
        print(
            f"| {side} | {total.cpu:.1f} | {total.wall:.1f} | {starts[side].cpu:.1f} | {work.cpu:.1f} "
            f"| {total.cpu / ours[0].cpu:.2f} | {work.cpu / ours[1].cpu:.2f} |"
        )


def memory(arguments: argparse.Namespace) -> None:
    """One picture encoder and one of sound, on clips of half a second that are hard links of ten."""
    arguments.what = "sounds"
    weights = {"wav2vec2_base": checkpoints(arguments)["wav2vec2_base"]}
    arguments.what = "pictures"
    weights |= {"clip": checkpoints(arguments)["clip"]}
    made = arguments.work / "memory-made"
    made.mkdir(parents=True, exist_ok=True)
    print(f"{processor()}\n\n| clips | largest memory, MiB | processor s |\n|---|---|---|")
    for count, name in MEMORY.items():
        folder = arguments.work / name
        (folder / "videos").mkdir(parents=True, exist_ok=True)
        for number in range(count):
            source, target = made / f"{number % 10}.mov", folder / "videos" / f"c{number:04}.mov"
            if not source.exists():
                write_clip(source, 0.5, (320, 240), number % 10)
            if not target.exists():
                os.link(source, target)
        shutil.rmtree(folder / "data", ignore_errors=True)
        command = [arguments.against, "extract", "videos", "--out", "data", "--device", "cpu", "-q"]
        command += ["--offline", "--encoders", ",".join(weights)]
        command += [part for name, path in weights.items() for part in ("--weights", f"{name}={path}")]
        spent = ran(command, folder, arguments.threads)
        print(f"| {count:,} | {spent.mib:,.0f} | {spent.cpu:.0f} |", flush=True)


def processor() -> str:
    """What the system calls the processor, and how many cores there are."""
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        text = ""
    found = re.search(r"^model name\s*: (.+)$", text, re.MULTILINE)
    return f"{found[1] if found else platform.processor()}, {os.cpu_count()} cores"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--against", metavar="PROGRAM", default="blendfuse")
    parser.add_argument("--what", choices=list(USUAL), default="pictures")
    parser.add_argument("--clips", type=int, help="default: 6 of pictures, 60 of sound")
    parser.add_argument("--seconds", type=float, default=4.0, help="length of a clip")
    parser.add_argument("--turns", type=int, help="default: 5")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--hidden", type=int, default=32, help="width of the random models")
    parser.add_argument("--layers", type=int, default=3, help="their layers")
    parser.add_argument(
        "--work", metavar="FOLDER", type=Path, default=Path(tempfile.gettempdir()) / "extract"
    )
    parser.add_argument("--side", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    arguments.work = arguments.work.resolve()
    clips, turns = USUAL[arguments.what]
    arguments.clips = arguments.clips or clips
    arguments.turns = arguments.turns or turns
    if arguments.side == "alone":
        alone(arguments)
    elif arguments.what == "memory":
        memory(arguments)
    else:
        speed(arguments)


if __name__ == "__main__":
    main()
